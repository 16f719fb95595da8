"""The view of the classes one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from dashboard.charts.palette import MOST_CLASSES
from dashboard.charts.per_class import POINT, per_class_chart
from dashboard.core.metrics.percent import range_in_percent
from dashboard.core.metrics.wilson import wilson
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.filtering import CHOSEN_BY_ANSWERS, by_answers
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.chosen_images import cell, choose_images, labelled_only, selection_key
from dashboard.ui.evaluate.images_view import show_images
from dashboard.ui.table_height import table_height
from dashboard.ui.words import in_percents


def show_classes(services: Services, run: Run) -> None:
    """Shows precision, recall and F1 of each class; a click shows its images."""
    _show_per_class(run)
    show_images(services, run)


def _show_per_class(run: Run) -> None:
    evaluation = run.evaluation()
    assert evaluation is not None
    run_id, scores = run.manifest.run_id, ["precision", "recall", "f1"]
    st.header(
        "Classes",
        anchor=False,
        help="Select a row to see the images with this label below. In the chart, a click on recall shows the images with "
        "the label, and a click on precision those with the prediction.",
    )
    figures = evaluation.meaningful_per_class
    classes = figures.assign(
        recall_interval=_intervals(evaluation.confusion, axis=1),
        precision_interval=np.where(figures["precision"].isna(), "", _intervals(evaluation.confusion, axis=0)),
    )
    for note in (evaluation.per_class_note, CHOSEN_BY_ANSWERS if by_answers(run.conditions) else ""):
        if note:
            st.caption(note)
    classes = classes.sort_values("f1", kind="stable")[
        ["class", "images", "precision", "precision_interval", "recall", "recall_interval", "f1"]
    ]
    table, chart = (f"per-class-{what}-{hash(run.conditions)}" for what in ("table", "chart"))
    key, chart_key = selection_key(run_id, table), selection_key(run_id, chart)

    def take_row() -> None:
        rows = st.session_state[key].get("selection", {}).get("rows", [])
        choose_images(run_id, cell(str(classes["class"].iloc[rows[0]]), None) if rows else [], table)

    def take_point() -> None:
        picked = st.session_state[chart_key].get("selection", {}).get(POINT) or []
        choose_images(run_id, images_of_point(picked, labelled_only(run)), chart)

    left, right = st.columns([5, 3], gap="medium")
    left.dataframe(
        in_percents(safe_for_spreadsheets(classes), scores),
        hide_index=True,
        placeholder="-",
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        alt="Images, precision, recall and F1 per class",
        height=table_height(len(classes), 30),  # about as high as the chart
        column_config={  # they fit at 1440 pixels; a double click shows a long name
            "class": st.column_config.TextColumn("Class", width=110),
            "images": st.column_config.NumberColumn("Images", format="localized", width=62),
            **{name: st.column_config.NumberColumn(name.capitalize(), width=72) for name in scores},
            **{
                f"{name}_interval": st.column_config.TextColumn("95%", width=86, help=f"Interval of the {name}.")
                for name in scores
            },
        },
    )
    right.altair_chart(
        per_class_chart(figures),
        width="stretch",
        key=chart_key,
        on_select=take_point,
        selection_mode=POINT,
        alt="Precision and recall per class, the lowest F1 first",
    )
    if len(evaluation.class_names) > MOST_CLASSES:
        st.caption(f"The chart shows at most {MOST_CLASSES} classes, those with the lowest F1. The table shows all.")


def images_of_point(picked: Sequence[Mapping[str, str]], labelled: Sequence[str] = ()) -> list[str]:
    """The conditions for the images behind a point of the chart: those with the label, or those with the prediction.

    Args:
        labelled: see `labelled_only`.
    """
    if not picked:
        return []
    name = picked[0]["class"]
    return cell(name, None) if picked[0]["measure"] == "recall" else [*cell(None, name), *labelled]


def _intervals(confusion: np.ndarray, axis: int) -> list[str]:
    """The 95% Wilson interval of the diagonal's share of each row (axis 1) or column (axis 0), in percent."""
    bounds = zip(*wilson(confusion.diagonal(), confusion.sum(axis=axis)), strict=True)
    return ["" if np.isnan(low) else range_in_percent(low, high) for low, high in bounds]
