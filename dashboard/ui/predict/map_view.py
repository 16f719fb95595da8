"""The picture beside its heatmap, with the controls of the map, its test, and the downloads."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.datasets.uploads import plain_name
from dashboard.core.errors import DashboardError
from dashboard.core.explanations.answer import Answer, answer_key, explain_again
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.images.preprocessing import as_seen, size_in_words
from dashboard.core.models.facts import stages
from dashboard.schemas.explanations import ExplainedRecord
from dashboard.services import Services
from dashboard.ui.choices import MAP_TARGET_KEY, put_choices_in_address, say_that_it_is_unknown
from dashboard.ui.picture_address import hand_over
from dashboard.ui.question import Question, choose_layer, choose_opacity, explanations
from dashboard.ui.session import ANSWERS_KEPT, remembered
from dashboard.ui.sidebar import MAP_LAYER_KEY
from dashboard.ui.thumbnails import LARGE_SIDE, on_page, show_wide
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import PREDICTED_CLASS, branches_left_out, layer_names, plain


def answer_with_chosen_map(services: Services, first: Answer, data: bytes) -> Answer:
    """The answer with the map of the class and layer that are chosen below the picture."""
    layer, target = st.session_state.get(MAP_LAYER_KEY), st.session_state.get(MAP_TARGET_KEY)
    explanation = first.explanation
    if explanation is None:
        return first
    if layer == explanation.layer_name or layer not in {known.name for known in stages(explanation.layers)}:
        layer = None
    if target == first.predicted_label or target not in first.version.class_names:
        target = None
    if layer is None and target is None:
        return first
    request = MapRequest(layer=layer, target=target)
    key = answer_key(first.name, data, first.version, request)
    return remembered(
        "answers", key, "Explaining ...", lambda: explain_again(services.explainer, first, data, request), ANSWERS_KEPT
    )


def show_pictures(answer: Answer, first: Answer, data: bytes) -> DeltaGenerator:
    """Shows the picture beside its overlay, the controls, the downloads, and the button to the Explain page.

    Returns:
        The place below the overlay, for the test of the map.
    """
    seen = enlarge(as_seen(answer.model_input, answer.version.preprocessing), LARGE_SIDE)
    seen_caption = f"What the model sees, {size_in_words(*answer.model_input.shape[:2])}"
    left, right = st.columns(2, gap="small")
    if answer.is_model_input:
        show_wide(left, on_page(seen), "model-input", seen_caption, "The model's input, enlarged")
        controls = st.container()
    else:
        show_wide(left, on_page(enlarge(answer.picture, LARGE_SIDE)), "picture", "The picture", "The picture")
        small, controls = st.columns([1, 3], gap="small")
        show_wide(small, on_page(seen), "model-input", seen_caption, "The model's input, enlarged")
    stem = Path(plain_name(answer.name)).stem
    downloads = st.container(horizontal=True, key="map-buttons")
    if answer.explanation is None:
        right.info(plain(answer.explanation_fault), icon=":material/info:")
    else:
        with controls:
            opacity = _choose_map(answer.explanation, first)
        base = enlarge(answer.picture, LARGE_SIDE) if answer.map_covers_picture else seen
        blended = overlay(base, answer.explanation.heatmap, opacity)
        target = answer.version.class_names[answer.explanation.target_class]
        of_what = "" if answer.map_covers_picture or answer.is_model_input else " in what the model sees"
        show_wide(
            right,
            blended,
            "overlay",
            f"Evidence for {plain(target)}{of_what} (brighter = stronger)",
            f"Grad-CAM heatmap for {target} over the picture",
        )
        if answer.explanation.empty:
            right.warning(
                f"There is no evidence for {plain(target)} in this layer: the map is empty.", icon=":material/info:"
            )
        downloads.download_button(
            "Overlay (PNG)",
            lambda: encode_png(blended),
            f"{stem}-{plain_name(target)}.png",
            "image/png",
            key="download-overlay",
            icon=":material/download:",
            on_click="ignore",
        )
    downloads.download_button(
        "Result (JSON)",
        lambda: ExplainedRecord.of_answer(answer).to_text(),
        f"{stem}.json",
        "application/json",
        key="download-result",
        icon=":material/download:",
        on_click="ignore",
    )
    if downloads.button("Explain further", key="explain-further", icon=":material/visibility:"):
        hand_over(answer.name, data, st.session_state.get(MAP_TARGET_KEY), st.session_state.get(MAP_LAYER_KEY))
    # the result of the test comes later; what is below it should not move then, just when somebody clicks there
    st.html("<style>.st-key-worth { min-height: 7rem }</style>")
    return right.container(key="worth")


def show_test(services: Services, explanation: Explanation, first: Answer, data: bytes) -> None:
    """Tests the map and shows the verdict. Call this last, because the test needs some hundred predictions."""
    default = first.explanation and first.explanation.layer_name
    layer = None if explanation.layer_name == default else explanation.layer_name
    question = Question(first, data, first.version.class_names[explanation.target_class], layer)
    try:
        [tested] = explanations(services, question, [explanation.method], "Testing the map ...")
    except DashboardError as error:
        st.caption(plain(f"The map could not be tested. {error.message}"))
        return
    if tested.faithfulness:
        show_verdict(tested.faithfulness)
        st.caption(tested.faithfulness.sentence)


def _choose_map(explanation: Explanation, first: Answer) -> float:
    """Shows the controls of the map: class, layer and opacity. Returns the opacity, in [0, 1]."""
    offered = stages(explanation.layers)
    default = (first.explanation and first.explanation.layer_name) or offered[-1].name
    called = layer_names([layer for layer in explanation.layers if layer in offered or layer.name == default])
    targets = [PREDICTED_CLASS, *first.version.class_names]
    if (wanted := st.session_state.get(MAP_TARGET_KEY)) not in targets:
        st.session_state[MAP_TARGET_KEY] = PREDICTED_CLASS
        if wanted:
            say_that_it_is_unknown("class", wanted)
    if (wanted := st.session_state.get(MAP_LAYER_KEY)) not in called:
        st.session_state[MAP_LAYER_KEY] = default
        if wanted:
            say_that_it_is_unknown("layer", wanted)
    with st.container(horizontal=True):  # below each other where there is no room for both
        st.selectbox(
            "Evidence for",
            targets,
            key=MAP_TARGET_KEY,
            help="The map shows where the model sees evidence for this class. Choose another one to see what speaks for it instead.",
            width=220,
        )
        choose_layer(called, MAP_LAYER_KEY)
    if left_out := branches_left_out(explanation.layer, called):
        st.caption(left_out)
    target, layer = st.session_state[MAP_TARGET_KEY], st.session_state[MAP_LAYER_KEY]
    put_choices_in_address("" if target == PREDICTED_CLASS else target, "" if layer == default else layer)
    return choose_opacity("opacity")
