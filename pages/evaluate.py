"""A whole dataset: how good is the model, what does it confuse, and which images are they?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core import cifar10
from dashboard.core.dataset_library import keep_upload, library
from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DashboardError, ImageError
from dashboard.core.images import enlarge
from dashboard.core.metrics import Evaluation
from dashboard.core.runs import EXPORT_COLUMNS, Run, mistakes_first, run_record, safe_for_spreadsheets
from dashboard.ui.charts import CELL, confusion_chart, confusion_table, per_class_chart
from dashboard.ui.components import duration, local_time, model_in_use, plain, show_error
from dashboard.ui.resources import get_services

IMAGES_A_PAGE = 15
TILE = 96  # pixels
POLL_S = 0.5
ONE_FOLDER_A_CLASS = "A ZIP with one folder a class: cat/1.png, cat/2.png, dog/1.png ..."

services = get_services()


def start(path: Path) -> None:
    """Queues an evaluation and shows it from now on."""
    show(services.jobs.start(path, model_in_use()).run_id)


def show(run_id: str) -> None:
    """Makes this session, and its address after a reload, be about one run."""
    st.session_state["run_id"] = st.query_params["run"] = run_id


def choose_dataset() -> None:
    """Upload or pick, then start."""
    source = st.segmented_control(
        "Dataset from",
        ["Upload", "This server"],
        default="Upload",
        required=True,
        key="dataset-source",
        persist_state="session",
    )
    if source == "Upload":
        upload = st.file_uploader(
            ONE_FOLDER_A_CLASS,
            type=["zip"],
            key=f"zip-{st.session_state.get('uploads', 0)}",
            help="Names match the model's classes without regard to case; plane and car are understood.",
        )
        if upload:
            try:
                with st.spinner("Storing the upload ..."):
                    path = keep_upload(upload, upload.name, services.settings)
                start(path)
            except DashboardError as error:
                show_error(error, "The dataset was not evaluated.")
                return
            st.session_state["uploads"] = st.session_state.get("uploads", 0) + 1  # frees the upload's memory
            st.rerun()
        return
    entries = {entry.title: entry for entry in library(services.settings)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Dataset", list(entries), key="library", width=360)
        if st.button("Evaluate", key="evaluate", type="primary", disabled=title is None) and title:
            try:
                start(entries[title].path)
            except DashboardError as error:
                show_error(error, "The dataset was not evaluated.")
            else:
                st.rerun()
        if "CIFAR-10 test set" not in entries:
            get_cifar10()


def get_cifar10() -> None:
    """Downloads CIFAR-10, with progress."""
    if not st.button(
        "Get CIFAR-10", key="get-cifar10", icon=":material/download:", help="163 MB from its official address"
    ):
        return
    bar = st.progress(0.0, "Connecting ...")

    def advance(done: int, total: int) -> None:
        bar.progress(done / total if total else 0.0, f"{done / 2**20:.0f} MB")

    try:
        cifar10.download(services.settings.downloads_dir, advance)
    except DashboardError as error:
        show_error(error, "CIFAR-10 is not here yet.")
    else:
        st.rerun()


@st.fragment(run_every=POLL_S)
def watch(run_id: str) -> None:
    """Polls a job until it ends, then shows its result by one full rerun."""
    job = services.jobs.get(run_id)
    if job is None or not job.active:
        st.rerun()
        return
    with st.container(border=True, key="progress"):
        st.text(f"Evaluating {job.dataset.name} with {job.model}")
        if job.progress is None or not job.progress.done:
            ready = any(worker.state in ("idle", "busy") for worker in services.engine.workers())
            waiting = "Waiting for another evaluation ..." if job.state == "waiting" else "Reading the first images ..."
            st.progress(0.0, waiting if ready else "Starting TensorFlow, about 5 seconds ...")
        else:
            p = job.progress
            left = f", about {duration(p.remaining_s)} left" if p.remaining_s is not None else ""
            st.progress(
                p.done / p.total, f"{p.done:,} of {p.total:,} images, {p.images_per_second:,.0f} a second{left}"
            )
        if st.button("Cancel", key="cancel", icon=":material/close:", help="What is done is kept."):
            services.jobs.cancel(run_id)


def load_run(run_id: str) -> Run:
    """The run, from this session's memory while it stays the same."""
    kept = st.session_state.get("run")
    if kept is None or kept.manifest.run_id != run_id or kept.manifest != services.runs.manifest(run_id):
        kept = st.session_state["run"] = services.runs.load(run_id)
    return kept


