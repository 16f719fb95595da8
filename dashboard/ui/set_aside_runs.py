"""Runs beside those that can be opened: damaged ones, which can be deleted, and deleted ones, which can be restored."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError, DatasetError, counted
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.files import how_to_write_again, readable_name
from dashboard.services import Services
from dashboard.ui.errors import show_error
from dashboard.ui.words import local_time, plain

_FAULT, _JUST_DELETED = "set-aside-fault", "just-deleted"  # in the session


def show_damaged_runs(services: Services) -> None:
    """One line for each run that cannot be read, with its reason and a button that deletes it."""
    show_failed_deletion()
    for run in services.runs.damaged():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(plain(run.reason), icon=":material/broken_image:")
            st.button(
                "Delete", key=f"delete-damaged-{_in_key(run.run_id)}", icon=":material/delete:", on_click=_delete_damaged,
                args=(services, run.run_id),
            )  # fmt: skip


def show_deleted_runs(services: Services) -> None:
    """Offers to undo the last deletion of this session, and lists the deleted runs."""
    deleted = services.runs.bin.list()
    just = st.session_state.get(_JUST_DELETED)
    if just in [run.run_id for run in deleted]:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.info("The evaluation was deleted.", icon=":material/delete:")
            st.button(
                "Undo", key="undo-deletion", icon=":material/undo:", on_click=_restore, args=(services, str(just))
            )
    if deleted:
        with st.expander(counted(len(deleted), "deleted evaluation"), icon=":material/delete:"):
            names = ModelNames(services.registry)
            for place, run in enumerate(deleted):
                m = run.manifest
                called = f"{m.dataset_name}, {names.of(m)}, {local_time(m.created_utc)}" if m else ""
                what = called or f"{readable_name(run.run_id)}, damaged"
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.text(f"{what}: {counted(run.days_left, 'day')} left")
                    st.button(
                        "Restore", key=f"restore-{place}-{_in_key(run.run_id)}", icon=":material/restore_from_trash:",
                        on_click=_restore, args=(services, run.run_id),
                    )  # fmt: skip


def delete_run(services: Services, run_id: str) -> bool:
    """Moves a run into the bin; the page then offers to undo it. False: it failed, and the page shows why."""
    try:
        services.runs.delete(run_id)
    except (DashboardError, OSError) as error:
        _keep_fault("The evaluation was not deleted.", error)
        return False
    st.session_state[_JUST_DELETED] = run_id
    return True


def _delete_damaged(services: Services, run_id: str) -> None:
    delete_run(services, run_id)


def _restore(services: Services, run_id: str) -> None:
    try:
        services.runs.restore(run_id)
    except (DashboardError, OSError) as error:
        _keep_fault("The evaluation was not restored.", error)
        return
    st.session_state.pop(_JUST_DELETED, None)


def _in_key(run_id: str) -> str:
    """The id in the key of a widget, which has to be UTF-8: the name of a damaged run's folder need not be."""
    return ascii(run_id)[1:-1]


def _keep_fault(title: str, error: DashboardError | OSError) -> None:
    if isinstance(error, OSError):
        error = DatasetError(f"{error.filename}: {error.strerror}.", f"{how_to_write_again(error)}.", "storage")
    st.session_state[_FAULT] = title, error


def show_failed_deletion() -> None:
    """Shows why the deletion or restoration that was just asked for failed, if it did."""
    if fault := st.session_state.pop(_FAULT, None):
        show_error(fault[1], fault[0])
