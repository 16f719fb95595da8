"""Fewer of the easy images (Qin et al., "InfoBatch", arXiv 2303.04947, section 2.3). Pure NumPy."""

from __future__ import annotations

import numpy as np


def draw_epoch(
    losses: np.ndarray, rng: np.random.Generator, *, easy_kept: float, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Which images an epoch shows, in which order, and how much each counts.

    Images with less than the mean loss are left out by chance; those that stay count for the ones left out, so that
    the expected gradient stays the same.

    Args:
        losses: (N,), each image's loss when it was last seen.
        easy_kept: the share of the images with less than the mean loss that is shown, in (0, 1].

    Returns:
        Numbers of images, shuffled, a multiple of `batch_size` where there are so many, and their weights, mean 1.
    """
    easy = losses < losses.mean()
    kept = ~easy | (rng.random(len(losses)) < easy_kept)
    chosen = rng.permutation(np.flatnonzero(kept))
    if len(chosen) >= batch_size:  # a rest would be a step of its own with a noisier gradient
        chosen = chosen[: len(chosen) // batch_size * batch_size]
    weight = np.where(easy[chosen], 1 / easy_kept, 1.0).astype(np.float32)
    return chosen, weight / weight.mean()
