"""The top of the Explain page: the picture, the prediction, and the controls for all maps."""

from __future__ import annotations

from urllib.parse import parse_qs

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.explanations.agreement import summarise
from dashboard.core.explanations.answer import Answer
from dashboard.core.explanations.methods import METHODS, Method
from dashboard.core.history.prediction_ids import id_in_run
from dashboard.core.images.drawing import fit_side
from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.core.models.facts import ConvLayer, stages
from dashboard.core.runs.images import RunImage
from dashboard.services import Services
from dashboard.ui.choices import LAYERS_METHOD_KEY, METHOD_KEY, TARGET_KEY, say_that_it_is_unknown
from dashboard.ui.compare_address import COMPARED
from dashboard.ui.doubtful_labels import doubtful_labels, unknown_doubt
from dashboard.ui.evaluation_address import IN_VIEW, SHOW, SORT, TICKED, VIEW, WHERE
from dashboard.ui.explain.neighbours import show_neighbours
from dashboard.ui.feedback_form import ask_for_feedback
from dashboard.ui.headline import show_cautions, show_headline
from dashboard.ui.navigation import PAGES
from dashboard.ui.picture_address import RUN, Picture, forget_picture, run_image_in_address
from dashboard.ui.question import Look, Question, choose_layer, choose_opacity, made_maps
from dashboard.ui.session import stored_run
from dashboard.ui.sidebar import EXPLAIN_LAYER_KEY
from dashboard.ui.thumbnails import on_page
from dashboard.ui.words import PREDICTED_CLASS, branches_left_out, layer_names, plain

SIDE = 256  # pixels of the small picture


def show_ways_on(services: Services) -> None:
    """Shows the ways to another picture, to the next image, and to the comparison and the evaluation that it is from."""
    run_id, index = run_image_in_address()
    with st.container(horizontal=True, vertical_alignment="center", key="ways-on"):
        st.button("Choose another picture", key="another", icon=":material/arrow_back:", on_click=forget_picture)
        if compared := parse_qs(st.query_params.get(COMPARED, "")):
            st.page_link(
                PAGES / "compare.py", label="Back to comparison", icon=":material/compare:", query_params=compared
            )
        if run_id:
            named = ((WHERE, WHERE), (SHOW, SHOW), (SORT, SORT), (TICKED, TICKED), (VIEW, IN_VIEW))
            there = {name: st.query_params.get_all(of) for name, of in named}
            st.page_link(
                PAGES / "evaluate.py",
                label="Back to evaluation",
                icon=":material/dataset:",
                query_params={RUN: run_id, **there},
            )
            if index is not None:
                show_neighbours(services, run_id, index)


def show_head(services: Services, picture: Picture, answer: Answer) -> None:
    """Shows the picture and the answer that all maps below belong to."""
    small, words = st.columns([1, 4], gap="medium", wrap=False)
    with small.container(key="small-picture"):
        st.html(
            f"<style>.st-key-small-picture [data-testid=stImageContainer] img:not([style*=max-height]) {{ max-height: {SIDE}px }}</style>"
        )
        st.image(on_page(fit_side(answer.picture, SIDE)), width="stretch", alt="The picture")
    with words, st.container(width=440, gap="xsmall"):
        st.text(picture.name)
        show_cautions(answer)
        show_headline(answer, ", which is set in the sidebar of Predict")
        if picture.from_run:
            _show_label(services, picture.from_run, answer)
        _ask_for_feedback(services, picture, answer)
        temperature = answer.version.temperature
        st.caption(
            f"Model: {plain(answer.version.ref)}",
            help=f"Probabilities are calibrated: the logits are divided by {temperature:.2f} before the softmax."
            if temperature != 1
            else "Probabilities are not calibrated.",
        )
        st.space("small")  # without it, the caption's margin would give the columns a scrollbar
    for note in answer.notes:
        st.caption(note)
    if picture.from_run:
        _warn_of_another_answer(picture.from_run, answer)
    fit = answer.version.preprocessing.fit
    if answer.has_other_shape and not answer.map_covers_picture:
        between = "The model sees the picture between black bars. " if fit == "pad" else ""
        st.caption(f"{between}The maps cover what the model sees.")
    if answer.explanation is None:
        st.info(
            f"{plain(answer.explanation_fault)} Methods that need no layer still work.",
            icon=":material/info:",
        )


def show_summary(question: Question, place: DeltaGenerator) -> None:
    """Shows in one sentence what the maps say that were made for this question, if any were."""
    if not (made := made_maps(question)):
        place.empty()
        return
    told = summarise(made, len(question.methods))
    of_other = "" if question.target == question.answer.predicted_label else f"For {plain(question.target)}: "
    place.header(f"{of_other}{told.sentence}", anchor=False, help=told.reason)


def _ask_for_feedback(services: Services, picture: Picture, answer: Answer) -> None:
    """Asks whether the prediction is right: for an image of an evaluation, that of the evaluation, if it is the same."""
    image, subject = picture.from_run, answer.prediction_id
    if image:
        if (image.model, image.predicted_label) != (answer.version.ref, answer.predicted_label):
            return
        subject = id_in_run(image.run_id, image.index)
    ask_for_feedback(services, answer, picture.data, subject, image.true_label if image else None)


