"""Charts as the specification that the browser gets."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vl_convert

from dashboard.charts.confusion import ALL, CELL, confusion_chart
from dashboard.charts.confusion_difference import confusion_difference_chart
from dashboard.charts.palette import ACCENT, MOST_CLASSES, MUTED, OF_MANY, rgb
from dashboard.charts.per_class import per_class_chart
from dashboard.charts.probabilities import probability_bars, rest_of_bars
from dashboard.core.metrics.confusion import confusion_sums, confusion_table

NAMES = ("cat", "dog", "[x](y).z")
CONFUSION = np.array([[8, 2, 0], [0, 5, 5], [0, 0, 0]])


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the only dataset of a chart."""
    [data] = spec["datasets"].values()
    return list(data)


def test_bars_hold_every_class_and_mark_the_first() -> None:
    spec = probability_bars(NAMES, np.array([0.2, 0.7, 0.1]), dark=False).to_dict()
    assert [(r["class"], r["probability"], r["top"]) for r in rows(spec)] == [
        ("dog", 0.7, True), ("cat", 0.2, False), ("[x](y).z", 0.1, False),
    ]  # fmt: skip
    assert [r["text"] for r in rows(spec)] == ["70.0%", "20.0%", "10.0%"]
    bars, numbers = spec["layer"]
    assert bars["mark"]["type"] == "bar" and numbers["mark"]["type"] == "text"
    assert bars["encoding"]["color"]["condition"] == {"test": "datum.top", "value": ACCENT}
    assert bars["encoding"]["color"]["value"] == MUTED
    assert bars["encoding"]["y"]["axis"]["labelOverlap"] is False  # every bar has its name
    assert bars["encoding"]["y"]["sort"] is None  # the rows are in order; Vega warns of two layers that both sort
    assert bars["encoding"]["y"]["scale"]["domain"] == ["dog", "cat", "[x](y).z"]
    assert bars["encoding"]["x"]["scale"]["domain"][0] == 0  # bars that do not begin at zero lie


def test_the_number_beside_the_longest_bar_has_room_in_a_narrow_chart() -> None:
    """On a tablet, the % sign of 99.8% was cut. The room was a share of the width."""
    spec = probability_bars(NAMES, np.array([1.0, 0.0, 0.0]), dark=False).properties(width=90).to_dict()
    svg = vl_convert.vegalite_to_svg(spec)
    [x] = [float(x) for x in re.findall(r"translate\(([\d.]+),[^>]*>100\.0%<", svg)]
    assert x > 0 and x + 6 * len("100.0%") < 90


def test_more_classes_make_a_higher_chart() -> None:
    heights = [
        probability_bars([str(i) for i in range(n)], np.full(n, 1 / n), dark=False).to_dict()["height"]
        for n in (2, 10, MOST_CLASSES)
    ]
    assert heights[0] < heights[1] < heights[2]


def test_of_many_classes_the_most_probable_ones_are_drawn_and_the_rest_is_told() -> None:
    pred_probs = np.full(1000, 0.1 / 980)
    pred_probs[7::50] = 0.9 / 20
    spec = probability_bars([str(i) for i in range(1000)], pred_probs, dark=False).to_dict()
    assert {r["class"] for r in rows(spec)} == {str(i) for i in range(7, 1000, 50)} and len(rows(spec)) == OF_MANY
    assert spec["height"] < 26 * MOST_CLASSES + 75
    assert rest_of_bars(pred_probs) == "And 980 more, together 10.0%."
    assert rest_of_bars(np.full(MOST_CLASSES, 1 / MOST_CLASSES)) == ""


