"""The answer in the largest letters: the predicted class, or that the model is not sure, or knows no such picture."""

from __future__ import annotations

import streamlit as st

from dashboard.core.explanations.answer import Answer
from dashboard.core.metrics.percent import percent, rounded
from dashboard.core.models.familiarity import Doubt, Familiarity
from dashboard.ui.threshold import chosen_threshold
from dashboard.ui.words import none_of, number_in_words, plain

WIDEST_METRIC = 16  # characters
CONTENDER = 0.1  # share of the highest probability from which on the second class is named too


def show_cautions(answer: Answer) -> None:
    """Says why the answer may be wrong more often than others. To be read before the answer."""
    if answer.cautions:
        st.warning(" ".join(answer.cautions), icon=":material/warning:")


def show_headline(answer: Answer, where_set: str = "") -> None:
    """Shows the answer in words, with the confidence. Scores and thresholds are in the help.

    If the confidence is below the threshold, the second class is named too, but only if its probability is at least a tenth
    of the highest.

    Args:
        where_set: where the threshold is set, if not on this page.
    """
    probs, names = answer.prediction.pred_probs, answer.version.class_names
    confidence, threshold = answer.prediction.confidence, chosen_threshold()
    label, doubt = plain(answer.predicted_label), answer.doubt
    known = answer.version.familiarity
    figures = _figures(doubt, known) if doubt and known else None
    if doubt and known and doubt.unknown:
        st.header(f"Probably {none_of(len(names))}", anchor=False, icon=":material/question_mark:", help=figures)
        st.markdown(f"Closest: **{label}**, {percent(confidence)}")
        st.caption(
            f"This picture is less familiar to the model than {percent(known.kept, 0)} of the pictures of these classes. "
            f"The probabilities of the {number_in_words(len(names))} classes always add up to 100%, also when the picture "
            "shows none of them."
        )
    elif confidence < threshold:
        second = int(probs.argsort()[-2])
        or_second = f" or {plain(names[second])}" if probs[second] >= CONTENDER * confidence else ""
        st.header(f"Not sure: {label}{or_second}?", anchor=False, icon=":material/help:", help=figures)
        st.progress(
            confidence,
            text=f"Confidence in {label} {percent(confidence)}, below your threshold of {threshold:.0%}{where_set}",
        )
    else:
        _show_class(answer.predicted_label, figures)
        st.progress(confidence, text=f"Confidence {percent(confidence)}")


def _show_class(label: str, figures: str | None) -> None:
    """Shows the predicted class. A long name gets several lines, because a metric would cut it."""
    if len(label) <= WIDEST_METRIC:
        st.metric("Predicted class", plain(label), help=figures)
    else:
        st.caption("Predicted class")
        st.header(plain(label), anchor=False, help=figures)


def _figures(doubt: Doubt, known: Familiarity) -> str:
    like = "unlike" if doubt.unknown else "like"
    return (
        f"To the model, this picture looks {like} pictures of its classes.\n\n"
        f"Two scores were compared with those of held-out pictures of the classes, of which each accepts {percent(known.kept, 0)}. "
        f"Energy: {rounded(doubt.energy, 2)}, doubtful above {rounded(known.max_energy, 2)}. "
        f"Highest probability: {percent(doubt.msp)}, doubtful below {percent(known.min_msp)}. "
        f"The {'energy' if known.decides == 'energy' else 'probability'} decides, because it separated other pictures better. "
        "Some pictures of other things pass this check."
    )
