from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.training.augmentation import alternating_flip, augment_epoch, distort, mix_patches, translate

OPTIONS: dict[str, Any] = {"photo_share": 0.0, "crop_padding": 0, "cutout": 0, "side": 8}


def pictures(n: int = 40, side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), np.uint8)


class Offsets:
    """Replaces the random generator and returns the given offsets."""

    def __init__(self, *offsets: tuple[int, int]) -> None:
        self.offsets = np.array(offsets)

    def integers(self, low: int, high: int, size: tuple[int, int]) -> np.ndarray:
        assert (low, high, size) == (0, 3, self.offsets.shape)
        return self.offsets


def test_translate_by_hand() -> None:
    """3 x 3 numbered pixels, one pixel of reflected border: [1 0 1 2 1] around the first row's neighbours."""
    image = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
    moved = translate(np.repeat(image, 3, axis=0), 1, Offsets((1, 1), (0, 0), (2, 1)))  # type: ignore[arg-type]
    assert moved[0, ..., 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert moved[1, ..., 0].tolist() == [[4, 3, 4], [1, 0, 1], [4, 3, 4]]
    assert moved[2, ..., 0].tolist() == [[3, 4, 5], [6, 7, 8], [3, 4, 5]]


def test_translate_moves_every_image_somewhere_and_loses_none() -> None:
    images = pictures(200)
    moved = translate(images, 2, np.random.default_rng(1))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    seen = set()
    for image, around in zip(moved, padded, strict=True):
        places = [(t, s) for t in range(5) for s in range(5) if np.array_equal(image, around[t : t + 8, s : s + 8])]
        assert places
        seen.add(places[0])
    assert len(seen) == 25


def test_the_same_seed_and_epoch_give_the_same_and_others_do_not() -> None:
    images = pictures()
    options: dict[str, Any] = {"photo_share": 0.5, "crop_padding": 2, "cutout": 3, "side": 8}
    one = augment_epoch(images, images[::-1], 3, 7, **options)
    assert np.array_equal(one, augment_epoch(images, images[::-1], 3, 7, **options))
    assert not np.array_equal(one, augment_epoch(images, images[::-1], 4, 7, **options))
    assert not np.array_equal(one, augment_epoch(images, images[::-1], 3, 8, **options))
    assert np.array_equal(images, pictures()), "the training images themselves were changed"


@pytest.mark.parametrize("epoch", [0, 1, 6])
def test_two_epochs_in_a_row_show_every_image_both_ways(epoch: int) -> None:
    images = pictures()
    views = [augment_epoch(images, images, e, 5, **OPTIONS) for e in (epoch, epoch + 1)]
    for image, first, second in zip(images, *views, strict=True):
        mirrored = image[:, ::-1]
        assert {first.tobytes(), second.tobytes()} == {image.tobytes(), mirrored.tobytes()}


def test_about_half_are_mirrored_in_the_first_epoch() -> None:
    flipped = alternating_flip(10_000, 0, 1)
    assert 0.47 < flipped.mean() < 0.53 and np.array_equal(alternating_flip(10_000, 1, 1), ~flipped)


def test_the_share_of_photos() -> None:
    images, photos = np.zeros((4000, 4, 4, 3), np.uint8), np.full((4000, 4, 4, 3), 200, np.uint8)
    seen = augment_epoch(images, photos, 0, 1, photo_share=0.15, crop_padding=1, cutout=0, side=4)
    assert (seen == seen[:, :1, :1, :1]).all() and 0.12 < (seen[:, 0, 0, 0] == 200).mean() < 0.18


def test_cutout_covers_a_square_that_lies_inside() -> None:
    images = np.zeros((300, 8, 8, 3), np.uint8)
    seen = augment_epoch(images, images, 0, 1, photo_share=0.0, crop_padding=0, cutout=3, side=8)
    covered = (seen == 127).all(axis=-1)
    assert (covered.sum(axis=(1, 2)) == 9).all() and (covered.any(axis=2).sum(axis=1) == 3).all()
    assert covered.any(axis=0).all(), "some place is never covered"


def test_a_smaller_side_is_a_crop_from_anywhere() -> None:
    images = pictures(300)
    seen = augment_epoch(images, images, 1, 5, **{**OPTIONS, "side": 6})
    assert seen.shape == (300, 6, 6, 3)
    flipped = alternating_flip(300, 1, 5)
    found = set()
    for image, mirrored, view in zip(images, flipped, seen, strict=True):
        whole = image[:, ::-1] if mirrored else image
        places = [(t, s) for t in range(3) for s in range(3) if np.array_equal(view, whole[t : t + 6, s : s + 6])]
        assert places
        found.add(places[0])
    assert len(found) == 9


def test_cutout_shrinks_with_the_crop() -> None:
    images = np.zeros((50, 8, 8, 3), np.uint8)
    seen = augment_epoch(images, images, 0, 1, photo_share=0.0, crop_padding=0, cutout=4, side=4)
    assert ((seen == 127).all(axis=-1).sum(axis=(1, 2)) == 4).all()


def test_patches_cover_the_share_that_is_told() -> None:
    images = np.broadcast_to(np.arange(500, dtype=np.int16)[:, None, None, None], (500, 16, 16, 1))
    mixed, others, taken = mix_patches(images, 0.4, np.random.default_rng(3))
    foreign = mixed != images
    assert (mixed == np.where(foreign, images[others], images)).all()
    assert np.allclose(foreign.mean(axis=(1, 2, 3)), np.where(others == np.arange(500), 0, taken))
    assert 0.3 < (taken > 0).mean() < 0.45 and taken.max() > 0.8
    covered = foreign[np.argmax(taken), :, :, 0]
    rows, columns = covered.any(axis=1), covered.any(axis=0)
    assert (covered == rows[:, None] & columns).all(), "a rectangle"


def test_no_share_no_patches() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8)
    mixed, _, taken = mix_patches(images, 0.0, np.random.default_rng(3))
    assert np.array_equal(mixed, images) and not taken.any()