def test_the_table_of_a_confusion_has_a_row_for_every_cell() -> None:
    table = confusion_table(CONFUSION, NAMES)
    assert list(table.columns) == ["true_label", "predicted_label", "count", "share_of_true", "share_of_predicted"]
    cells = {
        (r.true_label, r.predicted_label): (r.count, r.share_of_true)
        for r in table.itertuples(index=False, name="Cell")
    }
    # `count` is also a method of tuples, so read the columns
    counts = dict(zip(zip(table["true_label"], table["predicted_label"], strict=True), table["count"], strict=True))
    assert len(cells) == 9
    assert counts[("cat", "dog")] == 2 and counts[("dog", "cat")] == 0 and counts[("dog", "[x](y).z")] == 5
    shares = table.set_index(["true_label", "predicted_label"])["share_of_true"]
    assert shares[("cat", "cat")] == 0.8 and shares[("dog", "dog")] == 0.5
    of_predicted = table.set_index(["true_label", "predicted_label"])["share_of_predicted"]
    assert of_predicted[("cat", "cat")] == 1 and of_predicted[("dog", "dog")] == 5 / 7
    assert shares.loc["[x](y).z"].tolist() == [0, 0, 0]  # a class without images has no share, not a NaN


def test_the_table_of_some_classes_keeps_their_share_of_all_images() -> None:
    table = confusion_table(CONFUSION, NAMES, np.array([1]))
    assert table.to_dict("list") == {
        "true_label": ["dog"], "predicted_label": ["dog"], "count": [5], "share_of_true": [0.5],
        "share_of_predicted": [5 / 7],
    }  # fmt: skip


def drawn(hide_diagonal: bool, measure: Any = "count", dark: bool = False, log: bool = False) -> dict[str, Any]:
    sums = confusion_sums(CONFUSION, NAMES, np.arange(3))
    chart = confusion_chart(confusion_table(CONFUSION, NAMES), sums, NAMES, measure, hide_diagonal, log, dark)
    return dict(chart.to_dict())


def cells_of(spec: dict[str, Any]) -> list[tuple[str, str]]:
    """The cells that are drawn, without the sums."""
    return [(row["true_label"], row["predicted_label"]) for row in _data(spec, 0)]


