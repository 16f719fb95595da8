"""One evaluation on the page: figures, confusion, the images behind a cell, details, downloads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DashboardError
from dashboard.core.metrics import Evaluation
from dashboard.core.run_images import still_there
from dashboard.core.runs import EXPORT_COLUMNS, Run, mistakes_first, run_record, safe_for_spreadsheets
from dashboard.ui.bulk_view import show_bulk
from dashboard.ui.charts import CELL, confusion_chart, confusion_table, per_class_chart
from dashboard.ui.components import duration, local_time, plain, show_error
from dashboard.ui.picture_choice import link_to_run_image
from dashboard.ui.resources import Services
from dashboard.ui.thumbnails import TILE, tile

IMAGES_A_PAGE = 15
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
            _show_images(run, cell, rows)
        if len(rows) and not manifest.imported:
            show_bulk(services, run, rows)
        details, failures, downloads = st.tabs(
            ["Per class", f"Not evaluated ({len(run.failed):,})", "Downloads"], key="details"
        )
        with details:
            _show_per_class(evaluation)
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


def _show_images(run: Run, cell: tuple[str, str] | None, rows: pd.DataFrame) -> None:
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
        st.dataframe(
            safe_for_spreadsheets(rows[["file", "true_label", "predicted_label", "confidence"]].head(ROWS_OF_IMPORTED)),
            hide_index=True,
            key="imported-rows",
            alt="The rows behind the chosen cell, the surest first",
        )
        return
    try:
        dataset = open_dataset(Path(run.manifest.dataset))
    except DashboardError as error:
        show_error(error, "The images of this run are not on the server any more.")
        return
    pages = -(-len(rows) // IMAGES_A_PAGE)
    page_key = f"page-{run.manifest.run_id}-{cell}"
    page = min(st.session_state.get(page_key, 1), pages)
    if page_key in st.session_state:
        st.session_state[page_key] = page
    shown = rows.iloc[(page - 1) * IMAGES_A_PAGE : page * IMAGES_A_PAGE]
    with st.container(horizontal=True, gap="small", key="gallery"):
        for row in shown.to_dict("records"):
            with st.container(width=TILE + 8, gap=None):
                alt = f"True {row['true_label']}, predicted {row['predicted_label']}"
                st.image(tile(dataset, row["index"], row["file"]), width=TILE, alt=alt)
                if cell is None:
                    st.caption(
                        f"{plain(row['predicted_label'])} {row['confidence']:.1%}  \nis {plain(row['true_label'])}"
                    )
                else:
                    st.caption(f"{row['confidence']:.1%}")
                link_to_run_image(run.manifest.run_id, row["index"])
    if any(not still_there(dataset, row["index"], row["file"]) for row in shown.to_dict("records")):
        st.caption("The dataset has changed since this evaluation: gray tiles stand for images that are gone.")
    if pages > 1:
        st.pagination(pages, key=page_key)
    with st.expander("File names"):
        columns = ["file", "true_label", "predicted_label", "confidence"]
        st.dataframe(safe_for_spreadsheets(shown[columns]), hide_index=True)


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


def _show_failures(run: Run) -> None:
    if run.failed.empty:
        st.caption("Every image was evaluated.")
    else:
        columns = {"file": "File", "reason": "Reason"}
        st.dataframe(
            safe_for_spreadsheets(run.failed[list(columns)]), hide_index=True, column_config=columns, key="failed"
        )


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
    table = safe_for_spreadsheets(run.table[list(EXPORT_COLUMNS)])
    blank = [np.nan] * len(run.manifest.class_names)
    probs = [row if row is not None else blank for row in run.table["pred_probs"]]
    names = [f"p_{name}" for name in run.manifest.class_names]
    return pd.concat([table, pd.DataFrame(probs, columns=names)], axis=1).to_csv(index=False).encode("utf-8-sig")
