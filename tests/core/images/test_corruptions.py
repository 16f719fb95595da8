from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from dashboard.core.images.blurs import along, gaussian, middle
from dashboard.core.images.corruptions import CORRUPTIONS, NINE, SEVERAL, STRENGTHS, corrupt
from dashboard.core.images.weather import plasma

RANDOM = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), np.uint8)
SMOOTH = np.stack([gaussian(image[None] / 255, 4)[0] * 255 for image in RANDOM]).astype(np.uint8)
GREY = np.full((300, 32, 32, 3), 128, np.uint8)


def plain(value: int | tuple[int, int, int]) -> np.ndarray:
    """One picture of one colour."""
    return np.full((1, 32, 32, 3), value, np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_every_kind_and_strength_changes_the_pictures_alike_for_a_seed(kind: str) -> None:
    for strength in STRENGTHS:
        before = SMOOTH.copy()
        changed = corrupt(SMOOTH, kind, strength, seed=3)
        assert changed.shape == SMOOTH.shape and changed.dtype == np.uint8 and np.array_equal(before, SMOOTH)
        assert not np.array_equal(changed, SMOOTH)
        assert np.array_equal(changed, corrupt(SMOOTH, kind, strength, seed=3))


def test_another_seed_gives_other_noise_and_so_does_every_part_of_many_pictures() -> None:
    many = np.repeat(GREY[:1], SEVERAL + 1, axis=0)
    noisy = corrupt(many, "gaussian noise", 1)
    assert not np.array_equal(noisy[0], noisy[SEVERAL])
    assert not np.array_equal(noisy[:1], corrupt(many[:1], "gaussian noise", 1, seed=1))


@pytest.mark.parametrize(
    ("kind", "deviations"),
    [  # of a picture of 128 / 255: sigma, the square root of x / c, and half of the root of c
        ("gaussian noise", [0.04, 0.06, 0.08, 0.09, 0.10]),
        ("shot noise", np.sqrt(128 / 255 / np.array([500, 250, 100, 75, 50]))),
        ("impulse noise", np.sqrt(np.array([0.01, 0.02, 0.03, 0.05, 0.07])) / 2),
    ],
)
def test_noise_has_the_published_strength(kind: str, deviations: list[float]) -> None:
    for strength, deviation in zip(STRENGTHS, deviations, strict=True):
        noise = corrupt(GREY, kind, strength) / 255 - 128 / 255
        assert noise.std() == pytest.approx(deviation, rel=0.02)
        assert noise.mean() == pytest.approx(-0.5 / 255, abs=0.002) or kind == "impulse noise"


def test_contrast_moves_each_channel_towards_its_mean() -> None:
    picture = plain((10, 100, 200))
    picture[:, :16] = (30, 140, 240)
    changed = corrupt(picture, "contrast", 2)
    assert np.allclose(changed[0, 0, 0], (25, 130, 230), atol=1) and np.allclose(
        changed[0, 31, 31], (15, 110, 210), atol=1
    )


@pytest.mark.parametrize(
    ("colour", "brighter"),
    [  # the largest channel grows by 0.2 * 255 = 51; the others in proportion
        ((0, 0, 0), [51, 51, 51]),
        ((100, 50, 0), [151, 75, 0]),
        ((250, 125, 255), [250, 125, 255]),
    ],
)
def test_brightness_keeps_hue_and_saturation(colour: tuple[int, int, int], brighter: list[int]) -> None:
    assert corrupt(plain(colour), "brightness", 4)[0, 5, 5].tolist() == brighter


def test_pixelate_and_jpeg_are_those_of_pillow() -> None:
    picture = Image.fromarray(SMOOTH[0])
    coarse = picture.resize((20, 20), Image.Resampling.BOX).resize((32, 32), Image.Resampling.BOX)
    assert np.array_equal(corrupt(SMOOTH[:1], "pixelate", 5)[0], coarse)
    picture.save(data := io.BytesIO(), "JPEG", quality=58)
    assert np.array_equal(corrupt(SMOOTH[:1], "jpeg compression", 3)[0], Image.open(data))


def point() -> np.ndarray:
    """A black picture with one white pixel in its middle."""
    picture = plain(0)
    picture[0, 16, 16] = 255
    return picture


def test_defocus_spreads_a_point_over_a_disk() -> None:
    """At strength 4 the disk has radius 1, so a cross of five pixels; the blur of sigma 0.2 hardly changes it."""
    spread = corrupt(point(), "defocus blur", 4)[0, ..., 0]
    assert spread[14:19, 14:19].tolist() == [
        [0, 0, 0, 0, 0], [0, 0, 51, 0, 0], [0, 51, 51, 51, 0], [0, 0, 51, 0, 0], [0, 0, 0, 0, 0],
    ]  # fmt: skip


@pytest.mark.parametrize("factor", [1, 1.07, 1.25, 1.75, 2.25])
def test_the_enlarged_middle_is_that_of_scipy(factor: float) -> None:
    cut = int(np.ceil(32 / factor))
    top = (32 - cut) // 2
    large = ndimage.zoom(SMOOTH[0, top : top + cut, top : top + cut] / 255, (factor, factor, 1), order=1)
    trim = (len(large) - 32) // 2
    assert np.allclose(middle(SMOOTH[:1] / 255, factor)[0], large[trim : trim + 32, trim : trim + 32], atol=1e-6)


def test_motion_blur_follows_its_line_to_one_side_with_gaussian_weights() -> None:
    weights = np.exp(-(np.arange(7) ** 2) / 2)
    line = along(point()[0] / np.float32(255), 3, 1.0, 0)[16, :, 0]
    assert line[16:9:-1] == pytest.approx(weights / weights.sum(), abs=1e-6) and line[17:].max() < 1e-6
    column = along(point()[0] / np.float32(255), 3, 1.0, -90)[:, 16, 0]
    assert column[16:23] == pytest.approx(weights / weights.sum(), abs=1e-6)


def test_glass_and_elastic_only_move_what_is_there() -> None:
    """Every pixel of glass comes from its neighbourhood. A picture of one colour stays as it is."""
    columns = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None] * 8, (4, 32, 32, 3)).copy()
    moved = corrupt(columns, "glass blur", 1).astype(int)
    assert 0 < np.abs(moved - columns).max() <= 16
    for kind in ("glass blur", "elastic transform", "zoom blur", "motion blur", "defocus blur"):
        assert np.abs(corrupt(plain(80), kind, 5).astype(int) - 80).max() <= 1, kind