def _warn_of_another_answer(image: RunImage, answer: Answer) -> None:
    """Warns if the evaluation used another model, another fit, or gave another prediction."""
    said, ref = plain(image.predicted_label or "nothing"), plain(answer.version.ref)
    fit = answer.version.preprocessing.fit
    if image.model != answer.version.ref:
        told = (
            f"The evaluation used {plain(image.model)}, which predicted {said}. The answer and the maps here are from {ref}, "
            "which is chosen in the sidebar."
        )
    elif image.model_sha256 != answer.version.sha256:
        told = (
            f"The model file of {ref} was replaced after the evaluation, which predicted {said}. The answer and the maps "
            "here are from the present file."
        )
    elif answer.has_other_shape and image.fit and image.fit != fit:
        told = (
            f"The evaluation made the picture fit in another way (“{FIT_NAMES[image.fit]}”) and predicted {said}. The answer "
            f"and the maps here use “{FIT_NAMES[fit]}”, which is chosen in the sidebar."
        )
    elif image.predicted_label not in (None, answer.predicted_label):
        told = (
            f"The evaluation predicted {said}, but here the answer is {plain(answer.predicted_label)}: the settings of {ref} "
            "or how pictures are made to fit have changed since, or the picture in the dataset was replaced."
        )
    else:
        return
    st.warning(told, icon=":material/info:")


def _show_label(services: Services, image: RunImage, answer: Answer) -> None:
    """Shows the label that the evaluation's dataset gives the picture. The model may know better: a label is no truth."""
    if image.true_label is None:
        return
    label = plain(image.true_label)
    if image.true_label == answer.predicted_label:
        st.badge(f"Labelled {label}, as predicted", icon=":material/check:", color="green")
    elif image.index in doubtful_labels(services, stored_run(services, image.run_id)):
        st.badge(
            f"Labelled {label}: differs, and the label may be wrong",
            icon=":material/help:",
            color="orange",
            help="The model is more confident of another class than it usually is for images of that class. Look at the picture.",
        )
    else:
        st.badge(f"Labelled {label}: differs", icon=":material/close:", color="red")
        if unknown := unknown_doubt(services, stored_run(services, image.run_id)):
            st.caption(unknown)


def choose_question(picture: Picture, answer: Answer, all_layers: bool) -> tuple[Question, Look]:
    """Shows the controls for class, layer, opacity and smoothing, and returns the chosen values.

    Args:
        all_layers: the open tab shows all layers, so the choice of a layer is disabled.
    """
    choices = [PREDICTED_CLASS, *answer.version.class_names]
    if (wanted := st.session_state.get(TARGET_KEY)) not in choices:
        st.session_state[TARGET_KEY] = PREDICTED_CLASS
        if wanted:
            say_that_it_is_unknown("class", wanted)
    above = st.container()  # of the controls, which stand side by side
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="question"):
        chosen = str(
            st.selectbox(
                "Evidence for",
                choices,
                key=TARGET_KEY,
                help="The maps show where the model sees evidence for this class. Choose another one to see what speaks for it instead.",
                persist_state="session",
                width=220,
            )
        )
        layer = _choose_layer(answer, above, disabled=all_layers)
        opacity = choose_opacity("explain-opacity", width=180)
        smooth = st.toggle(
            "Smooth",
            value=True,
            key="explain-smooth",
            persist_state="session",
            help="Off: each cell of the map is drawn as a square.",
        )
    target = chosen if chosen in answer.version.class_names else answer.predicted_label
    return Question(answer, picture.data, target, layer, picture.from_run), Look(opacity, smooth)


def offered_layers(answer: Answer) -> list[ConvLayer]:
    """The layers that a reader can choose, in the order of the forward pass; none if the model has no usable layer."""
    if not (explanation := answer.explanation) or explanation.layer is None:
        return []
    offered = {layer.name for layer in (*stages(explanation.layers), explanation.layer)}
    return [layer for layer in explanation.layers if layer.name in offered]


def _choose_layer(answer: Answer, above: DeltaGenerator, disabled: bool) -> str | None:
    """Name of the chosen layer; None for the default layer, or if the model has no usable layer."""
    explanation = answer.explanation
    if explanation is None or explanation.layer is None:
        return None
    default = explanation.layer.name
    layers = {layer.name: layer for layer in offered_layers(answer)}
    if (wanted := st.session_state.get(EXPLAIN_LAYER_KEY)) not in layers:
        st.session_state[EXPLAIN_LAYER_KEY] = default
        if wanted:
            with above:
                say_that_it_is_unknown("layer", wanted)
    called = layer_names(list(layers.values()))
    chosen = choose_layer(called, EXPLAIN_LAYER_KEY, persist_state="session", disabled=disabled)
    if not disabled and (left_out := branches_left_out(layers[chosen], called)):
        above.caption(left_out)
    return None if chosen == default else chosen


def _methods(question: Question, only_layers: bool) -> tuple[dict[str, Method], str]:
    """The methods that can be used, by name, and the name of the chosen one; "" if there is none."""
    methods = {method.name: method for method in question.methods if method.uses_layer or not only_layers}
    wanted = [st.session_state.get(key) for key in (LAYERS_METHOD_KEY, METHOD_KEY)[not only_layers :]]
    return methods, next((name for name in [*wanted, *methods] if name in methods), "")


def method_for_address(question: Question, only_layers: bool) -> str:
    """Name of the chosen method; "" if it is the first one, which is the default."""
    methods, chosen = _methods(question, only_layers)
    return "" if chosen == next(iter(methods), "") else chosen


def choose_method(question: Question, only_layers: bool = False) -> Method | None:
    """Shows the choice of a method, which the tabs share. Returns None if no method can be used."""
    methods, chosen = _methods(question, only_layers)
    if not methods:
        return None
    key = LAYERS_METHOD_KEY if only_layers else METHOD_KEY
    if st.session_state.get(key) != chosen:
        st.session_state[key] = chosen
    names = list(methods)
    name = str(
        st.selectbox(
            "Method",
            names,
            names.index(st.session_state[key]),
            format_func=lambda name: METHODS[name].title,
            key=key,
            persist_state="session",
            width=260,
        )
    )
    return methods[name]
