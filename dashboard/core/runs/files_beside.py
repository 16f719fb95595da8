"""The files that may lie beside the rows of a run: metrics, annotations, further columns of the dataset, thumbnails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from dashboard.core.errors import DatasetError
from dashboard.core.files import check_regular, how_to_write_again, rename
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.runs.annotations import Annotations, change_annotations, read_annotations
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.attributes import AttributeFile
from dashboard.core.runs.checked_json import read_record, write_checked_json
from dashboard.core.runs.file_faults import ANNOTATIONS, ATTRIBUTES, THUMBNAILS, unreadable
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.thumbnail_file import MOST_BYTES, ThumbnailFile

_EVALUATION = "evaluation.json"
_EVALUATION_TYPE = TypeAdapter(Evaluation)


class FilesBeside:
    """The files beside the rows of a run. None of them need exist, and a damaged one does not harm the others."""

    def __init__(self, folder: Path, manifest: Callable[[], RunManifest], check_may_change: Callable[[], None]) -> None:
        """The arguments `manifest` and `check_may_change` are the methods of the `RunFolder`."""
        self._folder, self._manifest, self._check_may_change = folder, manifest, check_may_change

    @property
    def evaluation_file(self) -> Path:
        """The file of the stored metrics."""
        return self._folder / _EVALUATION

    def evaluation(self, manifest: RunManifest, table: pd.DataFrame) -> Evaluation | None:
        """The stored metrics; None if they are not known to be of these rows, so that the reader computes them."""
        if not {"status", "true_label"} <= {*table}:
            return None
        labelled = (table["status"] == "ok") & table["true_label"].notna()
        with contextlib.suppress(OSError):
            found = read_record(self.evaluation_file, _EVALUATION_TYPE)
            if found.class_names == tuple(manifest.class_names) and found.confusion.sum() == labelled.sum():
                return found  # else they belong to another run, or to the rows before the run went on
        return None

    def keep_evaluation(self, evaluation: Evaluation) -> None:
        """Stores metrics, completely or not at all. Raises OSError."""
        write_checked_json(self.evaluation_file, _EVALUATION_TYPE.dump_python(evaluation, mode="json"))

    def forget_evaluation(self) -> None:
        """Removes the stored metrics; the next reader of the run computes them. Raises OSError."""
        self.evaluation_file.unlink(missing_ok=True)

    def annotations(self) -> Annotations:
        """What people noted about the run. Raises DatasetError if that cannot be read."""
        return read_annotations(self._folder)

    def readable_annotations(self) -> Annotations:
        """What people noted about the run; empty if that cannot be read, see `faults`."""
        with contextlib.suppress(DatasetError):
            return self.annotations()
        return Annotations()

    def annotate(self, change: Callable[[Annotations], Annotations]) -> Annotations:
        """Changes what people noted about the run.

        Raises:
            DatasetError: that cannot be read or written.
            AccessError: the visitor may not change the run.
        """
        self._check_may_change()
        return change_annotations(self._folder, change)

    @property
    def attributes(self) -> AttributeFile:
        """The further columns of the dataset."""
        return AttributeFile(self._folder)

    def keep_thumbnails(self, n: int, shape: tuple[int, int], new: bool = True) -> ThumbnailFile | None:
        """The file for `n` thumbnails of `shape` (height, width), or None if it would be too large.

        Args:
            new: no row has a thumbnail yet, so the file may be made. False: it must be there.

        Raises:
            OSError: the file cannot be made, is missing, or is no such file.
        """
        if n * shape[0] * shape[1] * 3 > MOST_BYTES:
            return None
        return ThumbnailFile(self._folder / THUMBNAILS, n, shape, new)

    def forget_thumbnails(self) -> None:
        """Removes the thumbnails; small pictures then come from the dataset. Raises OSError."""
        (self._folder / THUMBNAILS).unlink(missing_ok=True)

    def thumbnails(self) -> ArrayFile | None:
        """The thumbnails by `index`, (N, height, width, 3) uint8; None if the run has none that are whole."""
        with contextlib.suppress(OSError):
            return self._thumbnails()
        return None

    def _thumbnails(self) -> ArrayFile:
        path = self._folder / THUMBNAILS
        check_regular(path)  # before the manifest, which is not needed if there is no such file
        manifest = self._manifest()
        return ArrayFile(path, (manifest.n_images, None, None, 3), np.uint8, complete=manifest.state == "finished")

    def faults(self) -> dict[str, DatasetError]:
        """Why files cannot be read, and what is missing therefore, by the name of the file.

        Stored metrics are none of them: damaged ones are computed again.
        """
        found = {}
        try:
            self.annotations()
        except DatasetError as error:
            found[ANNOTATIONS] = error
        if fault := self.attributes.fault:
            found[ATTRIBUTES] = fault
        try:
            self._thumbnails()
        except FileNotFoundError:
            pass
        except OSError as error:
            found[THUMBNAILS] = unreadable(self._folder / THUMBNAILS, error)
        return found

    def set_aside(self, name: str) -> None:
        """Renames a file to NAME.damaged if it is one of `faults`, so that the run no longer has it.

        Raises:
            AccessError: the visitor may not change the run.
            DatasetError: it cannot be renamed.
        """
        self._check_may_change()
        if name not in self.faults():
            return
        path = self._folder / name
        try:
            rename(path, path.with_name(f"{name}.damaged"))
        except OSError as error:
            raise DatasetError(
                f"{path} cannot be renamed: {error.strerror or error}.",
                f"{how_to_write_again(error)}, then try again.",
                "storage",
            ) from error
