"""Finds images that occur more than once in a run."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.unchanged import still_there
from dashboard.core.errors import DashboardError, ImageError
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.images import was_replaced
from dashboard.core.runs.rows import PROPERTY_FIELDS
from dashboard.core.runs.run import Run

_READ_AT_ONCE = 4096  # thumbnails
MOST_DECODED = 2000  # images; if more look equal, they count as equal
_PROPERTIES = tuple(field.name for field in PROPERTY_FIELDS)
Pixels = Callable[[int], bytes | None]  # a hash of the decoded image of a row; None if it cannot be read


def equal_images(run: Run, thumbnails: ArrayFile | None, pixels: Pixels | None = None) -> list[np.ndarray]:
    """Groups of images with the same pixels, each as positions in ascending order, in the order of their first.

    Candidates have equal thumbnails and measured properties. Their images are decoded and compared, if the dataset can
    still be read and there are at most `MOST_DECODED` of them.

    Args:
        thumbnails: (images, height, width, 3) uint8, by the `index` of a row. If None, the properties have to be known.
        pixels: reads the image of a position; None: from the dataset of the run.
    """
    rows = run.evaluated
    if rows.empty:
        return []
    if not are_comparable(run, thumbnails):
        return []
    alike = run.detail(rows, ["index", *_PROPERTIES])
    if thumbnails is not None:
        indices = alike["index"].to_numpy()
        pieces = (thumbnails[indices[at : at + _READ_AT_ONCE]] for at in range(0, len(indices), _READ_AT_ONCE))
        alike["thumbnail"] = [_hash(picture) for piece in pieces for picture in piece]
    groups = _equal_rows(alike.drop(columns="index"))
    n_alike = sum(map(len, groups))
    if not n_alike or n_alike > MOST_DECODED:
        return groups
    pixels = pixels or _pixels_of_dataset(run, thumbnails)
    if pixels is None:
        return groups
    found = []
    for group in groups:
        hashes = [pixels(int(position)) for position in group]
        if None in hashes:
            found.append(group)  # the dataset is not what was evaluated: only the thumbnails are left
        else:
            found += _equal_rows(pd.DataFrame({"pixels": hashes}, index=group))
    return found


def are_comparable(run: Run, thumbnails: ArrayFile | None) -> bool:
    """True if enough is stored of the evaluated images to find equal ones, see `equal_images`."""
    if thumbnails is not None:
        return True
    return not run.detail(run.evaluated, list(_PROPERTIES)).isna().to_numpy().any()


def _equal_rows(table: pd.DataFrame) -> list[np.ndarray]:
    """The index values of rows with the same values, if there is more than one; missing values are the same."""
    repeated = table[table.duplicated(keep=False)]
    groups = repeated.groupby(list(table.columns), sort=False, dropna=False)
    return [rows.index.to_numpy() for _, rows in groups]


def _hash(pixels: np.ndarray) -> bytes:
    shape = str(pixels.shape).encode()[:16]
    return blake2b(pixels.tobytes(), digest_size=16, salt=shape).digest()


def _pixels_of_dataset(run: Run, thumbnails: ArrayFile | None) -> Pixels | None:
    if run.manifest.imported:
        return None
    try:
        dataset = open_dataset(Path(run.manifest.dataset))
    except (DashboardError, OSError):
        return None

    def pixels(position: int) -> bytes | None:
        row = run.files.take(np.array([position]), ["index", "file"]).iloc[0]
        if not still_there(dataset, int(row["index"]), row["file"]):
            return None
        try:
            if was_replaced(dataset, run.manifest, thumbnails, int(row["index"])):
                return None
            return _hash(dataset.image(int(row["index"])))
        except (ImageError, OSError):
            return None

    return pixels
