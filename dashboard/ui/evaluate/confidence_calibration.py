"""How well confidence matches accuracy: in bins of confidence, and for each class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.charts.calibration import BIN, bin_counts_chart, equal_mass_chart, reliability_chart
from dashboard.core.metrics.bin_table import bin_table
from dashboard.core.metrics.calibration import equal_mass_reliability, reliability
from dashboard.core.metrics.class_calibration import top_label_calibration
from dashboard.core.metrics.confidence_gap import confidence_gap
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import in_percent, range_in_percent
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.doubtful_labels import suspect_labels
from dashboard.ui.evaluate.chosen_images import cell, choose_images, labelled_only, selection_key
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.table_height import table_height
from dashboard.ui.words import in_percents, intervals

_WIDTH, _MASS = "Equal width", "Equal mass"


def show_calibration(services: Services, run: Run) -> None:
    """Shows one sentence, the reliability diagram, the calibration error, and the calibration of each class."""
    scores = remembered("scores", rows_key(run), "Computing intervals ...", lambda: run.scores)
    confidence, correct = run.labelled["confidence"].to_numpy(), run.answers.correct
    gap = confidence_gap(confidence, correct)
    st.markdown(f"**{gap.in_words(scores['ece15'])}**")
    if gap.low > 0:
        suspect_labels(run)
    left, right = st.columns([4, 7], gap="small")
    below = st.container()
    with left:
        _show_bins(run, confidence, correct, below)
    with right:
        with st.container(horizontal=True, key="calibration-errors"):
            for name in ("ece15", "ece15_equal_mass"):
                _show_score(name, scores[name])
        if note := BY_NAME["ece15"].chance_note(scores["ece15"].n):
            st.caption(f"The two calibration errors have {note}.")
        _show_classes(run, confidence, correct)


def _show_score(name: str, score: Score) -> None:
    metric = BY_NAME[name]
    interval = f"{range_in_percent(score.low, score.high)}%" if score.has_interval else "no interval"
    st.metric(
        metric.title, metric.text(score.value), interval, delta_color="off",
        delta_arrow="off", help=f"{metric.explanation} With its 95% bootstrap interval.", width=180,
    )  # fmt: skip


def _show_bins(run: Run, confidence: np.ndarray, correct: np.ndarray, below: DeltaGenerator) -> None:
    """Shows the diagram, and its bins as a table in the place `below`, which has room for all columns."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.header(
            "Accuracy by confidence",
            anchor=False,
            help="Of the predictions with 80% confidence, 80% should be right: accuracy and mean confidence should be "
            "equal in every bin. Thin lines are 95% intervals. Click a bin to see its images below.",
            width="stretch",
        )
        kind = st.segmented_control(
            "Bins", [_WIDTH, _MASS], default=_WIDTH, required=True, key="bins", label_visibility="collapsed",
            persist_state="session", help="Bins of equal width, or bins with equally many images.",
        )  # fmt: skip
    equal_width, dark = kind == _WIDTH, st.context.theme.type == "dark"
    measure = reliability if equal_width else equal_mass_reliability
    bins = remembered(
        "reliability-bins", (rows_key(run), kind), "", lambda: bin_table(measure(confidence, correct), confidence)
    )
    name = f"reliability-{hash(run.conditions)}-{kind}"
    key = selection_key(run.manifest.run_id, name)

    def take_bin() -> None:
        picked = st.session_state[key].get("selection", {}).get(BIN) or []
        _choose(run, bins, [int(each[BIN]) for each in picked], name)

    st.altair_chart(
        reliability_chart(bins, dark) if equal_width else equal_mass_chart(bins, dark),
        width="stretch",
        on_select=take_bin,
        selection_mode=BIN,
        key=key,
        alt=f"Accuracy and mean confidence in {len(bins)} bins of confidence, {kind.lower()}",
    )
    if equal_width:
        st.altair_chart(
            bin_counts_chart(bins, dark), width="stretch", key="bin-counts", alt="Number of images in each bin"
        )
    with below.expander("The bins as a table"):
        _show_bin_table(run, bins, f"{name}-table")


