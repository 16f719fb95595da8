"""Leaves out some of the easy images (Qin et al., "InfoBatch", arXiv 2303.04947, section 2.3). Pure NumPy."""

from __future__ import annotations

import numpy as np


def draw_epoch(
    losses: np.ndarray, rng: np.random.Generator, *, easy_kept: float, batch_size: int, shown_share: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the images of an epoch, their order and their weights.

    Images with less than the mean loss are left out at random. The remaining ones get a higher weight, so that the
    expected gradient stays the same.

    Args:
        losses: (N,), the last loss of each image.
        easy_kept: the share of the images with less than the mean loss to keep, in (0, 1].
        shown_share: the share of all images that are drawn at most, in (0, 1].

    Returns:
        Shuffled indices of the images (a multiple of `batch_size`, unless there are fewer), and their weights (mean 1).
    """
    easy = losses < losses.mean()
    kept = ~easy | (rng.random(len(losses)) < easy_kept)
    chosen = rng.permutation(np.flatnonzero(kept))[: round(shown_share * len(losses))]
    if len(chosen) >= batch_size:  # a smaller last batch would have a noisier gradient
        chosen = chosen[: len(chosen) // batch_size * batch_size]
    weight = np.where(easy[chosen], 1 / easy_kept, 1.0).astype(np.float32)
    return chosen, weight / weight.mean()