def test_clouds_cover_the_whole_range_and_are_smoother_with_more_decay() -> None:
    rough, smooth = (plasma(50, 32, decay, np.random.default_rng(0)) for decay in (1.75, 3))
    assert rough.shape == (50, 32, 32)
    for cloud in (rough, smooth):
        assert (cloud.min(axis=(1, 2)) == 0).all() and (cloud.max(axis=(1, 2)) == 1).all()
    assert np.abs(np.diff(smooth)).mean() < 0.7 * np.abs(np.diff(rough)).mean()


def test_fog_keeps_the_brightest_value_and_snow_only_brightens() -> None:
    bright = np.maximum(SMOOTH, 100)
    assert corrupt(bright, "fog", 5).max() <= bright.max()
    assert (corrupt(bright, "fog", 5).std(axis=(1, 2)) < 40).all()
    assert (corrupt(SMOOTH, "snow", 3).astype(int) - SMOOTH).min() >= -1


def test_what_cannot_be_corrupted_is_refused() -> None:
    for wrong in (("frost", 1), ("snow", 0), ("snow", 6)):
        with pytest.raises(ValueError, match="There is no corruption"):
            corrupt(RANDOM, *wrong)
    for images in (RANDOM.astype(float), RANDOM[0], RANDOM[:, :16], RANDOM[..., :1]):
        with pytest.raises(ValueError, match="Square RGB images of bytes"):
            corrupt(images, "snow", 1)


def test_the_nine_come_first() -> None:
    assert len(CORRUPTIONS) == 14 and NINE[0] == "gaussian noise" and NINE[-1] == "brightness"