def _show_bin_table(run: Run, bins: pd.DataFrame, name: str) -> None:
    key = selection_key(run.manifest.run_id, name)

    def take_row() -> None:
        rows = st.session_state[key].get("selection", {}).get("rows", [])
        _choose(run, bins, [int(bins["bin"].iloc[row]) for row in rows], name)

    shown = bins[["from", "to", "images"]].astype({"from": float, "to": float})
    shown = shown.join(bins[["confidence", "accuracy"]])
    shown["interval"], shown["gap"] = intervals(bins["accuracy_low"], bins["accuracy_high"]), _gap(bins)
    st.dataframe(
        in_percents(shown, ["confidence", "accuracy"]),
        hide_index=True,
        placeholder="-",
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        alt="The bins of confidence with their images, mean confidence and accuracy",
        column_config={
            "from": "Above",
            "to": "Up to",
            "images": st.column_config.NumberColumn("Images", format="localized"),
            **_figures(),
        },
    )


def _choose(run: Run, bins: pd.DataFrame, numbers: list[int], by: str) -> None:
    """Chooses the images of the bins with these numbers, of which there is one or none."""
    found = bins[bins["bin"].isin(numbers)]
    conditions = [f"confidence>{found['from'].iloc[0]}", f"confidence<={found['to'].iloc[0]}"] if len(found) else []
    choose_images(run.manifest.run_id, [*conditions, *labelled_only(run)] if conditions else [], by)


def _show_classes(run: Run, confidence: np.ndarray, correct: np.ndarray) -> None:
    names, answers = run.manifest.class_names, run.answers
    st.header(
        "By predicted class",
        anchor=False,
        help="Over the images that are predicted as each class. The gap is mean confidence minus accuracy: above zero the "
        "model is overconfident about this class. Select a row to see the images below.",
    )
    table = remembered(
        "class-calibration",
        rows_key(run),
        "",
        lambda: top_label_calibration(confidence, answers.predicted_ids, correct, len(names)),
    )
    shown = pd.DataFrame({"class": list(names), "images": table["images"], "gap": _gap(table)})
    shown = shown.join(table[["confidence", "accuracy"]]).assign(interval=intervals(table["low"], table["high"]))
    shown = shown.assign(ece=table["ece"])
    shown = shown.sort_values("gap", ascending=False, kind="stable", na_position="last").reset_index(drop=True)
    run_id, name = run.manifest.run_id, f"class-calibration-{hash(run.conditions)}"
    key = selection_key(run_id, name)

    def take_row() -> None:
        rows = st.session_state[key].get("selection", {}).get("rows", [])
        predicted = [*cell(None, str(shown["class"].iloc[rows[0]])), *labelled_only(run)] if rows else []
        choose_images(run_id, predicted, name)

    st.dataframe(
        in_percents(safe_for_spreadsheets(shown), ["confidence", "accuracy", "ece"]),
        hide_index=True,
        placeholder="-",
        key=key,
        on_select=take_row,
        selection_mode="single-row",
        height=table_height(len(shown), 12),
        alt="Mean confidence, accuracy and calibration error of each predicted class, the most overconfident first",
        column_config={  # they fit at 1280 pixels, up to the accuracy at 420; a double click shows a long name
            "class": st.column_config.TextColumn("Class", width=82),
            "images": st.column_config.NumberColumn("Images", format="localized", width=58),
            **_figures(),
        },
    )


def _gap(table: pd.DataFrame) -> pd.Series:
    """Mean confidence minus accuracy in points, of both as they are shown."""
    sure, right = (
        table[name].map(lambda share: float(in_percent(share)), na_action="ignore")
        for name in ("confidence", "accuracy")
    )
    return (sure - right).astype(float).round(1) + 0.0  # so that no zero has a minus sign


def _figures() -> dict[str, Any]:
    """The columns that both tables have."""
    number = st.column_config.NumberColumn
    return {
        "gap": number("Gap", width=50, format="%+.1f", help="Mean confidence minus accuracy, in points."),
        "confidence": number("Confidence", width=82, help="Mean confidence."),
        "accuracy": number("Accuracy", width=72),
        "interval": st.column_config.TextColumn("95%", width=80, help="Interval of the accuracy, in percent."),
        "ece": number("ECE", width=52, help="Mean distance between confidence and accuracy. With few images it is large by chance."),
    }  # fmt: skip
