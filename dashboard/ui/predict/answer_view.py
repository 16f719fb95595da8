"""The prediction: the answer in words, and the probabilities of all classes."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.probabilities import probability_bars, rest_of_bars
from dashboard.core.explanations.answer import Answer
from dashboard.ui.headline import show_cautions, show_headline


def show_answer(answer: Answer) -> None:
    """Shows the answer, above it why it may be wrong, and below it notes on the file."""
    show_cautions(answer)
    show_headline(answer)
    for note in answer.notes:
        st.caption(note)
    if answer.explanation and answer.explanation.cached:
        st.caption("Stored answer", help="The same model version answered the same picture before.")


def show_probabilities(answer: Answer) -> None:
    """Shows the probabilities of all classes as bars."""
    pred_probs = answer.prediction.pred_probs
    chart = probability_bars(answer.version.class_names, pred_probs, st.context.theme.type == "dark")
    st.altair_chart(
        chart,
        width="stretch",
        height=chart.height,  # keeps the room until the browser has drawn it
        key="probabilities",
        alt="Classes by probability, highest first",
    )
    if rest := rest_of_bars(pred_probs):
        st.caption(rest)