def _data(spec: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    """The rows of a layer; its own, or those of the whole chart."""
    return list(spec["datasets"][spec["layer"][layer].get("data", spec["data"])["name"]])


def test_the_last_row_and_column_hold_the_sums() -> None:
    spec = drawn(False)
    sums = _data(spec, 2)
    assert {(row["true_label"], row["predicted_label"]): row["count"] for row in sums} == {
        ("cat", ALL): 10, ("dog", ALL): 10, (ALL, "cat"): 8, (ALL, "dog"): 7, (ALL, "[x](y).z"): 5,
    }  # fmt: skip


def test_the_sums_of_some_classes_count_the_images_of_all() -> None:
    assert confusion_sums(CONFUSION, NAMES, np.array([1])).to_dict("list") == {
        "true_label": ["dog", None], "predicted_label": [None, "dog"], "count": [10, 7],
    }  # fmt: skip


def test_log_colours_tell_small_numbers_apart() -> None:
    assert drawn(False)["layer"][0]["encoding"]["color"]["scale"]["type"] == "pow"
    assert drawn(False, log=True)["layer"][0]["encoding"]["color"]["scale"]["type"] == "symlog"


def test_cells_without_images_are_blank() -> None:
    assert cells_of(drawn(False)) == [
        ("cat", "cat"), ("cat", "dog"), ("dog", "dog"), ("dog", "[x](y).z"),
    ]  # fmt: skip


def test_the_diagonal_can_be_hidden_and_the_colours_are_scaled_to_the_rest() -> None:
    spec = drawn(True)
    assert cells_of(spec) == [("cat", "dog"), ("dog", "[x](y).z")]
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == [0, 5]
    assert drawn(False)["layer"][0]["encoding"]["color"]["scale"]["domain"] == [0, 8]


def test_every_class_keeps_its_place_on_both_axes() -> None:
    encoding = drawn(True)["layer"][0]["encoding"]
    for axis, title in (("x", "Predicted class"), ("y", "Label")):
        assert encoding[axis]["scale"]["domain"] == encoding[axis]["sort"] == [*NAMES, ALL]
        assert encoding[axis]["title"] == title
    assert encoding["x"]["field"] == "predicted_label" and encoding["y"]["field"] == "true_label"


def test_a_click_names_the_cell() -> None:
    [parameter] = drawn(False)["params"]
    assert parameter["name"] == CELL
    assert parameter["select"]["fields"] == ["true_label", "predicted_label"]
    assert parameter["select"]["type"] == "point" and parameter["select"]["on"] == "click"


@pytest.mark.parametrize("measure, format", [("count", ","), ("share_of_true", ".1%"), ("share_of_predicted", ".1%")])
def test_numbers_are_those_of_the_measure(measure: str, format: str) -> None:
    cells, numbers, _ = drawn(False, measure)["layer"]
    assert cells["encoding"]["color"]["field"] == measure
    assert numbers["encoding"]["text"]["field"] == measure
    assert numbers["encoding"]["text"]["format"] == format


def luminance(colour: np.ndarray) -> float:
    """Relative luminance of red, green and blue from 0 to 255 (WCAG 2.1)."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour / 255]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_an_evaluation_without_any_image_is_drawn_empty() -> None:
    empty = np.zeros((3, 3), int)
    table, sums = confusion_table(empty, NAMES), confusion_sums(empty, NAMES, np.arange(3))
    assert cells_of(confusion_chart(table, sums, NAMES, "count", False, False, False).to_dict()) == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_difference_of_confusions_says_where_b_is_better(dark: bool) -> None:
    difference = np.array([[3, -2, 0], [1, -4, 0], [0, 0, 0]])
    spec = confusion_difference_chart(difference, NAMES, np.arange(3), dark).to_dict()
    assert [(r["true_label"], r["predicted_label"], r["difference"], r["gain"]) for r in rows(spec)] == [
        ("cat", "cat", 3, 3), ("cat", "dog", -2, 2), ("dog", "cat", 1, -1), ("dog", "dog", -4, -4),
    ]  # fmt: skip
    assert [r["better"] for r in rows(spec)] == ["better in B", "better in B", "worse in B", "worse in B"]
    cells, numbers = spec["layer"]
    assert cells["encoding"]["color"]["scale"]["domain"] == [-4, 0, 4] and cells["mark"]["type"] == "rect"
    assert numbers["encoding"]["text"]["format"] == "+,d"
    assert cells["encoding"]["y"]["scale"]["domain"] == list(NAMES)


@pytest.mark.parametrize("dark", [False, True])
def test_the_numbers_of_a_difference_can_be_read_on_every_cell(dark: bool) -> None:
    """Contrast of at least 4.5:1 on the colours that Vega gives the cells: a root of the gain, mixed in red, green and blue."""
    most = 20
    difference = np.diag([most, *range(1 - most, most)])
    names = [str(i) for i in range(len(difference))]
    spec = confusion_difference_chart(difference, names, np.arange(len(names)), dark).to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    worst, middle, best = (rgb(colour) for colour in scale["range"])
    assert (scale["type"], scale["interpolate"], scale["domain"]) == ("pow", "rgb", [-most, 0, most])
    for row in rows(spec):
        share = (abs(row["gain"]) / most) ** scale["exponent"]
        cell = (1 - share) * middle + share * (best if row["gain"] > 0 else worst)
        assert contrast(rgb(row["ink"]), cell) >= 4.5, row


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("log_colour", [False, True])
def test_the_numbers_of_a_confusion_matrix_can_be_read_on_every_cell(dark: bool, log_colour: bool) -> None:
    confusion = np.diag(np.arange(1, 400, 20))
    names = [str(i) for i in range(len(confusion))]
    table = confusion_table(confusion, names)
    sums = confusion_sums(confusion, names, np.arange(len(names)))
    spec = confusion_chart(table, sums, names, "count", False, log_colour, dark).to_dict()
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    low, high = (rgb(colour) for colour in scale["range"])
    top = scale["domain"][1]
    for row in _data(spec, 0):
        if log_colour:
            at = math.log1p(row["count"] / scale["constant"]) / math.log1p(top / scale["constant"])
        else:
            at = (row["count"] / top) ** scale["exponent"]
        assert contrast(rgb(row["ink"]), (1 - at) * low + at * high) >= 4.5, row


@pytest.mark.parametrize("diagonal", [200, 1000, 123_456])
@pytest.mark.parametrize("measure", ["count", "share_of_true"])
def test_each_number_fits_into_its_cell_however_wide_the_matrix_is(diagonal: int, measure: Any) -> None:
    names = [str(i) for i in range(10)]
    confusion = np.eye(10, dtype=int) * diagonal
    sums = confusion_sums(confusion, names, np.arange(10))
    spec = confusion_chart(confusion_table(confusion, names), sums, names, measure, False, False, False).to_dict()
    difference = confusion_difference_chart(confusion, names, np.arange(10), dark=False).to_dict()
    number = f"{diagonal:,}" if measure == "count" else "100.0%"
    drawn = (
        (spec["layer"][1], number, 11),
        (spec["layer"][2]["layer"][1], f"{diagonal:,}", 11),
        (difference["layer"][1], f"+{diagonal:,}", 10),
    )
    for layer, text, cells in drawn:
        wide, narrow = (eval(layer["mark"]["fontSize"]["expr"], {"min": min, "width": width}) for width in (1200, 290))
        in_font = sum({",": 0.25, ".": 0.25, "%": 0.8}.get(letter, 0.5) for letter in text)  # widths of Source Sans
        assert wide >= 11 and narrow * in_font <= 290 / cells, text


def test_a_difference_of_shares_and_some_of_the_classes() -> None:
    difference = np.array([[0.5, 0.1, -0.6], [0, 0, 0], [0, 0, 0]])
    spec = confusion_difference_chart(difference, NAMES, np.array([0, 2]), dark=False).to_dict()
    assert [r["difference"] for r in rows(spec)] == [0.5, -0.6]
    assert spec["layer"][1]["encoding"]["text"]["format"] == "+.1%"


def test_classes_by_f1_with_the_worst_on_top_and_those_without_images_left_out() -> None:
    per_class = pd.DataFrame(
        {
            "class": ["cat", "dog", "never seen"], "images": [10, 20, 0],
            "precision": [0.9, 0.5, np.nan], "recall": [0.8, 0.6, np.nan], "f1": [0.85, 0.55, np.nan],
        }
    )  # fmt: skip
    spec = per_class_chart(per_class).to_dict()
    line, points = spec["layer"]
    assert line["encoding"]["y"]["sort"] == ["dog", "cat"]
    by_name = {len(data): data for data in spec["datasets"].values()}
    assert {(r["class"], r["measure"], r["value"]) for r in by_name[4]} == {
        ("cat", "precision", 0.9), ("cat", "recall", 0.8), ("dog", "precision", 0.5), ("dog", "recall", 0.6),
    }  # fmt: skip
    low, high = points["encoding"]["x"]["scale"]["domain"]
    assert low <= 0.5 and high == 1


def test_classes_without_precision_have_their_recall_in_the_chart() -> None:
    per_class = pd.DataFrame(
        {"class": ["cat", "dog"], "images": [9, 0], "precision": np.nan, "recall": [0.8, np.nan], "f1": np.nan}
    )
    spec = per_class_chart(per_class).to_dict()
    drawn = [(r["class"], r["measure"]) for data in spec["datasets"].values() for r in data if "measure" in r]
    assert drawn == [("cat", "recall")]


def test_of_many_classes_those_with_the_least_f1_are_drawn() -> None:
    scores = np.linspace(1, 0, 1000)
    names = [str(i) for i in range(1000)]
    per_class = pd.DataFrame({"class": names, "images": 9, "precision": scores, "recall": scores, "f1": scores})
    spec = per_class_chart(per_class).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["sort"] == names[: -MOST_CLASSES - 1 : -1]
    assert spec["height"] < 31 * MOST_CLASSES
