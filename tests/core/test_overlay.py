from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.overlay import overlay

# the ends of Inferno as matplotlib publishes it
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
