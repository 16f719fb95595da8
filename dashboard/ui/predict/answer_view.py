"""The prediction: the predicted class, its confidence, and the probabilities of all classes."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.probabilities import probability_bars, rest_of_bars
from dashboard.core.explanations.answer import Answer
from dashboard.core.models.familiarity import Doubt
from dashboard.core.models.version import ModelVersion
from dashboard.ui.words import plain, show_predicted_class


def show_answer(answer: Answer, threshold: float) -> None:
    """Shows the predicted class, its confidence, warnings, and the probabilities of all classes."""
    confidence = answer.prediction.confidence
    show_predicted_class(answer.predicted_label)
    st.progress(confidence, text=f"Confidence {confidence:.1%}")
    if confidence < threshold:
        second = answer.version.class_names[int(answer.prediction.pred_probs.argsort()[-2])]
        st.warning(
            f"Unsure: the confidence is below your threshold of {threshold:.0%}. It could also be {plain(second)}.",
            icon=":material/help:",
        )
    if answer.doubt:
        _show_doubt(answer.doubt, answer.version)
    for note in answer.notes:
        st.caption(note)
    pred_probs = answer.prediction.pred_probs
    chart = probability_bars(answer.version.class_names, pred_probs, st.context.theme.type == "dark")
    st.altair_chart(chart, width="stretch", key="probabilities", alt="Classes by probability, highest first")
    if rest := rest_of_bars(pred_probs):
        st.caption(rest)


def _show_doubt(doubt: Doubt, version: ModelVersion) -> None:
    """Warns when the picture probably shows none of the classes, and shows both scores."""
    known = version.familiarity
    assert known is not None
    if doubt.unknown:
        st.warning(
            f"Probably none of the {len(version.class_names)} classes: this picture is less familiar to the model than "
            f"{known.kept:.0%} of the pictures of these classes.",
            icon=":material/question_mark:",
        )
    st.caption(
        f"Energy {doubt.energy:.2f} (doubtful above {known.max_energy:.2f}), "
        f"highest probability {doubt.msp:.1%} (doubtful below {known.min_msp:.1%})",
        help="Two scores tell whether the picture shows any of the classes. Each accepts "
        f"{known.kept:.0%} of held-out pictures of the classes. The "
        f"{'energy' if known.decides == 'energy' else 'probability'} decides, because it separated other pictures better.",
    )
