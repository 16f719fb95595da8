"""The bar that filters the images of an evaluation. The address holds the filter, so it can be sent to others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.runs.annotations import MOST_NAME, Annotations
from dashboard.core.runs.filtering import OF_PROBABILITIES, FilterSource, kind_of, range_of
from dashboard.core.runs.filters import Filter, any_of, parse_condition, parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import DOUBT
from dashboard.core.runs.run import Run
from dashboard.ui.address import put_in_address, texts_in_address
from dashboard.ui.errors import show_error
from dashboard.ui.evaluation_address import WHERE
from dashboard.ui.words import NOT_YOURS, plain

_MOST_SUGGESTED = 40  # classes
_NAMES = {
    "true_label": "Label", "predicted_label": "Predicted class", "correct": "Right or wrong", "confidence": "Confidence",
    "margin": "Margin to the second class", "file": "File name", "tag": "Tag", "loss": "Loss", "width": "Width (pixels)",
    "height": "Height (pixels)", "aspect": "Width / height", "file_size": "File size (bytes)", "brightness": "Brightness",
    "contrast": "Contrast", "sharpness": "Sharpness", "colourfulness": "Colourfulness", "status": "Evaluated or not",
    DOUBT: "None of the classes",
}  # fmt: skip
_NO_OR_YES = {"no": "No", "yes": "Yes"}
_ANSWERS = {
    "correct": {"no": "Wrong", "yes": "Right"},
    DOUBT: {"yes": "Probably none of the classes", "no": "Not doubtful"},
    "status": {"ok": "Evaluated", "failed": "Not evaluated"},
}  # by column: what each value means
_HIDDEN = {"index", "true_probability", "true_rank", "squared_error"}  # can be typed, but few would look for them
_OF_LABELS = {"true_label", "correct", "loss"}  # of no use without labels


def filter_in_address(run_id: str) -> Filter:
    """The filter that the address holds. Raises DatasetError if it is not one."""
    return parse_filter(texts_in_address(WHERE, run_id))


def show_filter_bar(folder: RunFolder, run: Run) -> None:
    """Shows the conditions of the filter, and ways to add and to save them.

    Args:
        run: all rows of the run.
    """
    run_id = run.manifest.run_id
    active, annotations = texts_in_address(WHERE, run_id), folder.beside.readable_annotations()
    key = f"filter-{run_id}"
    st.session_state[key] = active
    with st.container(horizontal=True, vertical_alignment="bottom", key="filter-bar"):
        st.multiselect(
            "Filter",
            list(dict.fromkeys([*active, *_suggestions(run, annotations)])),
            key=key,
            accept_new_options=True,
            select_all=False,  # an image passes if all conditions hold
            placeholder="All images. Type a condition",  # a phone shows no more
            on_change=partial(_take_over, run_id, key),
            label_visibility="collapsed",
            width="stretch",
        )
        with st.popover("Add condition", icon=":material/add:", key=f"add-condition-{run_id}"):
            _offer_condition(folder.filter_source(run.files), run, active, annotations)
        with st.popover("Subsets", icon=":material/bookmark:", key=f"subsets-{run_id}"):
            _offer_subsets(folder, run_id, active, annotations)
    if message := st.session_state.pop(_message(run_id), None):
        show_error(message, "This condition was not added.")


def set_filter(run_id: str, texts: Sequence[str]) -> None:
    """Replaces the filter."""
    put_in_address(WHERE, run_id, texts)


def _message(run_id: str) -> str:
    return f"filter-error-{run_id}"


def _suggestions(run: Run, annotations: Annotations) -> list[str]:
    names = run.manifest.class_names[:_MOST_SUGGESTED]
    of_labels = ("correct=no", "correct=yes") if len(run.labelled) else ()
    unsure = ("confidence<0.7",) if run.has_probabilities else ()
    doubt = () if run.manifest.familiarity_kept is None else (f"{DOUBT}=yes",)
    return [
        *of_labels, *unsure, *doubt, "status=failed", *(f"tag={name}" for name in annotations.tags),
        *(f"true_label={name}" for name in names if of_labels), *(f"predicted_label={name}" for name in names),
    ]  # fmt: skip


def _take_over(run_id: str, key: str) -> None:
    """Makes the chosen conditions the filter, without those that are none."""
    good = []
    for text in st.session_state[key]:
        try:
            good.append(str(parse_condition(text)))
        except DashboardError as error:
            st.session_state[_message(run_id)] = error
    set_filter(run_id, good)


def _offer_condition(source: FilterSource, run: Run, active: Sequence[str], annotations: Annotations) -> None:
    run_id = run.manifest.run_id
    without = {*_HIDDEN, *(() if len(run.labelled) else _OF_LABELS)}
    if run.manifest.familiarity_kept is None:
        without.add(DOUBT)
    if not run.has_probabilities:
        without |= OF_PROBABILITIES
    columns = [name for name in source.columns if name not in without]
    columns.sort(key=lambda name: [*_NAMES].index(name) if name in _NAMES else len(_NAMES))
    column = str(
        st.selectbox("Condition on", columns, format_func=lambda name: _NAMES.get(name, name), key=f"column-{run_id}")
    )
    conditions = _ask(column, source, f"condition-{run_id}-{column}", annotations)
    st.button(
        "Add",
        key=f"add-{run_id}",
        type="primary",
        disabled=not conditions,
        on_click=set_filter,
        args=(run_id, list(dict.fromkeys([*active, *conditions]))),
    )
    st.caption("You can also type a condition, such as true_label!=cat. != also keeps images without a value.")


def _ask(column: str, source: FilterSource, key: str, annotations: Annotations) -> list[str]:
    """Asks for the values of a column; the conditions that the answer means."""
    kind = kind_of(column, source)
    if kind in ("class", "tag"):
        options = list(source.class_names if kind == "class" else annotations.tags)
        chosen = st.multiselect("Any of these", options, key=key, placeholder="Choose" if options else "None yet")
        return [str(any_of(column, chosen))] if chosen else []
    answers = _ANSWERS.get(column) or (_NO_OR_YES if kind == "flag" else None)
    if answers:
        answer = st.radio("Which", list(answers), format_func=answers.get, key=key, index=None)
        return [f"{column}={answer}"] if answer else []
    if kind == "text":
        words = st.text_input("Contains", key=key)
        return [f"{column}~{words}"] if words else []
    known = range_of(column, source)
    if known is None:
        st.caption("No image of this evaluation has a value here.")
        return []
    st.caption(f"From {known[0]:,.4g} to {known[1]:,.4g}.")
    left, right = st.columns(2)
    low = left.number_input("At least", value=None, key=f"{key}-low", format="%g")
    high = right.number_input("At most", value=None, key=f"{key}-high", format="%g")
    return [f"{column}{sign}{_number(value)}" for sign, value in ((">=", low), ("<=", high)) if value is not None]


def _number(value: float) -> str:
    """The number with all its digits, without ".0"."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _offer_subsets(folder: RunFolder, run_id: str, active: Sequence[str], annotations: Annotations) -> None:
    st.caption("A subset is a filter with a name. It is kept with the evaluation, for everyone who sees it.")
    may_change = folder.may_change()
    for name, conditions in annotations.subsets.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                plain(name),
                key=f"subset-{run_id}-{name}",
                help=plain(", ".join(conditions)),
                on_click=set_filter,
                args=(run_id, conditions),
                width="stretch",
            )
            if may_change and st.button("Delete", key=f"forget-{run_id}-{name}", type="tertiary"):
                folder.beside.annotate(lambda found, name=name: found.without_subset(name))  # type: ignore[misc]
                st.rerun()
    if not may_change:
        st.caption(NOT_YOURS)
        return
    name = st.text_input(
        "Name", max_chars=MOST_NAME, key=f"subset-name-{run_id}", placeholder="For example: dark images"
    )
    if st.button("Save the filter", key=f"save-subset-{run_id}", disabled=not (active and name.strip())):
        try:
            folder.beside.annotate(lambda found: found.with_subset(name, active))
        except DashboardError as error:
            show_error(error, "The subset was not saved.")
        else:
            st.rerun()
    if not active:
        st.caption("Set a filter first.")
