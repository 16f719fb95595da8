"""One evaluation on the page: figures, confusion, the images behind a cell, details, downloads."""

from __future__ import annotations

import io
import json

import pandas as pd
import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.metrics import Evaluation
from dashboard.core.run_export import run_record, safe_for_spreadsheets, write_csv
from dashboard.core.run_pictures import RunPictures
from dashboard.core.runs import Run, RunStore, mistakes_first
from dashboard.ui.bulk_view import show_bulk
from dashboard.ui.charts import CELL, confusion_chart, confusion_table, per_class_chart, reliability_chart
from dashboard.ui.components import duration, local_time, plain, show_error
from dashboard.ui.picture_choice import link_to_run_image
from dashboard.ui.resources import Services
from dashboard.ui.thumbnails import TILE, tile

IMAGES_A_PAGE = 15
FAILURES_SHOWN = 1000
ROWS_OF_IMPORTED = 200


def show_run(services: Services, run: Run) -> None:
    """Figures, confusion with the images behind it, details."""
    manifest = run.manifest
    st.text(
        f"{manifest.dataset_name}, {manifest.model}, {local_time(manifest.created_utc)}, took {duration(manifest.seconds)}"
    )
    if manifest.state != "finished":
        st.warning(
            f"Not finished: {len(run.table):,} of {manifest.n_images:,} images were done before it stopped.",
            icon=":material/info:",
        )
        if manifest.message:
            st.text(manifest.message)
    if run.table.empty:
        return
    if manifest.unknown_labels:
        st.warning("Some labels are no class of this model; their images were left out:", icon=":material/folder_off:")
        st.code("\n".join(manifest.unknown_labels), language=None)
    if manifest.notes:
        st.caption(plain(" ".join(manifest.notes)))
    evaluation = run.evaluation()
    _show_figures(run, evaluation)
    if evaluation:
        left, right = st.columns([11, 10], gap="large")
        with left:
            cell = _show_confusion(run, evaluation)
        with right:
            rows = mistakes_first(run.evaluated, cell)
            _show_images(run, services.runs, cell, rows)
        if len(rows) and not manifest.imported:
            show_bulk(services, run, rows)
        details, calibration, failures, downloads = st.tabs(
            ["Per class", "Calibration", f"Not evaluated ({len(run.failed):,})", "Downloads"], key="details"
        )
        with details:
            _show_per_class(evaluation)
        with calibration:
            _show_calibration(evaluation)
    else:
        st.info("The images carry no labels the model knows, so there is nothing to compare.", icon=":material/info:")
        failures, downloads = st.tabs([f"Not evaluated ({len(run.failed):,})", "Downloads"], key="details")
    with failures:
        _show_failures(run)
    with downloads:
        _show_downloads(run)


def _show_figures(run: Run, evaluation: Evaluation | None) -> None:
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
        st.metric(
            "Not evaluated",
            f"{len(run.failed):,}",
            width=170,
            help="Unreadable files and folders that are no class, listed below with the reason.",
        )


def _show_confusion(run: Run, evaluation: Evaluation) -> tuple[str, str] | None:
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


def _show_images(run: Run, store: RunStore, cell: tuple[str, str] | None, rows: pd.DataFrame) -> None:
    """The images of the clicked cell, or the worst mistakes of all."""
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
    if run.manifest.imported:
        st.info("These predictions were imported, so there are no images to show.", icon=":material/hide_image:")
        some = rows.head(ROWS_OF_IMPORTED)
        some = some.assign(file=run.detail(some, ["file"])["file"])
        st.dataframe(
            safe_for_spreadsheets(some[["file", "true_label", "predicted_label", "confidence"]]),
            hide_index=True,
            key="imported-rows",
            alt="The rows behind the chosen cell, the surest first",
        )
        return
    try:
        images: RunPictures | None = RunPictures(store, run.manifest)
    except DashboardError as error:
        images = None
        if run.manifest.dataset:
            show_error(error, "The images of this run are not on the server any more.")
        else:
            st.text(error.message)
    pages = -(-len(rows) // IMAGES_A_PAGE)
    page_key = f"page-{run.manifest.run_id}-{cell}"
    page = min(st.session_state.get(page_key, 1), pages)
    if page_key in st.session_state:
        st.session_state[page_key] = page
    shown = rows.iloc[(page - 1) * IMAGES_A_PAGE : page * IMAGES_A_PAGE]
    shown = shown.assign(file=run.detail(shown, ["file"])["file"])
    if images:
        _show_gallery(run.manifest.run_id, images, shown, with_classes=cell is None)
    if pages > 1:
        st.pagination(pages, key=page_key)
    with st.expander("File names", expanded=images is None):
        columns = ["file", "true_label", "predicted_label", "confidence"]
        st.dataframe(safe_for_spreadsheets(shown[columns]), hide_index=True)


def _show_gallery(run_id: str, images: RunPictures, shown: pd.DataFrame, with_classes: bool) -> None:
    gone = False
    with st.container(horizontal=True, gap="small", key="gallery"):
        for row in shown.to_dict("records"):
            picture = images.image(row["index"], row["file"], (TILE, TILE))
            gone = gone or picture is None
            with st.container(width=TILE + 8, gap=None):
                alt = f"True {row['true_label']}, predicted {row['predicted_label']}"
                st.image(tile(picture), width=TILE, alt=alt)
                share = f"{row['confidence']:.1%}"
                if with_classes:
                    st.caption(f"{plain(row['predicted_label'])} {share}  \nis {plain(row['true_label'])}")
                else:
                    st.caption(share)
                link_to_run_image(run_id, row["index"])
    if gone:
        st.caption("The dataset has changed since this evaluation: gray tiles stand for images that are gone.")


def _show_per_class(evaluation: Evaluation) -> None:
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


def _show_calibration(evaluation: Evaluation) -> None:
    if evaluation.reliability is None:
        st.caption("This evaluation was stored without it: evaluate again.")
        return
    figure, chart = st.columns([1, 3], gap="large")
    figure.metric(
        "Calibration error (ECE)",
        f"{evaluation.reliability.ece:.1%}",
        help="Mean distance of confidence and accuracy over 15 bins of confidence, weighted by their images. "
        "With few images, chance alone adds to it.",
    )
    figure.caption("Of the answers given with 80% confidence, 80% should be right: then bars end on the dashed line.")
    chart.altair_chart(
        reliability_chart(evaluation.reliability, st.context.theme.type == "dark"),
        width="stretch",
        key="reliability",
        alt="Accuracy by confidence, in 15 bins",
    )


def _show_failures(run: Run) -> None:
    if run.failed.empty:
        st.caption("Every image was evaluated.")
    else:
        columns = {"file": "File", "reason": "Reason"}
        table = safe_for_spreadsheets(run.detail(run.failed.head(FAILURES_SHOWN), list(columns)))
        st.dataframe(table, hide_index=True, column_config=columns, key="failed")
        if len(run.failed) > len(table):
            st.caption(f"The first {len(table):,} of {len(run.failed):,}; the downloads hold all of them.")


def _show_downloads(run: Run) -> None:
    run_id = run.manifest.run_id
    with st.container(horizontal=True):
        st.download_button(
            "Predictions (CSV)",
            lambda: _predictions_csv(run),
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


def _predictions_csv(run: Run) -> bytes:
    out = io.BytesIO()
    write_csv(run, out)
    return out.getvalue()
