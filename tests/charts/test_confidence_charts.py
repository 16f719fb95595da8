"""The charts of the view of confidence, as the specification that the browser gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard.charts.binary_curves import cost_chart, precision_recall_chart, roc_chart
from dashboard.charts.calibration import BIN, bin_counts_chart, equal_mass_chart, reliability_chart
from dashboard.charts.risk_coverage import risk_coverage_chart
from dashboard.core.metrics.bin_table import bin_table
from dashboard.core.metrics.binary import binary_curve
from dashboard.core.metrics.calibration import equal_mass_reliability, reliability
from dashboard.core.metrics.risk_coverage import risk_coverage

CONFIDENCE, CORRECT = np.array([0.9, 0.92, 0.7]), np.array([True, False, True])


def drawn(chart: Any) -> dict[str, Any]:
    return dict(chart.to_dict())


def data_with(spec: dict[str, Any], column: str) -> list[dict[str, Any]]:
    return [row for data in spec["datasets"].values() for row in data if column in row]


def layer_of(spec: dict[str, Any], field: str) -> dict[str, Any]:
    """The layer that draws this column upwards."""
    [found] = [each for each in spec["layer"] if each["encoding"].get("y", {}).get("field") == field and "y2" not in
               each["encoding"] and each["mark"].get("opacity") != 0]  # fmt: skip
    return dict(found)


@pytest.mark.parametrize("draw", [reliability_chart, equal_mass_chart])
@pytest.mark.parametrize("dark", [False, True])
def test_a_click_on_a_bin_names_its_number(draw: Any, dark: bool) -> None:
    spec = drawn(draw(bin_table(reliability(CONFIDENCE, CORRECT), CONFIDENCE), dark))
    [parameter] = spec["params"]
    assert parameter["name"] == BIN and parameter["select"]["fields"] == [BIN]
    assert {row[BIN] for row in data_with(spec, BIN)} == {11, 14}
    [target] = [each for each in spec["layer"] if parameter["views"][0] == each.get("name")]
    assert target == spec["layer"][-1], "what is clicked must lie on top"
    assert target["encoding"]["y2"]["datum"] == 1, "the whole height can be clicked"


def test_the_reliability_chart_shows_accuracy_confidence_and_interval_of_each_bin() -> None:
    spec = drawn(reliability_chart(bin_table(reliability(CONFIDENCE, CORRECT), CONFIDENCE), False))
    rows = data_with(spec, "images")
    assert [(r["images"], r["accuracy"]) for r in rows] == [(1, 1.0), (2, 0.5)]
    assert all(r["low"] < r["confidence"] <= r["high"] for r in rows)
    assert all(r["accuracy_low"] < r["accuracy"] or r["accuracy"] == 0 for r in rows)
    bars = spec["layer"][0]
    assert bars["mark"]["type"] == "bar" and bars["encoding"]["y"]["scale"]["domain"] == [0, 1]
    assert {"accuracy_low"} <= {each["encoding"].get("y", {}).get("field") for each in spec["layer"]}


def test_bins_of_equal_mass_fill_the_height_of_the_chart() -> None:
    rng = np.random.default_rng(0)
    confidence = 1 - rng.random(600) / 20
    bins = bin_table(equal_mass_reliability(confidence, rng.random(600) < 0.97), confidence)
    spec = drawn(equal_mass_chart(bins, False))
    domains = [each["encoding"]["y"]["scale"]["domain"] for each in spec["layer"]]
    bottom, top = domains[0]
    assert top == 1 and 0.5 < bottom <= bins["accuracy_low"].min()
    assert domains == [domains[0]] * 4, "a layer with a scale of its own would bring the zero back"


def test_small_bins_are_seen_beside_large_ones() -> None:
    spec = drawn(bin_counts_chart(bin_table(reliability(CONFIDENCE, CORRECT), CONFIDENCE), False))
    assert spec["encoding"]["y"]["scale"]["type"] == "sqrt" and spec["encoding"]["x"]["scale"]["domain"] == [0, 1]


def test_the_risk_coverage_curve_marks_the_threshold() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(400)
    curve = risk_coverage(confidence, rng.random(400) < confidence)
    at = curve.at(0.8)
    assert at.accuracy is not None
    chart = risk_coverage_chart(curve.table(), at.coverage.value, 1 - at.accuracy.value, "from 0.800", False)
    spec = drawn(chart)
    assert data_with(spec, "label") == [
        {"coverage": at.coverage.value, "risk": 1 - at.accuracy.value, "label": "from 0.800"}
    ]
    low, high = layer_of(drawn(risk_coverage_chart(curve.table(), 0, None, "", False)), "risk")["encoding"]["y"][
        "scale"
    ]["domain"]
    assert low == 0 and 0.5 < high < 0.9, "the interval of a single image, up to 79%, does not set the scale"


def test_without_an_accepted_image_no_point_is_drawn() -> None:
    curve = risk_coverage(CONFIDENCE, CORRECT)
    assert data_with(drawn(risk_coverage_chart(curve.table(), 0.0, None, "from 1.000", True)), "label") == []


def test_roc_and_precision_recall_show_curve_point_and_guessing() -> None:
    scores, positive = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    table = binary_curve(scores, positive).table(2, 3)
    point = pd.DataFrame([{"threshold": 0.75, "false_positive_rate": 0.5, "recall": 0.5, "precision": 0.5}])
    roc = drawn(roc_chart(table, point))
    curve = [(r["false_positive_rate"], r["recall"]) for r in data_with(roc, "cost")]
    assert sorted(curve) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert [r for r in data_with(roc, "precision") if "cost" not in r] == point.to_dict("records")
    precision = drawn(precision_recall_chart(table, point, 0.5))
    assert len(data_with(precision, "cost")) == 4, "where nothing is called positive there is no precision"
    guessing = [r for r in data_with(precision, "recall") if "threshold" not in r]
    assert guessing == [{"recall": 0, "precision": 0.5}, {"recall": 1, "precision": 0.5}]
    cost = drawn(cost_chart(table, 0.75))
    assert [r["cost"] for r in data_with(cost, "cost")] == [6, 3, 5, 2, 4]


def test_a_point_without_precision_is_left_out() -> None:
    table = binary_curve(np.array([0.2, 0.3]), np.array([True, False])).table()
    point = pd.DataFrame([{"threshold": 0.9, "false_positive_rate": 0.0, "recall": 0.0, "precision": np.nan}])
    spec = drawn(precision_recall_chart(table, point, 0.5))
    assert [r for r in data_with(spec, "threshold") if "cost" not in r] == []
