"""Exports some images of a run as a ZIP with one folder for each label."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from typing import IO

from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.labels.label_folders import LABELS_MEMBER, LabelFolders
from dashboard.core.runs.images import dataset_of, evaluated_file
from dashboard.core.runs.run import Run

MOST_EXPORTED = 5000  # images
MOST_EXPORTED_BYTES = 2**29


def write_class_folders(run: Run, indices: Sequence[int], out: IO[bytes]) -> None:
    """Writes the image files as LABEL/NAME, LABELS_MEMBER if a folder cannot be called so, and `not_exported.json` with the reasons if some could not be read.

    Args:
        indices: `index` of each image, ascending; at most MOST_EXPORTED.

    Raises:
        DatasetError: the dataset is gone, or was imported without images.
    """
    dataset, thumbnails = dataset_of(run.manifest), run.find_thumbnails()
    rows = run.table[run.table["index"].isin(indices)]
    files = run.detail(rows, ["file"])["file"]
    missing: dict[str, str] = {}
    folders = LabelFolders()
    written = 0
    with zipfile.ZipFile(out, "w") as archive:  # images are compressed already
        for index, label, file in zip(rows["index"], rows["true_label"], files, strict=True):
            full = written > MOST_EXPORTED_BYTES
            try:  # reading a file takes time, also if it is not exported
                data = b"" if full else evaluated_file(dataset, run.manifest, thumbnails, index, file)
            except (DatasetError, ImageError) as error:
                missing[file] = error.message
                continue
            written += len(data)
            if written > MOST_EXPORTED_BYTES:
                missing[file] = f"The ZIP already holds {MOST_EXPORTED_BYTES / 2**20:,.0f} MiB. Export it separately."
                continue
            archive.writestr(folders.member(label if isinstance(label, str) else None, file, int(index)), data)
        if labels := folders.labels:
            archive.writestr(LABELS_MEMBER, labels)
        if missing:
            archive.writestr("not_exported.json", json.dumps(missing, ensure_ascii=False, indent=2))
