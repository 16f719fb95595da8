"""The charts of explanations as the specification that the browser gets."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.charts.explanations import (
    CELLS_A_SIDE,
    GAUSSIAN,
    MAP_SIDE,
    RANDOM,
    THIS_MAP,
    cells_table,
    curve_chart,
    curves_table,
    map_chart,
)
from dashboard.core.explanations.records import Faithfulness, MapScores


def scores(deletion: list[float], insertion: list[float]) -> MapScores:
    return MapScores(np.array(deletion), np.array(insertion), 0.0, 0.0, 0.0)


FAITHFULNESS = Faithfulness(
    shares=np.array([0, 0.5, 1]),
    map=scores([0.9, 0.2, 0.1], [0.1, 0.8, 0.9]),
    random=scores([0.9, 0.6, 0.1], [0.1, 0.3, 0.9]),
    gaussian=scores([0.9, 0.5, 0.1], [0.1, 0.4, 0.9]),
    verdict="better",
    random_scores=np.array([0.1, 0.2]),
    random_limit=0.7,
)


def test_scores_get_the_digits_that_tell_them_from_those_they_are_compared_with() -> None:
    def decimals(score: float, limit: float, spot: float) -> int:
        own, control, gaussian = (
            MapScores(FAITHFULNESS.shares, FAITHFULNESS.shares, 0.0, each, 0.0) for each in (score, 0.1, spot)
        )
        return replace(FAITHFULNESS, map=own, random=control, gaussian=gaussian, random_limit=limit).score_decimals

    assert [decimals(0.352, 0.348, 0.2), decimals(0.5, 0.2, 0.4996)] == [3, 4]
    assert [decimals(0.35, 0.35, 0.2), decimals(0.35, 0.3, 0.2)] == [2, 2]


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    [data] = spec["datasets"].values()
    return list(data)


def test_the_table_of_curves_has_a_row_for_every_point() -> None:
    table = curves_table(FAITHFULNESS)
    assert len(table) == 3 * 2 * 3
    middle = table[table["share"] == 0.5].set_index(["map", "curve"])["probability"]
    assert middle[(THIS_MAP, "deletion")] == 0.2 and middle[(THIS_MAP, "insertion")] == 0.8
    assert middle[(RANDOM, "deletion")] == 0.6 and middle[(GAUSSIAN, "insertion")] == 0.4


@pytest.mark.parametrize("curve, word", [("deletion", "removed"), ("insertion", "added")])
def test_a_curve_holds_the_map_and_both_controls_told_apart_without_colour(curve: Any, word: str) -> None:
    spec = curve_chart(curves_table(FAITHFULNESS), curve, "[x](y)").to_dict()
    assert {row["curve"] for row in rows(spec)} == {curve}
    assert {row["map"] for row in rows(spec)} == {THIS_MAP, RANDOM, GAUSSIAN}
    encoding = spec["layer"][0]["encoding"]
    dashes = encoding["strokeDash"]["scale"]["range"]
    assert len({tuple(dash) for dash in dashes}) == 3
    assert encoding["x"]["scale"]["domain"] == encoding["y"]["scale"]["domain"] == [0, 1]
    assert word in encoding["x"]["title"] and "[x](y)" in encoding["y"]["title"]


def test_cells_cover_the_picture_row_by_row() -> None:
    table = cells_table(np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
    assert table["value"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    first, last = table.iloc[0], table.iloc[-1]
    assert (first["top"], first["left"], first["row"], first["column"]) == (0, 0, 1, 1)
    assert (last["bottom"], last["right"], last["row"], last["column"]) == (1, 1, 2, 3)
    assert ((table["bottom"] - table["top"]) * (table["right"] - table["left"])).sum() == pytest.approx(1)


def test_a_fine_map_is_averaged_to_what_a_pointer_can_tell() -> None:
    values = np.zeros((4 * CELLS_A_SIDE, CELLS_A_SIDE // 2), np.float32)
    values[:4, :] = 1
    table = cells_table(values)
    assert table["row"].max() == CELLS_A_SIDE and table["column"].max() == CELLS_A_SIDE // 2
    assert table[table["row"] == 1]["value"].eq(1).all() and table[table["row"] > 1]["value"].eq(0).all()


def test_a_map_is_its_picture_with_cells_that_tell_their_value() -> None:
    blended = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    spec = map_chart(blended, np.array([[0.25, 1.0]]), "Evidence for cat").to_dict()
    picture, cells = spec["layer"]
    by_length = {len(data): data for data in spec["datasets"].values()}
    url = by_length[1][0]["url"]
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))))
    assert np.array_equal(shown, blended)
    assert [row["value"] for row in by_length[2]] == [0.25, 1.0]
    assert cells["encoding"]["tooltip"][0]["title"] == "Evidence for cat"
    assert spec["height"] == MAP_SIDE / 2  # as the picture's own shape says
    assert picture["mark"]["width"] == cells["encoding"]["x"]["scale"]["range"][1]
