"""Runs any number of images through a traced function, in batches of few different sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BATCH = 128  # maximum images per forward pass
PIXELS = BATCH * 64 * 64  # maximum per batch for a gradient, which keeps the activations of all layers in memory


def batch_size(height: int, width: int, pixels: int = PIXELS) -> int:
    """The number of images of this size per batch: a power of two, at most BATCH."""
    return min(BATCH, 1 << max(0, (pixels // (height * width)).bit_length() - 1))


def in_batches(
    function: Callable[..., tuple[np.ndarray, ...]], *arrays: np.ndarray, size: int = BATCH
) -> tuple[np.ndarray, ...]:
    """The result of `function(*arrays)` for arrays of N rows, computed in batches of at most `size` rows.

    Batches are padded to a power of two by repeating the last row, so that TensorFlow traces only a few shapes.
    """
    parts = []
    for start in range(0, len(arrays[0]), size):
        rows = [array[start : start + size] for array in arrays]
        n = len(rows[0])
        missing = min(size, 1 << (n - 1).bit_length()) - n
        if missing:
            rows = [np.concatenate([row, np.repeat(row[-1:], missing, axis=0)]) for row in rows]
        parts.append([result[:n] for result in function(*rows)])
    return tuple(np.concatenate(column) if len(column) > 1 else column[0] for column in zip(*parts, strict=True))