class Draws:
    """Replaces the random generator and returns the given kind and strength."""

    def __init__(self, kind: int, strength: float) -> None:
        self.integers = lambda below: kind
        self.random = lambda: strength


@pytest.mark.parametrize("kind", range(11))
def test_every_kind_of_distortion_changes_a_picture_and_keeps_its_shape(kind: int) -> None:
    image = pictures(1, 32)[0] // 2 + 40
    out = distort(image, Draws(kind, 0.95))  # type: ignore[arg-type]
    assert out.shape == image.shape and out.dtype == np.uint8 and not np.array_equal(out, image)


def test_one_kind_of_distortion_leaves_the_picture_alone() -> None:
    image = pictures(1)[0]
    assert np.array_equal(distort(image, Draws(11, 0.95)), image)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", range(7))
def test_half_strength_is_no_change_where_strength_has_two_sides(kind: int) -> None:
    image = pictures(1)[0]
    assert np.array_equal(distort(image, Draws(kind, 0.5)), image)  # type: ignore[arg-type]


def test_a_turn_is_about_the_middle() -> None:
    """Full strength is 30 degrees: a bright pixel 3 right of the middle moves to 2.6 right and 1.5 up or down."""
    image = np.zeros((9, 9, 3), np.uint8)
    image[4, 7] = 255
    rows, columns = np.nonzero(distort(image, Draws(0, 1.0))[..., 0])  # type: ignore[arg-type]
    assert abs(columns.mean() - 6.6) < 0.6 and abs(abs(rows.mean() - 4) - 1.5) < 0.6


def test_as_many_as_asked_for_are_distorted() -> None:
    images = pictures(600, 16)
    plain = augment_epoch(images, images, 2, 5, **OPTIONS | {"side": 16})
    seen = augment_epoch(images, images, 2, 5, **OPTIONS | {"side": 16}, distorted_share=0.5)
    changed = (seen != plain).any(axis=(1, 2, 3)).mean()
    assert 0.35 < changed < 0.5  # one of the twelve kinds changes nothing, and a weak change may have no effect
    assert np.array_equal(plain, augment_epoch(images, images, 2, 5, **OPTIONS | {"side": 16}, distorted_share=0.0))
