"""One picture: what is it, how sure is the model, and where did it look?"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.datasets.uploads import plain_name
from dashboard.core.errors import DashboardError
from dashboard.core.explanations.answer import Answer, answer_key, explain_again
from dashboard.core.explanations.overlay import DEFAULT_OPACITY, overlay
from dashboard.core.explanations.records import Explanation
from dashboard.core.images.drawing import encode_png, enlarge
from dashboard.core.models.facts import stages
from dashboard.core.models.familiarity import Doubt
from dashboard.core.models.version import ModelVersion
from dashboard.ui.errors import show_error
from dashboard.ui.picture_address import hand_over
from dashboard.ui.picture_pickers import clicked_sample, sample_files, upload_picture
from dashboard.ui.question import Question, explanations
from dashboard.ui.resources import get_services
from dashboard.ui.session import first_answer, remembered
from dashboard.ui.sidebar import MAP_LAYER_KEY, model_in_use
from dashboard.ui.verdict import show_verdict
from dashboard.ui.words import plain, show_predicted_class

SIDE = 512  # pixels of the enlarged pictures
PREDICTED = "the predicted class"

services = get_services()


def choose_picture() -> tuple[str, bytes] | None:
    """Name and content of the picture to look at, None when there is none yet."""
    source = st.segmented_control(
        "Picture from",
        ["Upload", "Camera", "Sample"],
        default="Upload",
        required=True,
        key="source",
        persist_state="session",
    )
    if source == "Camera":
        shot = st.camera_input("Take a picture", key="camera")
        return ("camera.jpg", shot.getvalue()) if shot else None
    if source == "Upload":
        if upload := upload_picture("upload"):
            st.session_state.pop("sample", None)  # or it would come back, unasked, when the upload goes
            return upload
        st.caption("Nothing at hand? Take a sample.")
    return choose_sample()


def choose_sample() -> tuple[str, bytes] | None:
    files = sample_files(services.settings.samples_dir)
    if clicked := clicked_sample(files):
        st.session_state["sample"] = str(clicked)
    chosen = Path(st.session_state.get("sample", ""))
    return (chosen.name, chosen.read_bytes()) if chosen in files else None


def answer_for(first: Answer, data: bytes, layer: str | None, target: str | None) -> Answer:
    """The first answer, or the one with the map that was asked for instead."""
    explanation = first.explanation
    if explanation is None:
        return first
    if layer == explanation.layer_name or layer not in {known.name for known in stages(explanation.layers)}:
        layer = None
    if target == first.predicted_label or target not in first.version.class_names:
        target = None
    if layer is None and target is None:
        return first
    key = answer_key(first.name, data, first.version, layer, target)
    return remembered(
        "answers", key, "Explaining ...", lambda: explain_again(services.inference, first, data, layer, target)
    )


def show_pictures(answer: Answer, first: Answer, data: bytes) -> DeltaGenerator:
    """The picture beside its overlay, the controls of the overlay below it, the downloads, and the way to more.

    Returns the place below the overlay.
    """
    seen = enlarge(answer.model_input, SIDE)
    seen_caption = f"What the model sees, {'x'.join(str(n) for n in answer.model_input.shape[1::-1])} pixels"
    left, right = st.columns(2, gap="small")
    if answer.is_model_input:
        left.image(seen, caption=seen_caption, width="stretch", alt="The model's input, enlarged")
        controls = st.container()
    else:
        picture = enlarge(answer.picture, SIDE)
        left.image(picture, caption="The picture", width="stretch", alt="The picture")
        small, controls = st.columns([1, 3], gap="small")
        small.image(seen, caption=seen_caption, width="stretch", alt="The model's input, enlarged")
    stem = Path(plain_name(answer.name)).stem
    downloads = st.container(horizontal=True)
    if answer.explanation is None:
        right.info(plain(answer.explanation_fault), icon=":material/info:")
    else:
        with controls:
            opacity = choose_map(answer.explanation, first)
        base = enlarge(answer.picture, SIDE) if answer.map_covers_picture else seen
        blended = overlay(base, answer.explanation.heatmap, opacity)
        target = answer.version.class_names[answer.explanation.target_class]
        of_what = "" if answer.map_covers_picture or answer.is_model_input else " in what the model sees"
        right.image(
            blended,
            caption=f"What speaks for {plain(target)}{of_what}: bright is much",
            width="stretch",
            alt=f"Grad-CAM heatmap for {target} over the picture",
        )
        if answer.explanation.empty:
            right.warning(
                f"Nothing in this layer speaks for {plain(target)}: the map is empty.", icon=":material/info:"
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
        answer.to_json,
        f"{stem}.json",
        "application/json",
        key="download-result",
        icon=":material/download:",
        on_click="ignore",
    )
    if downloads.button("Explain further", key="explain-further", icon=":material/visibility:"):
        hand_over(answer.name, data, st.session_state.get("target"), st.session_state.get(MAP_LAYER_KEY))
    return right.container(key="worth")


def show_worth(explanation: Explanation, first: Answer, data: bytes) -> None:
    """Whether the map says anything: tested after all else is on the page, for that takes some hundred predictions."""
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


def choose_map(explanation: Explanation, first: Answer) -> float:
    """The controls of the map: class, layer, and opacity, which is returned."""
    names = [layer.name for layer in stages(explanation.layers)]
    default = (first.explanation and first.explanation.layer_name) or names[-1]
    if default not in names:
        names.append(default)
    grids = {layer.name: f"{layer.grid[0]}x{layer.grid[1]}" for layer in explanation.layers}
    if st.session_state.get(MAP_LAYER_KEY) not in names:
        st.session_state[MAP_LAYER_KEY] = default
    target_column, layer_column = st.columns(2)
    target_column.selectbox(
        "Evidence for",
        [PREDICTED, *first.version.class_names],
        key="target",
        help="The map shows what speaks for this class.",
    )
    layer_column.selectbox(
        "Layer",
        names,
        key=MAP_LAYER_KEY,
        format_func=lambda name: f"{name} ({grids[name]})",
        help="Deeper layers know more about the class, earlier ones more about the place.",
    )
    return st.slider("Opacity", 0.0, 1.0, DEFAULT_OPACITY, 0.05, key="opacity")


def show_answer(answer: Answer, threshold: float) -> None:
    """The class, how sure the model is, and all classes."""
    from dashboard.charts.probabilities import probability_bars, rest_of_bars

    confidence = answer.prediction.confidence
    show_predicted_class(answer.predicted_label)
    st.progress(confidence, text=f"Confidence {confidence:.1%}")
    if confidence < threshold:
        second = answer.version.class_names[int(answer.prediction.pred_probs.argsort()[-2])]
        st.warning(
            f"Unsure: the confidence is under your threshold of {threshold:.0%}. It could also be {plain(second)}.",
            icon=":material/help:",
        )
    if answer.doubt:
        show_doubt(answer.doubt, answer.version)
    for note in answer.notes:
        st.caption(note)
    pred_probs = answer.prediction.pred_probs
    chart = probability_bars(answer.version.class_names, pred_probs, st.context.theme.type == "dark")
    st.altair_chart(chart, width="stretch", key="probabilities", alt="Classes by probability, highest first")
    if rest := rest_of_bars(pred_probs):
        st.caption(rest)


def show_doubt(doubt: Doubt, version: ModelVersion) -> None:
    """Says so when the picture probably shows none of the classes; both scores on request."""
    known = version.familiarity
    assert known is not None
    if doubt.unknown:
        st.warning(
            f"Probably none of the {len(version.class_names)} classes: the model knows {known.kept:.0%} of their "
            "pictures better than this one.",
            icon=":material/question_mark:",
        )
    st.caption(
        f"Energy {doubt.energy:.2f} (doubtful above {known.max_energy:.2f}), "
        f"highest probability {doubt.msp:.1%} (doubtful below {known.min_msp:.1%})",
        help="Two ways to ask whether the picture shows any of the classes. Each lets "
        f"{known.kept:.0%} of held-out pictures of the classes pass. The "
        f"{'energy' if known.decides == 'energy' else 'probability'} decides: it told foreign pictures apart better.",
    )


st.title("Predict")
with st.sidebar:
    threshold = st.slider(
        "Warn below a confidence of",
        0,
        100,
        60,
        5,
        format="%d%%",
        key="threshold",
        persist_state="session",
        help="Predict says so when the model is less sure than this.",
    )

picture = choose_picture()
if picture:
    name, data = picture
    try:
        first = first_answer(services, model_in_use(), name, data)
        answer = answer_for(first, data, st.session_state.get(MAP_LAYER_KEY), st.session_state.get("target"))
    except DashboardError as error:
        show_error(error, "There is no prediction.")
    else:
        pictures, result = st.columns([3, 2], gap="large")
        with pictures:
            below_map = show_pictures(answer, first, data)
        with result:
            show_answer(answer, threshold / 100)
        if answer.explanation and not answer.explanation.empty:
            with below_map:
                show_worth(answer.explanation, first, data)
