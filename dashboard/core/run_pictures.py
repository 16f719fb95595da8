"""The pictures behind the rows of a run: its thumbnails, or its dataset as long as that is what was evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.run_images import still_there
from dashboard.core.runs import RunManifest, RunStore


class RunPictures:
    """Pictures by the `index` and `file` of a row."""

    def __init__(self, store: RunStore, manifest: RunManifest) -> None:
        """Raises DatasetError when there are no pictures."""
        self._dataset: Dataset | None = None
        self._thumbnails = store.thumbnails(manifest.run_id)
        if self._thumbnails is not None:
            return
        if manifest.imported:
            raise DatasetError("This evaluation came without images.", code="no_images_kept")
        self._dataset = open_dataset(Path(manifest.dataset))

    def image(self, index: int, name: str, enough: tuple[int, int]) -> np.ndarray | None:
        """(H, W, 3) uint8; None where it cannot be read, or is not the one that was evaluated.

        Args:
            enough: (width, height) that a larger one may be shrunk to while it is decoded.
        """
        if self._thumbnails is not None:
            return np.asarray(self._thumbnails[index])
        if self._dataset is None or not still_there(self._dataset, index, name):
            return None
        try:
            return self._dataset.image(index, enough)
        except ImageError:
            return None