def show_run(run: Run) -> None:
    """Figures, confusion with the images behind it, details."""
    manifest = run.manifest
    st.text(
        f"{manifest.dataset_name}, {manifest.model}, {local_time(manifest.created_utc)}, took {duration(manifest.seconds)}"
    )
    if manifest.state == "cancelled":
        st.warning(f"Cancelled after {len(run.table):,} of {manifest.n_images:,} images.", icon=":material/info:")
    if manifest.unknown_labels:
        st.warning("Some folders are no class of this model; their images were left out:", icon=":material/folder_off:")
        st.code("\n".join(manifest.unknown_labels), language=None)
    evaluation = run.evaluation()
    show_figures(run, evaluation)
    if evaluation:
        left, right = st.columns([11, 10], gap="large")
        with left:
            cell = show_confusion(run, evaluation)
        with right:
            show_images(run, cell)
        details, failures, downloads = st.tabs(
            ["Per class", f"Could not be read ({len(run.failed):,})", "Downloads"], key="details"
        )
        with details:
            show_per_class(evaluation)
    else:
        st.info("The images carry no labels the model knows, so there is nothing to compare.", icon=":material/info:")
        failures, downloads = st.tabs([f"Could not be read ({len(run.failed):,})", "Downloads"], key="details")
    with failures:
        show_failures(run)
    with downloads:
        show_downloads(run)


def show_figures(run: Run, evaluation: Evaluation | None) -> None:
    with st.container(horizontal=True, key="figures"):
        if evaluation:
            a = evaluation.accuracy
            st.metric(
                "Accuracy",
                f"{a.value:.1%}",
                f"{100 * a.low:.1f}-{100 * a.high:.1f} %",
                delta_color="off",
                delta_arrow="off",
                width=190,
                help=f"With its 95% interval (Wilson) from {a.n:,} images.",
            )
            st.metric(
                "Macro F1",
                f"{evaluation.macro_f1:.1%}",
                width=150,
                help="Mean of the classes' F1, each counting the same.",
            )
        st.metric("Images", f"{len(run.evaluated):,}", width=150, help="With a prediction.")
        st.metric("Could not be read", f"{len(run.failed):,}", width=190, help="Listed below with the reason.")


def show_confusion(run: Run, evaluation: Evaluation) -> tuple[str, str] | None:
    """The chart; returns the clicked cell (true, predicted)."""
    st.markdown("**What is taken for what**")
    with st.container(horizontal=True, vertical_alignment="center"):
        measure = st.segmented_control(
            "Show",
            ["Counts", "Share of the true class"],
            default="Counts",
            required=True,
            key="measure",
            label_visibility="collapsed",
        )
        hide = st.toggle(
            "Only mistakes", key="hide-diagonal", help="Hides the diagonal, so that the colours show mistakes."
        )
    chart = confusion_chart(
        confusion_table(evaluation.confusion, evaluation.class_names),
        evaluation.class_names,
        "count" if measure == "Counts" else "share",
        hide,
        st.context.theme.type == "dark",
    )
    event = st.altair_chart(
        chart,
        width="stretch",
        on_select="rerun",
        selection_mode=CELL,
        key=f"confusion-{run.manifest.run_id}-{hide}",
        alt="Confusion: true classes down, predicted classes across, number of images in each cell",
    )
    picked = event.get("selection", {}).get(CELL) or []
    return (picked[0]["true_label"], picked[0]["predicted_label"]) if picked else None


