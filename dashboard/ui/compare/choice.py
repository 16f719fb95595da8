"""What is compared: two runs or more, and conditions on their images. The address and the session keep it.

The address also names the open tab.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.overview import RunOverview
from dashboard.services import Services
from dashboard.ui.address import page_entered, set_address, went_in_history
from dashboard.ui.changing_titles import remember_titles, replace_titles
from dashboard.ui.compare_address import MORE, OF_CELL, TAB, WHERE, WHERE_B, A, B, Choice
from dashboard.ui.session import remembered, state_of_run, stored_run
from dashboard.ui.turned_pages import PAGE
from dashboard.ui.words import local_time, told_apart

_KEYS = {A: "compare-a", B: "compare-b", MORE: "compare-more", WHERE: "compare-where", WHERE_B: "compare-where-b"}
_LISTS = (MORE, WHERE, WHERE_B)
FIRST_TAB, TAB_KEY = "Metrics", "compare-tab"  # the key is one of the session
_CLASSES_OFFERED = 50
# where a box cuts its text
_ENDS_ON_PHONES = "<style>@media (min-width: 641px) { [class*=st-key-compare-end-] { display: none } }</style>"


def choose(services: Services, runs: Sequence[RunOverview]) -> Choice:
    """Shows the boxes and returns what is chosen. At first, that is what the address names."""
    names = ModelNames(services.registry)
    titles = told_apart({run.manifest.run_id: _title(run, names) for run in runs})
    ends = {run.manifest.run_id: _end_of_title(run) for run in runs}
    st.html(_ENDS_ON_PHONES)
    _take_from_address()
    for key in (A, B, MORE):
        replace_titles(_KEYS[key])
    unknown = {run_id for key in (A, B) if (run_id := st.session_state.get(_KEYS[key])) and run_id not in titles}
    titles |= {run_id: f"{run_id} (there is no such evaluation)" for run_id in unknown}
    st.session_state[_KEYS[MORE]] = [run_id for run_id in st.session_state.get(_KEYS[MORE], []) if run_id in titles]
    for key in (A, B, MORE):
        remember_titles(_KEYS[key], titles)
    left, right = st.columns(2)
    for place, key, label in ((left, A, "A"), (right, B, "B")):
        place.selectbox(
            label,
            list(titles),
            index=None,
            format_func=lambda run_id: titles[run_id],
            key=_KEYS[key],
            placeholder="Choose an evaluation",
            persist_state="session",
        )
        if end := ends.get(st.session_state[_KEYS[key]]):
            with place.container(key=f"compare-end-{key}"):
                st.caption(end)
    a, b = (st.session_state[_KEYS[key]] for key in (A, B))
    twice = a is not None and a == b
    sure = _have_probabilities(
        services, [run for run in runs if run.manifest.run_id in (a, b, *st.session_state[_KEYS[MORE]])]
    )
    left, right = st.columns(2)
    with left:
        where = _choose_conditions(WHERE, "For A: only images where" if twice else "Only images where", runs, a, sure)
    where_b = None
    with right:
        if twice:
            where_b = _choose_conditions(WHERE_B, "For B: only images where", runs, b, sure)
        else:
            st.multiselect(
                "More evaluations",
                list(titles),
                format_func=lambda run_id: titles[run_id],
                key=_KEYS[MORE],
                placeholder="Rank more than two",
                select_all=False,
                persist_state="session",
            )
    choice = Choice(a, b, () if twice else tuple(st.session_state[_KEYS[MORE]]), where, where_b)
    _write_address(choice)
    return choice


def _title(run: RunOverview, names: ModelNames) -> str:
    manifest = run.manifest
    return f"{names.of(manifest)} on {manifest.dataset_name}, {_end_of_title(run)}"


def _end_of_title(run: RunOverview) -> str:
    accuracy = f"{percent(run.accuracy.value)}, " if run.accuracy else ""
    return f"{accuracy}{local_time(run.manifest.created_utc)}"


def _have_probabilities(services: Services, runs: Sequence[RunOverview]) -> bool:
    """Whether the confidence of all these runs means something, see `Run.has_probabilities`."""

    def has_them(run_id: str) -> bool:
        key = state_of_run(services, run_id)
        return remembered("has-probabilities", key, "", lambda: stored_run(services, run_id).has_probabilities)

    try:
        return all(has_them(run.manifest.run_id) for run in runs if run.manifest.imported)
    except DashboardError:  # told where they are compared
        return True


def _choose_conditions(
    key: str, label: str, runs: Sequence[RunOverview], run_id: str | None, sure: bool
) -> tuple[str, ...]:
    """Shows the box of conditions. With `sure`, one on the confidence is offered."""
    classes = next((run.manifest.class_names for run in runs if run.manifest.run_id == run_id), ())
    offered = ["correct=no", "correct=yes", *(["confidence<0.7"] if sure else [])]
    offered += [f"true_label={name}" for name in classes[:_CLASSES_OFFERED]]
    chosen = st.session_state.setdefault(_KEYS[key], [])
    found = st.multiselect(
        label,
        list(dict.fromkeys([*offered, *chosen])),
        key=_KEYS[key],
        accept_new_options=True,
        select_all=False,  # an image passes if all conditions hold
        placeholder="All images",
        help="Conditions that must all hold, such as true_label=cat, predicted_label!=dog, correct=no, file~holiday or "
        "tag=unclear. != also keeps images without a value.",
        persist_state="session",
    )
    return tuple(found)


def _take_from_address() -> None:
    """Sets the boxes and the tab to what the address names, if the reader just came to it."""
    params = st.query_params
    named = {key: params.get_all(key) for key in (*_KEYS, TAB) if key in params}
    if went_in_history() or (named and page_entered()):  # else it may be older than a choice that was just made
        for key, widget in _KEYS.items():
            values = named.get(key, [])
            st.session_state[widget] = values if key in _LISTS else next(iter(values), None)
        st.session_state[TAB_KEY] = next(iter(named.get(TAB, ())), FIRST_TAB)


def _write_address(choice: Choice) -> None:
    same_two = (st.query_params.get(A), st.query_params.get(B)) == (choice.a, choice.b)
    values: dict[str, list[str]] = {
        A: [choice.a] if choice.a else [],
        B: [choice.b] if choice.b else [],
        MORE: [*choice.more],
        WHERE: [*choice.where],
        WHERE_B: [*(choice.where_b or ())],
        OF_CELL: st.query_params.get_all(OF_CELL) if same_two else [],
        PAGE: st.query_params.get_all(PAGE),
    }
    if (tab := st.session_state.get(TAB_KEY, FIRST_TAB)) != FIRST_TAB:
        values[TAB] = [tab]
    set_address(values)
