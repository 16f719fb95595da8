"""The first view of a run: its figures, what was found, the confusion matrix, and the chosen images."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.analysis.findings.class_order import MATCH_AGAIN
from dashboard.core.errors import counted
from dashboard.core.metrics.percent import percent, range_in_percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.left_out import in_kinds
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.chosen_images import choose_images
from dashboard.ui.evaluate.confusion_view import show_confusion, show_pairs
from dashboard.ui.evaluate.findings_view import place_for_findings, show_findings
from dashboard.ui.evaluate.images_view import show_image_list, show_images, show_maps
from dashboard.ui.evaluate.metrics_table import show_metrics
from dashboard.ui.table_height import table_height

# the images go below the matrix where it would be narrower
_MATRIX_IS_READABLE = (
    "<style>.st-key-matrix-and-images > [data-testid=stLayoutWrapper] > [data-testid=stHorizontalBlock] > "
    "[data-testid=stColumn]:first-child { min-width: min(24rem, 100%) }</style>"
)
_FEW_CLASSES = 12  # so few that the cells of their matrix are large enough in half of the page


def show_overview(services: Services, run: Run) -> None:
    """Shows the figures, the confusion matrix and the images that belong to it."""
    evaluation = run.evaluation()
    with st.container(horizontal=True, key="figures"):
        if evaluation:
            a = evaluation.accuracy
            st.metric(
                "Accuracy",
                percent(a.value),
                f"{range_in_percent(a.low, a.high)}%",
                delta_color="off",
                delta_arrow="off",
                width=190,
                help=f"With its 95% Wilson interval, from {a.n:,} images.",
            )
            macro_f1 = evaluation.meaningful_macro_f1
            st.metric(
                "Macro F1",
                "-" if macro_f1 is None else percent(macro_f1),
                width=150,
                help="Mean F1 of the classes that occur as labels or predictions, with equal weights. A class that is "
                "predicted, but is the label of no image, counts as 0. Not shown if all images have the same label.",
            )
            if a.n < len(run.evaluated):
                st.metric(
                    "Labelled",
                    f"{a.n:,} of {len(run.evaluated):,}",
                    width=190,
                    help="Accuracy and the other metrics are about these images.",
                )
        st.metric("Evaluated", f"{len(run.evaluated):,}", width=150, help="Images with a prediction.")
        st.metric(
            "Not evaluated",
            f"{len(run.failed):,}",
            width=170,
            help="Files that cannot be read, files that a table names but the dataset lacks, and images whose label is not a class or was left out. The view Files lists them with the reason.",
        )
    if evaluation and evaluation.macro_f1_note:
        st.caption(evaluation.macro_f1_note)
    if not run.failed.empty:
        st.caption(f"Not evaluated: {in_kinds(run)}.")
    if evaluation:
        more = st.expander(
            "All metrics with their 95% intervals", key=f"metrics-{run.manifest.run_id}", on_change="rerun"
        )
        if more.open:
            with more:
                show_metrics(run.scores)
    findings = place_for_findings(run)  # filled last, because they take longest
    if evaluation:
        unlabelled = len(run.evaluated) - len(run.labelled)
        if unlabelled:
            st.button(
                f"Show the {counted(unlabelled, 'image')} without a label",
                key="show-unlabelled",
                type="tertiary",
                on_click=choose_images,
                args=(run.manifest.run_id, ["status=ok", "true_label="]),
            )
        few = len(evaluation.class_names) <= _FEW_CLASSES
        st.html(_MATRIX_IS_READABLE)
        with st.container(key="matrix-and-images"):
            left, right = st.columns([1, 1] if few else [8, 5], gap="medium")
        with left:
            show_confusion(run, evaluation)
            show_pairs(run, evaluation)
        with right:  # beside the chart, so that a click is seen to change them
            rows = show_image_list(services, run, beside=True)
        if len(rows):
            show_maps(services, run, rows)
    elif len(run.evaluated):
        _show_predicted(run)
        show_images(services, run)
    show_findings(services, run, findings)


def _show_predicted(run: Run) -> None:
    """Says why nothing is compared, and shows how many images each class was predicted for."""
    if run.conditions:
        st.info("None of these images has a label that is compared.", icon=":material/info:")
    elif run.manifest.label_map or run.manifest.unknown_labels:
        way_out = "" if run.manifest.imported else f" To change that, choose *{MATCH_AGAIN}* in *Actions*."
        st.info(
            f"No label means a class of the model, so there is nothing to compare.{way_out}", icon=":material/info:"
        )
    elif run.manifest.imported:
        st.info(
            "To see how often the model is right, import the predictions again with a file of true labels.",
            icon=":material/info:",
        )
    else:
        st.info(
            "To see how often the model is right, give the images labels: put them into one folder per class, or add a "
            "table with their file names and labels. Then evaluate again.",
            icon=":material/info:",
        )
    counts = run.evaluated["predicted_label"].value_counts()
    counts = counts[counts > 0]
    st.dataframe(
        safe_for_spreadsheets(pd.DataFrame({"class": counts.index.astype(str), "images": counts.to_numpy()})),
        hide_index=True,
        width=400,
        height=table_height(len(counts), 10),
        column_config={
            "class": "Predicted class",
            "images": st.column_config.NumberColumn("Images", format="localized"),
        },
        alt="Number of images that each class was predicted for",
    )
