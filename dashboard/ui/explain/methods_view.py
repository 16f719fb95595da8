"""The maps of all methods, side by side."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.question import Look, Question, base_picture, explanations, is_made
from dashboard.ui.thumbnails import SMALL_SIDE, four_a_row
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import plain


def show_methods(services: Services, question: Question, look: Look) -> None:
    """Shows a small map per method: the quick methods at once, the slow methods when the user asks for them."""
    quick = [method for method in question.methods if method.cost == "instant"]
    slow = [method for method in question.methods if method.cost == "seconds"]
    st.caption(
        "Score: insertion minus deletion. It is high when the probability of "
        f"{plain(question.target)} depends on the pixels that the map marks. A map that can be trusted scores higher than "
        "random maps and than the picture's centre."
    )
    missing = [method for method in slow if not is_made(question, method.name)]
    wanted = st.session_state.get("slow-wanted") == question.key
    if missing and not wanted:
        st.button(
            "Make the slower maps too" if quick else "Make the maps",
            key="slow-methods",
            icon=":material/more_time:",
            help=f"{', '.join(method.title for method in missing)}: some seconds each.",
            on_click=st.session_state.update,
            args=({"slow-wanted": question.key},),
        )
    shown = [*quick, *(method for method in slow if wanted or method not in missing)]
    places = {}
    for method, place in zip(shown, four_a_row(len(shown)), strict=True):
        with place:
            st.markdown(f"**{method.title}**", help=f"{method.summary} {method.paper}")
            places[method.name] = st.empty()
            if method in missing:
                places[method.name].caption("Waiting ...")
    if quick:
        try:
            found = explanations(services, question, [m.name for m in quick], "Making the maps and testing them ...")
        except DashboardError as error:
            show_error(error, "The maps could not be made.")
            return
        for explanation in found:
            _show_tile(places[explanation.method], question, explanation, look)
    for method in shown[len(quick) :]:
        place = places[method.name]
        try:
            with place:
                [explanation] = explanations(services, question, [method.name], f"{method.title}, some seconds ...")
        except DashboardError as error:
            with place.container():
                st.warning("This map could not be made.", icon=":material/error:")
                st.text(str(error))
            continue
        _show_tile(place, question, explanation, look)


def _show_tile(
    place: st.delta_generator.DeltaGenerator, question: Question, explanation: Explanation, look: Look
) -> None:
    blended = overlay(base_picture(question.answer, SMALL_SIDE), explanation.heatmap, look.opacity, look.smooth)
    title = METHODS[explanation.method].title
    with place.container(gap="xsmall"):
        st.image(blended, width="stretch", alt=f"{title} heatmap for {question.target} over the picture")
        if explanation.faithfulness:
            show_verdict(explanation.faithfulness)
            f = explanation.faithfulness
            if f.verdict != "empty":
                st.caption(
                    f"Score {f.map.score:.2f}  \nrandom maps up to {f.random_scores.max():.2f}, "
                    f"picture's centre {f.gaussian.score:.2f}"
                )
