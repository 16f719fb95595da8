from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.explanations.overlay import FOR_FIRST, FOR_SECOND, overlay, overlay_difference
from dashboard.core.images.drawing import contact_sheet

# the first and last colour of matplotlib's Inferno
DARKEST, BRIGHTEST = (0, 0, 4), (252, 255, 164)


def grey(value: int, height: int = 8, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_no_opacity_leaves_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert np.array_equal(overlay(picture, np.ones((2, 2)), 0.0), picture)


@pytest.mark.parametrize("level, colour", [(0.0, DARKEST), (1.0, BRIGHTEST)])
def test_full_opacity_shows_the_colours_of_inferno_as_rgb(level: float, colour: tuple[int, int, int]) -> None:
    blended = overlay(grey(100), np.full((2, 2), level), 1.0)
    assert np.abs(blended.astype(int) - colour).max() <= 1


def test_half_and_half() -> None:
    blended = overlay(grey(100), np.ones((2, 2)), 0.5)
    assert np.abs(blended.astype(int) - [(100 + c) / 2 for c in BRIGHTEST]).max() <= 1


def test_the_map_lies_where_it_belongs() -> None:
    heatmap = np.zeros((2, 4), np.float32)
    heatmap[0, 3] = 1
    blended = overlay(grey(0, 40, 80), heatmap, 1.0)
    brightness = blended.astype(int).sum(axis=2)
    row, column = np.unravel_index(brightness.argmax(), brightness.shape)
    assert row < 20 and column >= 60
    assert brightness[-1, 0] < 20


def test_values_beyond_the_range_do_not_wrap_around() -> None:
    high, low = np.full((2, 2), 1.7), np.full((2, 2), -0.4)
    assert np.array_equal(overlay(grey(9), high, 1.0), overlay(grey(9), np.ones((2, 2)), 1.0))
    assert np.array_equal(overlay(grey(9), low, 1.0), overlay(grey(9), np.zeros((2, 2)), 1.0))


def test_the_picture_is_not_changed_and_the_shape_stays() -> None:
    picture = grey(50, 31, 17)
    blended = overlay(picture, np.eye(4))
    assert blended.shape == picture.shape and blended.dtype == np.uint8
    assert (picture == 50).all()


def test_hard_pixels_keep_every_cell_whole() -> None:
    heatmap = np.array([[0.0, 1.0]], np.float32)
    hard = overlay(grey(0, 10, 20), heatmap, 1.0, smooth=False)
    assert np.abs(hard[:, :10].astype(int) - DARKEST).max() <= 1
    assert np.abs(hard[:, 10:].astype(int) - BRIGHTEST).max() <= 1
    between = overlay(grey(0, 10, 20), heatmap, 1.0)[0, 9].astype(int)
    assert DARKEST[0] + 20 < between[0] < BRIGHTEST[0] - 20


@pytest.mark.parametrize(
    "value, colour", [(1.0, FOR_FIRST), (-1.0, FOR_SECOND), (0.0, (100, 100, 100)), (9.0, FOR_FIRST)]
)
def test_a_difference_has_one_colour_for_each_side(value: float, colour: tuple[int, int, int]) -> None:
    assert np.abs(overlay_difference(grey(100), np.full((2, 2), value), 1.0).astype(int) - colour).max() <= 1


def test_the_picture_under_a_difference_is_gray() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    shown = overlay_difference(picture, np.zeros((2, 2)), 0.0)
    assert (shown.max(axis=2) == shown.min(axis=2)).all() and shown.std() > 0


def test_a_contact_sheet_keeps_every_tile_in_its_place() -> None:
    tiles = np.stack([grey(10 * i, 3, 5) for i in range(5)])
    sheet = contact_sheet(tiles, columns=2, gap=1)
    assert sheet.shape == (3 * 4 - 1, 2 * 6 - 1, 3)
    assert (sheet[0:3, 0:5] == 0).all() and (sheet[0:3, 6:11] == 10).all() and (sheet[8:11, 0:5] == 40).all()
    assert (sheet[8:11, 6:11] == 255).all() and (sheet[3] == 255).all()
    assert contact_sheet(tiles[:1], columns=8).shape == (3, 5, 3)
