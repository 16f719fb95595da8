"""Prediction sets: all classes of an image that cannot be ruled out, with a coverage that is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.errors import DatasetError
from dashboard.core.metrics.percent import percent, range_in_percent
from dashboard.core.metrics.prediction_sets import PredictionSets, check_enough_images, prediction_sets_on_halves
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.run import Run, check_finished
from dashboard.services import Services
from dashboard.ui.errors import as_text
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.table_height import table_height
from dashboard.ui.words import in_percents, intervals, plain

_CONFIDENCES = {"90%": 0.90, "95%": 0.95, "99%": 0.99}


def show_prediction_sets(services: Services, run: Run) -> None:
    """Shows how prediction sets with one limit, and with a limit for each class, do on the other half of the rows."""
    st.header(
        "Prediction sets",
        anchor=False,
        help="Instead of one class, the model names all classes whose probability is above a limit. The limit is set on "
        "a random half of the labelled images so that the set contains the true class as often as you ask (split conformal "
        "prediction). The figures are measured on the other half. They hold for new images that are like these.",
    )
    level = st.segmented_control(
        "Coverage: share of sets that contain the true class", list(_CONFIDENCES), default="95%", required=True, key="set-confidence",
        persist_state="session",
    )  # fmt: skip
    confidence = _CONFIDENCES[str(level)]
    try:
        check_finished(run.manifest, run.state)
        check_enough_images(len(run.labelled), confidence)
    except DatasetError as error:
        st.info(as_text(error), icon=":material/info:")
        return
    key = rows_key(run), confidence
    marginal, by_class, of = remembered(
        "prediction-sets", key, "Computing prediction sets ...", lambda: _both(run, confidence), 2
    )
    left, right = st.columns(2, gap="large")
    with left:
        _show_sets("One limit for all classes", marginal, run)
    with right:
        _show_sets("A limit for each class", by_class, run)
    used = int(marginal.n_calibration.sum()) + len(marginal.labels)
    part = f" These are a random part of {of:,} labelled images, to save memory." if used < of else ""
    st.caption(
        f"The limits come from {int(marginal.n_calibration.sum()):,} images, the figures from {len(marginal.labels):,} "
        f"others.{part}"
    )
    _show_classes(marginal, by_class, run)


def _both(run: Run, confidence: float) -> tuple[PredictionSets, PredictionSets, int]:
    rows = labelled_rows(run)
    marginal, by_class = (
        prediction_sets_on_halves(rows.values, rows.labels, confidence, each) for each in (False, True)
    )
    return marginal, by_class, rows.of


def _show_sets(title: str, sets: PredictionSets, run: Run) -> None:
    st.markdown(f"**{title}**")
    if sets.rules_out_nothing:
        st.info(
            "No class can be ruled out, so every class would be in every set. There are too few images for a limit, or true "
            "classes often have the probability 0.",
            icon=":material/info:",
        )
        return
    with st.container(horizontal=True):
        st.metric(
            "Sets with the true class", percent(sets.coverage.value),
            f"{range_in_percent(sets.coverage.low, sets.coverage.high)}%", delta_color="off", delta_arrow="off",
            help="Measured coverage, with its 95% Wilson interval.", width=175,
        )  # fmt: skip
        st.metric(
            "Classes in a set",
            f"{sets.mean_size:.2f}",
            help="On average. Smaller sets are more informative.",
            width=175,
        )
        st.metric("One class", percent(sets.single.value), help="Sets with exactly one class.", width=175)
        st.metric(
            "No class", percent(sets.empty.value), width=175,
            help="Sets without a class. No class is probable enough for these images, so a person should decide.",
        )  # fmt: skip
    if not sets.holds:
        st.warning(plain(sets.warning()), icon=":material/block:")
    elif shortfall := sets.shortfall_by_chance():
        st.caption(shortfall)
    images, share, low, high = sets.class_coverage()
    if np.isfinite(share).any():
        worst = int(np.nanargmin(share))
        st.markdown(
            f"Worst class: {plain(run.manifest.class_names[worst])}, {percent(share[worst])} "
            f"({range_in_percent(low[worst], high[worst])}) of {images[worst]:,}."
        )
    unlimited = int((sets.quantiles >= 1).sum())
    if unlimited and sets.by_class:
        st.caption(
            f"Classes with too few images for a limit: {unlimited:,} of {len(sets.quantiles):,}. Such a class is in every set."
        )


def _show_classes(marginal: PredictionSets, by_class: PredictionSets, run: Run) -> None:
    images, share, *bounds = marginal.class_coverage()
    _, own_share, *own_bounds = by_class.class_coverage()
    table = pd.DataFrame(
        {
            "class": list(run.manifest.class_names), "images": images, "coverage": share,
            "interval": intervals(*bounds), "own_coverage": own_share, "own_interval": intervals(*own_bounds),
        }
    ).sort_values("coverage", kind="stable")  # fmt: skip
    st.dataframe(
        in_percents(safe_for_spreadsheets(table), ["coverage", "own_coverage"]),
        hide_index=True,
        key="set-classes",
        height=table_height(len(table), 12),
        alt="Share of the sets that contain the true class, for the images of each class",
        column_config={
            "class": "Labelled",
            "images": st.column_config.NumberColumn("Images", format="localized", help="Test images with this label."),
            "coverage": _coverage("Coverage, one limit"),
            "interval": "95% interval",
            "own_coverage": _coverage("Coverage, own limit"),
            "own_interval": "95% interval (own limit)",
        },
    )


def _coverage(title: str) -> Any:
    return st.column_config.NumberColumn(title, help="Share of the sets that contain the true class.")
