"""The images of a run as they were evaluated: the file of one image, and small pictures of many.

They are read from the dataset, if it still has the same file at the same place. Small pictures are read from the stored
thumbnails if there are any, so they outlive the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.unchanged import check_still_there, still_there
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.preprocessing import Fit
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore


@dataclass(frozen=True)
class RunImage:
    """An image of a run."""

    run_id: str
    index: int  # position in the dataset
    file: str  # path inside the dataset
    data: bytes  # the image file
    true_label: str | None
    predicted_label: str | None  # None if it was not evaluated
    model: str  # NAME@VERSION that predicted
    model_sha256: str
    fit: Fit | None  # how the picture was fitted; None if unknown

    @property
    def name(self) -> str:
        """The file name without folders."""
        return self.file.rsplit("/", 1)[-1]


def run_image(run: Run, index: int) -> RunImage:
    """The image at a position of a run's dataset.

    Raises:
        DatasetError: the run has no such image, or the dataset is gone or was changed.
        ImageError: it cannot be read.
    """
    rows = run.table[run.table["index"] == index]
    if rows.empty:
        raise DatasetError(
            f"This evaluation has no image number {index:,}.", "Choose one on Batch evaluation.", "image_unknown"
        )
    row, file = rows.iloc[0], str(run.detail(rows, ["file"])["file"].iloc[0])
    dataset = _dataset_of(run.manifest)
    check_still_there(dataset, index, file)
    return RunImage(
        run_id=run.manifest.run_id,
        index=index,
        file=file,
        data=dataset.file(index),
        true_label=row["true_label"] if isinstance(row["true_label"], str) else None,
        predicted_label=row["predicted_label"] if isinstance(row["predicted_label"], str) else None,
        model=run.manifest.model,
        model_sha256=run.manifest.model_sha256,
        fit=run.manifest.fit,
    )


class RunPictures:
    """Small pictures of the rows of a run."""

    def __init__(self, store: RunStore, manifest: RunManifest) -> None:
        """Raises DatasetError if there are no pictures."""
        self._thumbnails = store.folder(manifest.run_id).thumbnails()
        self._dataset = _dataset_of(manifest) if self._thumbnails is None else None

    def image(self, index: int, file: str, enough: tuple[int, int]) -> np.ndarray | None:
        """(H, W, 3) uint8; None if the image cannot be read, or is not the one that was evaluated.

        Args:
            enough: (width, height) to which a larger image may be shrunk while it is decoded.
        """
        if self._thumbnails is not None:
            return np.asarray(self._thumbnails[index])
        if self._dataset is None or not still_there(self._dataset, index, file):
            return None
        try:
            return self._dataset.image(index, enough)
        except ImageError:
            return None


def _dataset_of(manifest: RunManifest) -> Dataset:
    if manifest.imported:
        raise DatasetError("This evaluation came without images.", code="no_images_kept")
    return open_dataset(Path(manifest.dataset))
