"""What is told when a file beside the rows of a run is damaged. All that it does not hold can still be used."""

from __future__ import annotations

import errno
from pathlib import Path

from dashboard.core.errors import DatasetError

ANNOTATIONS, ATTRIBUTES, THUMBNAILS = "annotations.json", "attributes.parquet", "thumbnails.npy"
_LOST = {
    ANNOTATIONS: "its tags, subsets, note and verdict are missing",
    ATTRIBUTES: "the further columns of its dataset are missing",
    THUMBNAILS: "its small pictures come from the dataset, as long as that is there",
}
_DAMAGE = (None, errno.EINVAL, errno.ELOOP)  # else the file may be sound


def unreadable(path: Path, error: OSError) -> DatasetError:
    """The error that tells which file beside the rows cannot be read, why, what is missing, and what to do."""
    if error.errno in _DAMAGE:
        fix = f"Remove {path}, or restore it from a backup; the evaluation itself stays."
    else:
        fix = f"Make {path} readable for the dashboard's user, then try again."
    reason = str(error.strerror or error).removeprefix(path.name).lstrip(".: ")
    return DatasetError(
        f"{path.name} of the evaluation {path.parent.name} cannot be read ({reason}), so {_LOST[path.name]}.",
        fix,
        "run_file_damaged",
    )
