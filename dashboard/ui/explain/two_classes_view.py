"""Why one class and not another: the difference between the maps of two classes."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.explanations.overlay import overlay, overlay_difference
from dashboard.core.metrics.percent import percent
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.explain.head import choose_method
from dashboard.ui.question import Look, Question, base_picture, explanations
from dashboard.ui.thumbnails import LARGE_SIDE, SMALL_SIDE
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import plain


def show_two_classes(services: Services, question: Question, look: Look) -> None:
    """Shows where the evidence for two classes differs."""
    from dashboard.charts.explanations import map_chart

    names = list(question.answer.version.class_names)
    ranked = [names[i] for i in question.answer.prediction.pred_probs.argsort()[::-1]]
    others = [name for name in names if name != question.target]
    first = next(name for name in (question.true_label, *ranked) if name in others)
    with st.container(horizontal=True):
        method = choose_method(question)
        second = str(
            st.selectbox(
                f"Why {plain(question.target)} rather than",
                others,
                index=others.index(first),
                key=f"rather-than-{question.answer.version.ref}-{question.target}",
                width=260,
            )
        )
    if method is None:
        return
    try:
        pair = [
            explanations(services, asked, [method.name], f"{method.title} and its test ...")[0]
            for asked in (question, question.about(second))
        ]
    except DashboardError as error:
        show_error(error, "The maps could not be made.")
        return
    first_map, second_map = (each.heatmap for each in pair)
    difference = first_map - second_map
    probs = question.answer.prediction.pred_probs
    left, right = st.columns([4, 5], gap="large")
    with left:
        blended = overlay_difference(
            base_picture(question.answer, LARGE_SIDE), difference, min(1.0, 1.8 * look.opacity), look.smooth
        )
        st.altair_chart(
            map_chart(blended, difference, f"{question.target} minus {second}"),
            width="stretch",
            key="difference-map",
            theme=None,
            alt=f"More evidence for {question.target} in orange, more evidence for {second} in purple",
        )
    with right:
        st.badge(f"Orange, plus: more evidence for {plain(question.target)}", color="orange")
        st.badge(f"Purple, minus: more evidence for {plain(second)}", color="violet")
        st.caption(
            "No colour, only the picture in shades of gray: equal evidence for both, or none. Each map is scaled to its own highest value, so the colours show where the "
            "evidence is, not how strong it is."
        )
        for column, name, explanation in zip(st.columns(2), (question.target, second), pair, strict=True):
            with column:
                base = base_picture(question.answer, SMALL_SIDE)
                st.image(
                    overlay(base, explanation.heatmap, look.opacity, look.smooth),
                    width="stretch",
                    alt=f"{method.title} heatmap for {name} over the picture",
                )
                st.text(f"For {name}, {percent(probs[names.index(name)])}")
                if explanation.faithfulness:
                    show_verdict(explanation.faithfulness)