def show_images(run: Run, cell: tuple[str, str] | None) -> None:
    """The images of the clicked cell, or the worst mistakes of all."""
    rows = mistakes_first(run.evaluated, cell)
    if cell is None:
        st.markdown(
            "**Worst mistakes**", help="Wrong answers, the surest first. Click a cell of the chart to see its images."
        )
    else:
        st.markdown(
            f"**True {plain(cell[0])}, predicted {plain(cell[1])}**",
            help="The surest first. Double-click the chart to clear.",
        )
    if rows.empty:
        st.info("No mistakes here." if cell is None else "No images in this cell.", icon=":material/check:")
        return
    pages = -(-len(rows) // IMAGES_A_PAGE)
    page = st.session_state.get(f"page-{cell}", 1)
    shown = rows.iloc[(page - 1) * IMAGES_A_PAGE : page * IMAGES_A_PAGE]
    try:
        dataset = open_dataset(Path(run.manifest.dataset))
    except DashboardError as error:
        show_error(error, "The images of this run are not on the server any more.")
        return
    with st.container(horizontal=True, gap="small", key="gallery"):
        for row in shown.itertuples(index=False):
            with st.container(width=TILE + 8, gap=None):
                st.image(
                    tile(dataset, int(row.index)),
                    width=TILE,
                    alt=f"True {row.true_label}, predicted {row.predicted_label}",
                )
                label = plain(str(row.predicted_label)) if cell is None else ""
                st.caption(
                    f"{label} {row.confidence:.1%}" + (f"  \nis {plain(str(row.true_label))}" if cell is None else "")
                )
    if pages > 1:
        st.pagination(pages, key=f"page-{cell}")
    with st.expander("File names"):
        st.dataframe(shown[["file", "true_label", "predicted_label", "confidence"]], hide_index=True)


def tile(dataset: Dataset, index: int) -> np.ndarray:
    try:
        pixels = dataset.image(index, (TILE, TILE))
    except ImageError:
        return np.full((TILE, TILE, 3), 127, np.uint8)
    return enlarge(pixels, TILE)


def show_per_class(evaluation: Evaluation) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.altair_chart(
            per_class_chart(evaluation.per_class),
            width="stretch",
            key="per-class",
            alt="Precision and recall of each class",
        )
    scores = ["precision", "recall", "f1"]
    percent = evaluation.per_class.assign(**{name: 100 * evaluation.per_class[name] for name in scores})
    columns = {name: st.column_config.NumberColumn(name.capitalize(), format="%.1f %%") for name in scores}
    with right:
        st.dataframe(
            percent,
            hide_index=True,
            key="per-class-table",
            height=36 * (len(percent) + 1),
            column_config={
                "class": "Class",
                "images": st.column_config.NumberColumn("Images", format="localized"),
                **columns,
            },
        )


def show_failures(run: Run) -> None:
    if run.failed.empty:
        st.caption("Every image was read.")
    else:
        columns = {"file": "File", "reason": "Reason"}
        st.dataframe(run.failed[list(columns)], hide_index=True, column_config=columns, key="failed")


def show_downloads(run: Run) -> None:
    run_id = run.manifest.run_id
    with st.container(horizontal=True):
        st.download_button(
            "Predictions (CSV)",
            lambda: predictions_csv(run),
            f"{run_id}.csv",
            "text/csv",
            key="download-csv",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Result (JSON)",
            lambda: json.dumps(run_record(run), indent=2, ensure_ascii=False),
            f"{run_id}.json",
            "application/json",
            key="download-json",
            icon=":material/download:",
            on_click="ignore",
        )
    st.caption(
        "CSV: one row an image with its label, prediction, confidence, all probabilities and, where it failed, the reason."
    )


def predictions_csv(run: Run) -> bytes:
    table = safe_for_spreadsheets(run.table[list(EXPORT_COLUMNS)])
    blank = [np.nan] * len(run.manifest.class_names)
    probs = [row if row is not None else blank for row in run.table["pred_probs"]]
    names = [f"p_{name}" for name in run.manifest.class_names]
    return pd.concat([table, pd.DataFrame(probs, columns=names)], axis=1).to_csv(index=False).encode("utf-8-sig")


def earlier_runs() -> None:
    """A way back to what was evaluated before."""
    runs = [m for m in services.runs.list() if m.state in ("finished", "cancelled")]
    if not runs:
        return
    titles = {m.run_id: f"{m.dataset_name}, {m.model}, {local_time(m.created_utc)}" for m in runs}

    def show_chosen() -> None:
        if chosen := st.session_state["earlier"]:
            show(chosen)

    st.selectbox(
        "Earlier evaluations",
        list(titles),
        index=None,
        format_func=lambda run_id: titles[run_id],
        key="earlier",
        placeholder="Choose one to see it again",
        on_change=show_chosen,
        width=520,
    )


st.title("Batch evaluation")
run_id = st.session_state.get("run_id") or st.query_params.get("run")
job = services.jobs.get(run_id) if run_id else None
if run_id:
    show(run_id)
if job and job.active:
    watch(job.run_id)
else:
    with st.expander("Evaluate another dataset", icon=":material/add:") if run_id else st.container():
        choose_dataset()
        earlier_runs()
    if job and job.error:
        show_error(job.error, "The dataset was not evaluated.")
    elif run_id and not (job and job.state == "cancelled" and job.progress is None):
        try:
            show_run(load_run(run_id))
        except DashboardError as error:
            show_error(error, "This evaluation cannot be shown.")
