"""One evaluation on the page: what it is, the filter, and one view of it at a time."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.evaluation.opening import why_not_resumed
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.left_out import image_count
from dashboard.core.runs.run import Run
from dashboard.core.shell import as_called
from dashboard.services import Services
from dashboard.ui.errors import as_text, show_error
from dashboard.ui.evaluate.damaged_files import show_damaged_files
from dashboard.ui.evaluate.note import show_note
from dashboard.ui.evaluate.views import show_view
from dashboard.ui.filter_bar import filter_in_address, set_filter, show_filter_bar
from dashboard.ui.session import filtered_run
from dashboard.ui.tab_title import name_tab
from dashboard.ui.words import duration, local_time, plain, without_backticks

LINES_SHOWN = 12


def show_run(services: Services, run: Run) -> None:
    """Shows notes about the run, the filter, and the view of the images that pass it."""
    run_id = run.manifest.run_id
    folder = services.runs.folder(run_id)
    _say_what_is_missing(services, run)
    show_damaged_files(folder)
    if run.table.empty:
        return
    show_filter_bar(folder, run)
    try:
        conditions = filter_in_address(run_id)
        filtered = filtered_run(services, run, conditions)
    except DashboardError as error:
        show_error(error, "This filter cannot be used.")
        st.button("Clear the filter", key="clear-filter", on_click=set_filter, args=(run_id, []))
        return
    if conditions:
        st.caption(
            f"{image_count(filtered):,} of {image_count(run):,} images pass the filter. All figures are about them."
        )
    if filtered.table.empty:
        st.info("No image passes the filter.", icon=":material/filter_alt_off:")
        return
    show_view(services, filtered)


def say_what_it_is(services: Services, run: Run) -> None:
    """Shows the dataset, the model, to admins the user, and the date of a run, and what people noted about it."""
    manifest = run.manifest
    measured = manifest.state != "running" and not manifest.imported and manifest.seconds >= 1
    took = f", took {duration(manifest.seconds)}" if measured else ""
    model = ModelNames(services.registry).of(manifest)
    told = (manifest.dataset_name, model, services.visitor.told_of(manifest.user), local_time(manifest.created_utc))
    st.text(f"{', '.join(filter(None, told))}{took}")
    show_note(services, manifest.run_id)
    evaluation = run.evaluation()
    name_tab(manifest.dataset_name, percent(evaluation.accuracy.value) if evaluation else "")


def _say_what_is_missing(services: Services, run: Run) -> None:
    manifest = run.manifest
    if manifest.state != "finished":
        st.warning(
            f"Not finished: {image_count(run):,} of {manifest.n_real_images:,} images are done.",
            icon=":material/info:",
        )
        if manifest.message:
            st.text(as_called(manifest.message))
        is_under_way = services.runs.folder(manifest.run_id).is_under_way(manifest)
        refused = None if is_under_way else why_not_resumed(manifest, services.registry)
        if refused and str(refused) != manifest.message:
            st.text(f"It cannot be resumed. {as_text(refused)}")
    if manifest.unknown_labels and not run.table.empty:
        st.warning(
            "These labels are not classes of this model. Their images were left out:", icon=":material/folder_off:"
        )
        many = len(manifest.unknown_labels) > LINES_SHOWN
        st.code("\n".join(manifest.unknown_labels), language=None, height=300 if many else "content")
    if manifest.notes and not run.table.empty:
        st.caption(plain(without_backticks(" ".join(manifest.notes))))
