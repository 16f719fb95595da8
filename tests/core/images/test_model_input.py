"""Cautions: when a picture has less to see than the model expects."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import cautions
from dashboard.core.images.preprocessing import ColorMode, Preprocessing
from tests.conftest import encoded, picture

MODEL = Preprocessing(32, 32)
SMALL, EVEN, FEW = "pixels, fewer than the model's input of 32x32 pixels", "of one colour", "colours. If the model"


def chessboard(square: int) -> np.ndarray:
    """Eight squares of so many pixels across and down, black and white."""
    board = (np.indices((8, 8)).sum(axis=0) % 2 * 255).astype(np.uint8)
    return np.repeat(np.kron(board, np.ones((square, square), np.uint8))[..., None], 3, axis=2)


def even(colour: int, spread: int = 0) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, spread + 1, (40, 40, 3))
    return (colour + noise).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels, told",
    [
        (chessboard(1), [SMALL, FEW]),
        (chessboard(20), [FEW]),
        (picture(1, 16, 16), [SMALL]),
        (picture(1, 17, 17), []),
        (picture(1, 200, 8), []),  # wider than the model's input: what was done to its shape is told elsewhere
        (np.full((1, 1, 3), 7, np.uint8), [SMALL, EVEN]),
        (even(250), [EVEN]),
        (even(100, spread=8), [EVEN]),
        (even(100, spread=30), []),
        (picture(1), []),
    ],
)
def test_a_picture_with_little_to_see_is_cautioned_about(pixels: np.ndarray, told: list[str]) -> None:
    found = cautions(decode_image(encoded(pixels)), MODEL)
    assert len(found) == len(told) and all(words in caution for words, caution in zip(told, found, strict=True))


@pytest.mark.parametrize("color, told", [("rgb", 1), ("bgr", 1), ("grayscale", 0)])
def test_black_and_white_is_usual_for_a_model_of_grays(color: ColorMode, told: int) -> None:
    assert len(cautions(decode_image(encoded(chessboard(20))), Preprocessing(32, 32, color=color))) == told


def test_the_size_is_that_of_the_picture_and_not_of_what_was_decoded() -> None:
    large = decode_image(encoded(picture(1, 1600, 1600), "JPEG"), (200, 200))
    assert large.pixels.shape[0] < 256 and cautions(large, Preprocessing(512, 512)) == ()


def test_one_other_pixel_is_a_colour_too() -> None:
    pixels = chessboard(20)
    pixels[3, 5] = 255, 0, 0
    assert "only 3 colours" in cautions(decode_image(encoded(pixels)), MODEL)[0]
