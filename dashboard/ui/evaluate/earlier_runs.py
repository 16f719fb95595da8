"""The table of all evaluations: open one, compare two or more, note what you think of one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.core.access.visitor import Visitor
from dashboard.core.errors import DashboardError, counted
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.metrics.percent import range_in_percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.overview import RunOverview, overviews
from dashboard.services import Services
from dashboard.ui.compare_address import compare_link
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.note import ask_for_note
from dashboard.ui.evaluate.shown_run import show
from dashboard.ui.set_aside_runs import show_damaged_runs, show_deleted_runs
from dashboard.ui.table_height import ROW_PX, SEVERAL_LINES_PX, table_height
from dashboard.ui.words import in_percents, local_time

_SEARCH, _OPENED = "search-runs", "runs-opened"  # in the session
ROWS_SHOWN = 8


def choose_earlier_run(services: Services) -> None:
    """A table with all runs, except those under way on this server. Shows the run that is opened."""
    active = {job.run_id for job in services.jobs.active()}
    try:
        runs = [run for run in overviews(services.runs) if run.manifest.run_id not in active]
    except DashboardError as error:
        show_error(error, "The earlier evaluations cannot be shown.")
        return
    show_damaged_runs(services)
    if runs:
        _choose(services, runs)
    show_deleted_runs(services)


def _choose(services: Services, runs: Sequence[RunOverview]) -> None:
    visitor = services.runs.visitor
    users = any(visitor.told_of(run.manifest.user) not in ("", visitor.name) for run in runs)
    with st.container(horizontal=True, vertical_alignment="center"):
        title = counted(len(runs), "earlier evaluation")
        st.header(title, anchor=False, help=_who_sees_them(visitor), width="content")
        words = st.text_input(
            "Search",
            key=_SEARCH,
            placeholder=f"Search: dataset, model, {'user, ' if users else ''}state, verdict or note",
            label_visibility="collapsed",
            persist_state="session",
            width=360,
        )
    names = ModelNames(services.registry)
    found = [run for run in runs if _matches(run, names.of(run.manifest), visitor.told_of(run.manifest.user), words)]
    if not found:
        st.caption(f"None of the {len(runs):,} evaluations matches. Try fewer words.")
        return
    if len(found) < len(runs):
        st.caption(f"{counted(len(found), 'evaluation')} found.")
    ticked = _show_table(found, names, users)
    _offer_actions(services, ticked)


def _who_sees_them(visitor: Visitor) -> str:
    if not visitor.name:
        return "Everyone who uses this dashboard sees them."
    return (
        "Those of all users."
        if visitor.is_admin
        else "Yours, and those without an owner, such as those that a command started."
    )


def _show_table(runs: Sequence[RunOverview], names: ModelNames, users: bool) -> list[RunOverview]:
    """Shows the runs, if `users` with their owners, and returns those that are ticked."""
    # another key forgets the ticks, which are positions in the table
    key = f"runs-{st.session_state.get(_OPENED, 0)}-{hash(tuple(run.manifest.run_id for run in runs))}"
    # the fit, which may stand behind the name of a model, goes into a second line
    row_px = SEVERAL_LINES_PX if any(names.of(run.manifest) != run.manifest.model for run in runs) else ROW_PX
    table = _table(runs, names, users)
    state = st.dataframe(
        in_percents(safe_for_spreadsheets(table), ["Accuracy"]),
        hide_index=True,
        height=table_height(len(runs), ROWS_SHOWN if row_px == ROW_PX else ROWS_SHOWN // 2, row_px),
        row_height=row_px,
        column_config={  # fit at 1440 pixels, up to the accuracy at 420; a double click shows the whole text
            "Dataset": st.column_config.TextColumn(width=130),
            "Model": st.column_config.TextColumn(width=120),
            "Accuracy": st.column_config.NumberColumn(width=75),
            "95% interval": st.column_config.TextColumn(width=90, help="Wilson's interval of the accuracy."),
            "Images": st.column_config.NumberColumn(
                format="localized", width=65, help="All images of the dataset, also those that could not be evaluated."
            ),
            "User": st.column_config.TextColumn(width=135, help="Whose evaluation it is. Only admins see this."),
            "Note": st.column_config.TextColumn(width=75),
            "Date": st.column_config.TextColumn(help="In your time zone. The newest is first."),
        },
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="-",
        alt=f"Evaluations with {', '.join(table.columns).lower()}",
    )
    return [runs[row] for row in state["selection"]["rows"] if row < len(runs)]


def _table(runs: Sequence[RunOverview], names: ModelNames, users: bool) -> pd.DataFrame:
    shares = [run.accuracy for run in runs]
    said: dict[str, list[str]] = {
        "Verdict": [run.annotations.verdict for run in runs],
        "Note": [run.note for run in runs],
    }
    return pd.DataFrame(
        {
            "Dataset": [run.manifest.dataset_name for run in runs],
            "Model": [names.of(run.manifest) for run in runs],
            "Accuracy": pd.array([share.value if share else None for share in shares], "Float64"),
            "95% interval": [range_in_percent(s.low, s.high) if s else "" for s in shares],
            "Images": [run.manifest.n_real_images for run in runs],
            **({"User": [run.manifest.user for run in runs]} if users else {}),
            "Date": [local_time(run.manifest.created_utc) for run in runs],
            "State": [run.state for run in runs],
            **{name: values for name, values in said.items() if any(values)},
        }
    )


def _matches(run: RunOverview, model: str, user: str, words: str) -> bool:
    """True if every word occurs in what the table shows as text."""
    manifest = run.manifest
    told = (manifest.dataset_name, model, manifest.run_id, user, run.state, run.annotations.verdict, run.note)
    return all(word in " ".join(told).lower() for word in words.lower().split())


def _offer_actions(services: Services, ticked: Sequence[RunOverview]) -> None:
    one = ticked[0] if len(ticked) == 1 else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Open",
            key="open-run",
            icon=":material/open_in_full:",
            disabled=one is None,
            help="Tick one evaluation in the table.",
            on_click=_open,
            args=(one.manifest.run_id if one else "",),
        )
        if st.button(
            f"Compare {len(ticked)}" if len(ticked) > 1 else "Compare",
            key="compare-runs",
            icon=":material/compare:",
            disabled=len(ticked) < 2,
            help="Tick two evaluations of the same images, or more for a ranking.",
        ):
            older_first = [run.manifest.run_id for run in reversed(ticked)]
            st.switch_page(**compare_link(older_first))
        if (
            st.button(
                "Note and verdict",
                key="note-run",
                icon=":material/edit_note:",
                disabled=one is None or not services.runs.visitor.may_change(one.manifest.user),
                help="Tick one evaluation in the table that you may change.",
            )
            and one
        ):
            ask_for_note(services, one.manifest)


def _open(run_id: str) -> None:
    st.session_state[_OPENED] = st.session_state.get(_OPENED, 0) + 1
    show(run_id)
