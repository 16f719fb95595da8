"""The images of a run as they were evaluated: the file of one image, and small pictures of many.

Images come from the dataset, as long as it has the same file at the same position. If the run has thumbnails, the small
pictures come from them, so they remain when the dataset is deleted. They also tell whether a picture was replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.core.datasets import Dataset, open_dataset
from dashboard.core.datasets.unchanged import changed, check_still_there, still_there
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.drawing import GRAY, centred
from dashboard.core.images.model_input import enough_pixels
from dashboard.core.images.preprocessing import Fit, Preprocessing, fit_image
from dashboard.core.images.thumbnails import make_thumbnail, thumbnail_shape
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore

# Mean difference of a thumbnail's pixels, of 255. Another version of a decoder gives slightly other pixels.
MOST_DIFFERENCE = 8


@dataclass(frozen=True)
class RunImage:
    """An image of a run."""

    run_id: str
    index: int  # position in the dataset
    file: str  # path inside the dataset
    data: bytes  # the image file
    true_label: str | None
    predicted_label: str | None  # None if the image was not evaluated
    model: str  # NAME@VERSION of the model version that predicted
    model_sha256: str
    fit: Fit | None  # how pictures were fitted to the model input; None if unknown

    @property
    def name(self) -> str:
        """The file name without its folders."""
        return self.file.rsplit("/", 1)[-1]


def run_image(run: Run, index: int) -> RunImage:
    """The image at a position of a run's dataset.

    Raises:
        DatasetError: the run has no such image, or its dataset is gone or was changed, see `evaluated_file`.
        ImageError: the image cannot be read.
    """
    rows = run.table[run.table["index"] == index]
    if rows.empty:
        raise DatasetError(
            f"This evaluation has no image number {index:,}.", "Choose one on Batch evaluation.", "image_unknown"
        )
    row, file = rows.iloc[0], str(run.detail(rows, ["file"])["file"].iloc[0])
    return RunImage(
        run_id=run.manifest.run_id,
        index=index,
        file=file,
        data=evaluated_file(dataset_of(run.manifest), run.manifest, run.find_thumbnails(), index, file),
        true_label=row["true_label"] if isinstance(row["true_label"], str) else None,
        predicted_label=row["predicted_label"] if isinstance(row["predicted_label"], str) else None,
        model=run.manifest.model,
        model_sha256=run.manifest.model_sha256,
        fit=run.manifest.fit,
    )


def evaluated_file(
    dataset: Dataset, manifest: RunManifest, thumbnails: ArrayFile | None, index: int, file: str
) -> bytes:
    """The file of an evaluated image.

    Args:
        thumbnails: of the run, by `index`. If None, a picture that was replaced under the same name is not noticed.

    Raises:
        DatasetError: another file is at this position of the dataset now, or the file holds another picture.
        ImageError: the image cannot be read.
    """
    check_still_there(dataset, index, file)
    data = dataset.file(index)
    if was_replaced(dataset, manifest, thumbnails, index):
        raise changed(dataset.path.name, f"since it was evaluated: {file} is another picture now.")
    return data


def was_replaced(dataset: Dataset, manifest: RunManifest, thumbnails: ArrayFile | None, index: int) -> bool:
    """Whether the file at this position holds another picture than the evaluated one. False if that cannot be told.

    Args:
        thumbnails: as in `evaluated_file`.

    Raises:
        ImageError: the image cannot be read.
    """
    if thumbnails is None or not manifest.fit or not manifest.input_size:
        return False
    recipe = Preprocessing(*manifest.input_size, manifest.fit, resample=manifest.resample)
    then = thumbnails[index]
    if not then.any() or then.shape[:2] != thumbnail_shape(recipe):  # that of an image without a prediction is black
        return False
    now = make_thumbnail(fit_image(dataset.image(index, enough_pixels(recipe)), recipe), recipe)
    return bool(np.abs(now.astype(np.int16) - then).mean() > MOST_DIFFERENCE)


class RunPictures:
    """Gives small pictures of the images of a run, by the `index` and `file` of a row."""

    def __init__(self, store: RunStore, manifest: RunManifest) -> None:
        """Raises DatasetError if there are no pictures."""
        self._thumbnails = store.folder(manifest.run_id).beside.thumbnails()
        self._dataset = dataset_of(manifest) if self._thumbnails is None else None

    def tiles(self, indices: Sequence[int], files: Sequence[str], side: int) -> tuple[np.ndarray, np.ndarray]:
        """Small pictures of the same size (N, h, w, 3) uint8, and (N,) bool: which images could be read.

        Thumbnails keep their size. Images that are read from the dataset become squares of `side` pixels.
        """
        if self._thumbnails is not None:
            return np.asarray(self._thumbnails[np.asarray(indices, np.int64)]), np.ones(len(indices), bool)
        pictures = [self.image(index, file, (side, side)) for index, file in zip(indices, files, strict=True)]
        gray = np.full((side, side, 3), GRAY, np.uint8)
        tiles = [gray if picture is None else centred(picture, side) for picture in pictures]
        return np.stack(tiles), np.array([picture is not None for picture in pictures])

    def image(self, index: int, file: str, enough: tuple[int, int]) -> np.ndarray | None:
        """A picture (H, W, 3) uint8; None if it cannot be read, or another image is at this position now.

        Args:
            enough: (width, height) to which a larger image may be reduced while it is decoded.
        """
        if self._thumbnails is not None:
            return np.asarray(self._thumbnails[index])
        if self._dataset is None or not still_there(self._dataset, index, file):
            return None
        try:
            return self._dataset.image(index, enough)
        except ImageError:
            return None


def dataset_of(manifest: RunManifest) -> Dataset:
    """The dataset of a run. Raises DatasetError if it is gone, or if the run was imported without images."""
    if manifest.imported:
        raise DatasetError("This evaluation was imported without images.", code="no_images_kept")
    try:
        return open_dataset(Path(manifest.dataset))
    except DatasetError as error:
        if error.code != "not_found":
            raise
        raise DatasetError(  # without the path, which is not for everybody who may see the run
            f"The dataset {manifest.dataset_name} does not exist any more.",
            "Put it back to where it was, or evaluate it again.",
            "not_found",
        ) from error
