"""Small pictures of a dataset's images."""

from __future__ import annotations

import contextlib

import numpy as np

from dashboard.core.datasets import Dataset
from dashboard.core.errors import ImageError
from dashboard.core.images import enlarge
from dashboard.core.run_images import still_there

TILE = 96  # pixels


def tile(dataset: Dataset, index: int, name: str) -> np.ndarray:
    """The image, enlarged; gray where it cannot be read or is not the one that was evaluated."""
    if still_there(dataset, index, name):
        with contextlib.suppress(ImageError):
            return enlarge(dataset.image(index, (TILE, TILE)), TILE)
    return np.full((TILE, TILE, 3), 127, np.uint8)
