"""What is measured on an image, against values worked out by hand and against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dashboard.core.datasets import open_dataset
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.properties import NAMES, measured, properties_of
from dashboard.core.runs.rows import PROPERTY_FIELDS
from tests.conftest import MakeZip, encoded, picture

SHARPNESS = NAMES.index("sharpness")


def plain(color: tuple[int, int, int], height: int = 20, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def test_rows_have_a_column_for_each_property() -> None:
    assert tuple(field.name for field in PROPERTY_FIELDS) == NAMES


@pytest.mark.parametrize(
    "color, brightness, colourfulness",
    [
        ((0, 0, 0), 0.0, 0.0),
        ((255, 255, 255), 1.0, 0.0),
        ((128, 128, 128), 128 / 255, 0.0),
        ((255, 0, 0), 0.299, 0.3 * np.hypot(255, 127.5)),  # red - green = 255, (red + green) / 2 - blue = 127.5
        ((0, 0, 255), 0.114, 0.3 * 255),
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (20, 30), (900, 700)])
def test_a_plain_area(
    color: tuple[int, int, int], brightness: float, colourfulness: float, size: tuple[int, int]
) -> None:
    assert measured(plain(color, *size)) == pytest.approx((brightness, 0, 0, colourfulness), abs=1e-5)


def test_half_black_and_half_white_has_the_most_contrast() -> None:
    halves = np.concatenate([plain((0, 0, 0)), plain((255, 255, 255))])
    assert measured(halves)[:2] == pytest.approx((0.5, 0.5), abs=1e-6)


def test_small_pictures_follow_the_definitions() -> None:
    """At most 128 pixels wide, a picture is measured as it is."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    red, green, blue = pixels.astype(np.float64).transpose(2, 0, 1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    inner = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:] - 4 * luma[1:-1, 1:-1]
    rg, yb = red - green, (red + green) / 2 - blue
    colourful = np.sqrt(rg.std() ** 2 + yb.std() ** 2) + 0.3 * np.sqrt(rg.mean() ** 2 + yb.mean() ** 2)
    brightness, contrast, sharpness, colourfulness = measured(pixels)
    assert (brightness, contrast) == pytest.approx((luma.mean() / 255, luma.std() / 255), rel=1e-5)
    assert colourfulness == pytest.approx(colourful, rel=1e-5)
    assert sharpness == pytest.approx(inner.var(), rel=0.1), "apart from the edge of the picture"


def detailed(width: int, height: int) -> Image.Image:
    """A picture with details of about a fortieth of its width."""
    small = np.random.default_rng(3).integers(0, 256, (30, 40, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def test_a_larger_copy_has_nearly_the_same_properties() -> None:
    one, other = (measured(np.asarray(detailed(w, h))) for w, h in ((400, 300), (2000, 1500)))
    assert other == pytest.approx(one, rel=0.1)


def test_a_blurred_copy_is_less_sharp_and_a_gray_one_less_colourful() -> None:
    photo = detailed(800, 600)
    sharp, blurred, gray = (
        measured(np.asarray(each))
        for each in (photo, photo.filter(ImageFilter.GaussianBlur(12)), photo.convert("L").convert("RGB"))
    )
    assert blurred[2] < sharp[2] / 10 and gray[3] == pytest.approx(0, abs=1e-4) and sharp[3] > 30


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("shrink_to", [None, (64, 64)])
def test_the_size_is_that_of_the_file(format: str, shrink_to: tuple[int, int] | None) -> None:
    data = encoded(detailed(800, 601), format)
    image = decode_image(data, shrink_to)
    assert properties_of(image)[:3].tolist() == [800, 601, len(data)]
    assert (image.pixels.shape[:2] != (601, 800)) == (format == "JPEG" and shrink_to is not None), "decoded smaller"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shrink_to", [None, (64, 64)])
def test_the_size_is_that_of_the_upright_picture(orientation: int, shrink_to: tuple[int, int] | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encoded(detailed(807, 801), "JPEG", exif=exif.tobytes()), shrink_to)
    assert image.size == ((807, 801) if orientation < 5 else (801, 807))


def test_decoding_smaller_hardly_changes_what_is_measured() -> None:
    """A model with a small input lets JPEGs be decoded smaller; the properties belong to the picture."""
    data = encoded(detailed(1600, 1200), "JPEG", quality=95)
    whole, smaller = (properties_of(decode_image(data, to)) for to in (None, (128, 128)))
    assert np.delete(smaller, SHARPNESS) == pytest.approx(np.delete(whole, SHARPNESS), rel=0.05)
    assert smaller[SHARPNESS] == pytest.approx(whole[SHARPNESS], rel=0.2)


def test_arrays_have_a_size_but_no_file(tmp_path, make_zip: MakeZip) -> None:
    np.savez(tmp_path / "x.npz", images=np.stack([picture(1, 20, 10)]), labels=np.array([0]))
    found = properties_of(open_dataset(tmp_path / "x.npz").decoded(0))
    assert found[:2].tolist() == [20, 10] and np.isnan(found[2])
    assert found[3:].tolist() == list(measured(picture(1, 20, 10)))
    zipped = open_dataset(make_zip({"cat": 1}))
    assert properties_of(zipped.decoded(0))[2] == len(zipped.file(0))
