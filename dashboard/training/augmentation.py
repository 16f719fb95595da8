"""What an epoch shows of the training images. Pure NumPy, the same on every backend."""

from __future__ import annotations

import numpy as np


def augment_epoch(
    images: np.ndarray, photos: np.ndarray, epoch: int, seed: int, *, photo_share: float, crop_padding: int, cutout: int
) -> np.ndarray:
    """One epoch's view of the training set.

    Args:
        images: (N, S, S, 3) uint8.
        photos: (N, S, S, 3) uint8, the same pictures after enlarging, JPEG and shrinking.

    Returns:
        (N, S, S, 3) uint8 in the given order; the same for the same seed and epoch.
    """
    rng = np.random.default_rng([seed, epoch])
    n, side = images.shape[:2]
    out = np.where(rng.random((n, 1, 1, 1)) < photo_share, photos, images)
    out = np.where(alternating_flip(n, epoch, seed)[:, None, None, None], out[:, :, ::-1], out)
    out = translate(out, crop_padding, rng)
    if cutout:
        top, left = rng.integers(0, side - cutout + 1, (2, n))
        rows = np.arange(side)
        in_rows = (rows >= top[:, None]) & (rows < top[:, None] + cutout)
        in_columns = (rows >= left[:, None]) & (rows < left[:, None] + cutout)
        out[in_rows[:, :, None] & in_columns[:, None, :]] = 127
    return out


def alternating_flip(n: int, epoch: int, seed: int) -> np.ndarray:
    """Which of n images are mirrored: random in the first epoch, then each the other way round every epoch.

    Two epochs in a row thus show every image both ways (arXiv 2404.00498, section 3.6). Returns (n,) bool.
    """
    first = np.random.default_rng(seed).random(n) < 0.5
    return first ^ (epoch % 2 == 1)


def translate(images: np.ndarray, padding: int, rng: np.random.Generator) -> np.ndarray:
    """Moves each image by up to `padding` pixels each way, reflecting at the border."""
    n, side = images.shape[:2]
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")
    moved = np.empty_like(images)
    offsets = rng.integers(0, 2 * padding + 1, (n, 2))
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            chosen = (offsets[:, 0] == top) & (offsets[:, 1] == left)
            moved[chosen] = padded[chosen, top : top + side, left : left + side]
    return moved
