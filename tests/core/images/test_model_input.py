"""Cautions: when a picture has less to see than the model expects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import cautions, decode_with_notes
from dashboard.core.images.preprocessing import ColorMode, Fit, Preprocessing, Resample
from tests.conftest import encoded, picture

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "samples"
MODEL = Preprocessing(32, 32)
SMALL, EVEN, FEW = (
    "pixels, fewer than the model's input of 32x32 pixels",
    "of one colour",
    "colours or fewer. If the model",
)


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


def drawn_cat(side: int) -> Image.Image:
    """Black lines and a pink nose on white, with smooth edges."""
    large = Image.new("RGB", (1200, 1200), "white")
    pen = ImageDraw.Draw(large)
    pen.ellipse((300, 400, 900, 1000), outline="black", width=16)
    pen.line((330, 560, 350, 260, 520, 420), fill="black", width=16, joint="curve")
    pen.line((870, 560, 850, 260, 680, 420), fill="black", width=16, joint="curve")
    pen.ellipse((440, 600, 520, 680), fill="black")
    pen.ellipse((680, 600, 760, 680), fill="black")
    pen.polygon((570, 740, 630, 740, 600, 780), fill="pink")
    return large.resize((side, side), Image.Resampling.LANCZOS)


def written_sum(side: int) -> Image.Image:
    """A sum, black on white, with smooth edges."""
    image = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(image).text((side // 6, side // 3), "2 + 2 = 4", fill="black", font_size=side // 6)
    return image


def drawn_house(side: int) -> Image.Image:
    """Red walls, a blue door and a grey roof on white, with smooth edges."""
    large = Image.new("RGB", (1200, 1200), "white")
    pen = ImageDraw.Draw(large)
    pen.rectangle((360, 600, 840, 1000), fill=(200, 60, 50), outline="black", width=8)
    pen.polygon((330, 600, 600, 350, 870, 600), fill=(90, 90, 90))
    pen.rectangle((540, 780, 660, 1000), fill=(60, 60, 200))
    return large.resize((side, side), Image.Resampling.LANCZOS)


@pytest.mark.parametrize("resample", ["lanczos", "bilinear"])
@pytest.mark.parametrize("side", [300, 600, 1200])
@pytest.mark.parametrize("draw", [drawn_cat, drawn_house, written_sum])
def test_smooth_edges_of_a_drawing_are_no_colours(
    draw: Callable[[int], Image.Image], side: int, resample: Resample
) -> None:
    recipe = Preprocessing(32, 32, resample=resample)
    for data in (encoded(draw(side)), encoded(draw(side), "JPEG", quality=75)):
        [told] = decode_with_notes(data, recipe).notes
        assert "Most of the picture is of 3 colours or fewer." in told


def test_a_photograph_has_many_colours() -> None:
    photographs = [each.read_bytes() for each in sorted(SAMPLES.rglob("*.png"))]
    photographs += [encoded(pixels, "JPEG") for pixels in load_sample_images().images]
    assert len(photographs) > 10 and not any(cautions(decode_image(each), MODEL) for each in photographs)


def test_a_small_aeroplane_in_a_clear_sky_is_no_drawing() -> None:
    sky = np.array([90, 140, 210]) + np.linspace(0, 15, 600)[:, None, None]
    pixels = (sky + np.random.default_rng(0).normal(0, 1, (600, 800, 3))).astype(np.uint8)
    pixels[300:330, 400:500] = 40
    assert cautions(decode_image(encoded(pixels, "JPEG", quality=90)), MODEL) == ()


def test_a_few_lines_of_pixels_do_not_stand_for_a_large_picture() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (512, 2048, 3), np.uint8)
    pixels[:, ::256] = 255
    assert cautions(decode_image(encoded(pixels)), MODEL) == ()


@pytest.mark.parametrize(
    "fit, told",
    [("stretch", ["the width of the picture was reduced 6 times more than its height"]),
     ("center-crop", ["83% of it is not seen"]), ("pad", [])],
)  # fmt: skip
def test_what_was_done_to_another_shape_is_told_by_the_size_of_the_picture(fit: Fit, told: list[str]) -> None:
    notes = decode_with_notes(encoded(picture(1, 2400, 400), "JPEG"), Preprocessing(32, 32, fit)).notes
    assert len(notes) == len(told) and all(words in note for words, note in zip(told, notes, strict=True))
