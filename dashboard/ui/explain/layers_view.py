"""One method through the layers of the network."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.explanations.overlay import overlay
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.explain.head import choose_method
from dashboard.ui.question import Look, Question, base_picture, through_layers
from dashboard.ui.thumbnails import SMALL_SIDE, four_a_row
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import layer_names, plain


def show_layers(services: Services, question: Question, look: Look) -> None:
    """Shows the map of one method for one layer per grid size, first layer to last."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = choose_method(question, only_layers=True)
        tested = st.toggle(
            "Test each map",
            key="layers-tested",
            help="Compares deletion and insertion with random maps and a spot in the picture's centre: some hundred predictions per layer.",
            persist_state="session",
        )
    if method is None:
        st.info("This model has no layer with a grid, so no map can be made.", icon=":material/info:")
        return
    try:
        found = through_layers(services, question, method.name, tested)
    except DashboardError as error:
        show_error(error, "The maps could not be made.")
        return
    st.caption("First layers (more about the position) to last layers (more about the class).")
    base = base_picture(question.answer, SMALL_SIDE)
    called = layer_names([explanation.layer for explanation in found if explanation.layer])
    for explanation, place in zip(found, four_a_row(len(found)), strict=True):
        layer = explanation.layer
        if layer is None:
            continue
        with place:
            st.image(
                overlay(base, explanation.heatmap, look.opacity, look.smooth),
                width="stretch",
                alt=f"{method.title} heatmap for {question.target} from layer {layer.name}",
            )
            st.markdown(f"**{called[layer.name].capitalize()}**")
            if explanation.faithfulness:
                show_verdict(explanation.faithfulness)
            nothing = "; no evidence for the class here" if explanation.empty else ""
            one_branch = "; leaves out a branch" if layer.unseen else "; shows its last use" if layer.is_reused else ""
            st.caption(f"{plain(layer.name)}: {layer.channels:,} channels{one_branch}{nothing}")
            st.space("small")  # without it, the caption's margin would give the columns a scrollbar
