"""Opens a file of predictions: .npy, .npz, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.datasets.columns import LABEL_KEYS, PROBS_NAMES, column_among
from dashboard.core.datasets.npy import open_npy, open_npz
from dashboard.core.errors import DatasetError
from dashboard.core.importing.arrays import ArrayPredictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.importing.tables import TablePredictions


def open_predictions(path: Path, class_names: Sequence[str] | None) -> PredictionsFile:
    """Opens the file of predictions at `path`.

    Args:
        class_names: names of the probability columns if they have no prefix.

    Raises:
        DatasetError: the file is missing or damaged, or its probabilities are not recognised.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        raise DatasetError(f"{path} is a folder.", "Name the file of predictions in it.", "not_found")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    if suffix == ".npy":
        return ArrayPredictions(open_npy(path), None)
    if suffix == ".npz":
        arrays = open_npz(path)
        probs, labels = column_among(list(arrays), PROBS_NAMES), column_among(list(arrays), LABEL_KEYS)
        if probs is None:
            raise DatasetError(
                f"{path.name} does not say which array holds probabilities; it has {', '.join(arrays) or 'none'}.",
                "Save it with np.savez(file, pred_probs=..., labels=...).", "predictions",
            )  # fmt: skip
        return ArrayPredictions(arrays[probs], arrays[labels] if labels else None)
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise DatasetError(
            f"{path.name} is not a file of predictions.", "Give CSV, Parquet, .npy or .npz.", "predictions"
        )
    return TablePredictions(path, class_names)
