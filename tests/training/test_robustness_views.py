from __future__ import annotations

import numpy as np
import pytest

from dashboard.training.augmentation import augment_epoch
from dashboard.training.robustness_views import add_noise, mix_chains, resample
from tests.conftest import picture

IMAGES = np.stack([picture(i) for i in range(40)])
GREY = np.full((400, 32, 32, 3), 128, np.uint8)


def test_noise_is_as_strong_as_asked_on_its_share_of_the_images_and_half_the_time_in_a_square() -> None:
    noise = add_noise(GREY, 0.5, 0.1, np.random.default_rng(0)).astype(float) - 128
    changed = (noise != 0).any(axis=-1)  # (400, 32, 32)
    noisy = changed.any(axis=(1, 2))
    assert noisy.mean() == pytest.approx(0.5, abs=0.07)
    in_square = ~changed[noisy][:, [0, 0, -1, -1], [0, -1, 0, -1]].any(axis=1)
    assert 0.2 < in_square.mean() < 0.6, "squares in a corner are not told apart from noise everywhere"
    everywhere = noise[noisy][changed[noisy].mean(axis=(1, 2)) > 0.9].std(axis=(1, 2, 3)) / 255
    assert 0.06 < everywhere.max() < 0.11


def test_a_coarse_or_compressed_image_still_shows_the_same() -> None:
    rng = np.random.default_rng(0)
    found = np.stack([resample(image, rng) for image in IMAGES])
    apart = np.abs(found.astype(int) - IMAGES).mean(axis=(1, 2, 3))
    assert found.dtype == np.uint8 and found.shape == IMAGES.shape
    assert (apart > 0).mean() > 0.8 and apart.max() < 60


def test_chains_are_a_mean_of_the_image_and_its_changes() -> None:
    rng = np.random.default_rng(0)
    found = np.stack([mix_chains(image, rng) for image in IMAGES])
    assert found.dtype == np.uint8 and found.shape == IMAGES.shape
    apart = np.abs(found.astype(int) - IMAGES).mean(axis=(1, 2, 3))
    assert (apart > 0).mean() > 0.8 and apart.mean() < 50
    again = np.random.default_rng(0)
    assert np.array_equal(found, [mix_chains(image, again) for image in IMAGES])


def test_each_share_changes_its_images_and_no_others() -> None:
    def seen(**shares: float) -> np.ndarray:
        given = {"photo_share": 0.0, "crop_padding": 1, "cutout": 4, "side": 32, **shares}
        return augment_epoch(IMAGES, IMAGES, 1, 5, **given)  # type: ignore[arg-type]

    plain = seen()
    for share in ("chained_share", "resampled_share", "noisy_share"):
        changed = (seen(**{share: 0.5}, most_noise=0.2) != plain).any(axis=(1, 2, 3))
        assert 0.25 < changed.mean() < 0.75, share
    assert np.array_equal(plain, seen(most_noise=0.2))
