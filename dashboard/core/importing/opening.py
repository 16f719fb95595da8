"""Opens a file of predictions: .npy, .npz, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboard.core.datasets.columns import (
    LABEL_COLUMNS,
    LABEL_KEYS,
    PREDICTED_COLUMNS,
    PROBS_NAMES,
    column_among,
)
from dashboard.core.datasets.npy import StoredArray, open_npy, open_npz
from dashboard.core.errors import DatasetError
from dashboard.core.importing.array_names import names_in
from dashboard.core.importing.arrays import ArrayPredictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.importing.tables import TablePredictions
from dashboard.core.importing.which_arrays import Reading, check_likeliest, chosen_reading, possible_readings
from dashboard.core.shell import in_command

_EXAMPLES = 4


class OnlyClassesError(DatasetError):
    """An array holds predicted classes instead of probabilities."""


def open_predictions(path: Path, class_names: Sequence[str] | None, reading: Reading | None = None) -> PredictionsFile:
    """Opens the file of predictions at `path`.

    Args:
        class_names: names of the probability columns if they have no prefix.
        reading: which arrays of an .npz file are meant, if the user has said so.

    Raises:
        DatasetError: the file is missing or damaged, or its probabilities are not recognised.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        raise DatasetError(f"{path} is a folder.", "Name the file of predictions in it.", "not_found")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    if suffix == ".npy":
        array = open_npy(path)
        if _are_classes(array):
            raise _only_classes(path, {"prediction": ""})
        return ArrayPredictions(array, None)
    if suffix == ".npz":
        return _in_npz(path, reading)
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise DatasetError(
            f"{path.name} is not a file of predictions.", "Give CSV, Parquet, .npy or .npz.", "predictions"
        )
    return TablePredictions(path, class_names)


def _in_npz(path: Path, reading: Reading | None) -> ArrayPredictions:
    """Raises DatasetError if it is not certain which arrays are meant, or they hold no probabilities."""
    arrays = open_npz(path)
    readings = [reading] if reading else possible_readings(arrays)
    predicted = readings[0].probs if readings else column_among(list(arrays), PREDICTED_COLUMNS)
    if predicted and _are_classes(arrays[predicted]):
        classes = [name for name, array in arrays.items() if _are_classes(array) and name != predicted]
        true = column_among(
            [name for name in classes if len(arrays[name]) == len(arrays[predicted])], (*LABEL_KEYS, *LABEL_COLUMNS)
        )
        raise _only_classes(path, {"label": true, "prediction": predicted} if true else {"prediction": predicted})
    if not readings:
        check_likeliest(arrays)
    if len(readings) != 1:
        several = f": either {', or '.join(each.in_words for each in readings)}" if readings else ""
        what = "the true labels" if len({each.probs for each in readings}) == 1 else "probabilities"
        raise DatasetError(
            f"{path.name} does not say which array holds {what}{several}; it has "
            f"{', '.join(f'{name} {array.header.shape}' for name, array in arrays.items()) or 'none'}.",
            f"Say which: {_typed(readings)}. Or save it with np.savez(file, pred_probs=..., labels=...).",
            "predictions",
        )  # fmt: skip
    [chosen] = readings
    by_name = column_among([chosen.probs], PROBS_NAMES)
    notes = () if by_name else (f"By the shapes of the arrays in {path.name}, {chosen.in_words}.",)
    probs, labels = arrays[chosen.probs], arrays[chosen.labels] if chosen.labels else None
    others = {key: array for key, array in arrays.items() if array not in (probs, labels)}
    names = names_in(others, len(probs), max((2, *probs.header.shape[1:2])))
    return ArrayPredictions(probs, labels, () if reading else notes, names)


def read_arrays(path: Path, typed: str) -> Reading:
    """The arrays of an .npz file that the user named, see `chosen_reading`. Raises DatasetError."""
    if path.suffix.lower() != ".npz":
        raise DatasetError(f"{path.name} has no named arrays.", "Leave out `--arrays`.", "predictions")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    return chosen_reading(typed, open_npz(path), path.name)


def _are_classes(array: StoredArray) -> bool:
    """True for one whole number or name per row."""
    return array.header.dtype.kind in "iuU" and len(array.header.shape) > 0 and array.header.shape[1:] in ((), (1,))


def _only_classes(path: Path, arrays: Mapping[str, str]) -> OnlyClassesError:
    """The error for predicted classes in an array, with the line of pandas that makes a table of them.

    Args:
        arrays: the names of the columns of the table -> the arrays in the .npz file; "" for that of an .npy file.
    """
    cells = ", ".join(f"{c!r}: data{f'[{name!r}]' if name else ''}.ravel()" for c, name in arrays.items())
    table = f"{path.stem}-new.csv"
    line = (
        f"import numpy as np, pandas as pd; data = np.load({path.name!r}); "
        f"pd.DataFrame({{{cells}}}).to_csv({table!r}, index=False)"
    )
    labels = (
        "" if "label" in arrays else " True labels may be a column label in it, or a file of their own (`--labels`)."
    )
    return OnlyClassesError(
        f"{path.name} holds predicted classes, and no probabilities.",
        f"Save them as a table: `{line}`. Then import {table}.{labels}", "predictions",
    )  # fmt: skip


def _typed(readings: Sequence[Reading]) -> str:
    """Examples of what to type for the arrays."""
    arrays = [each.typed for each in readings] or ["PROBS,LABELS"]
    return " or ".join(f"`--arrays {in_command(each)}`" for each in arrays[:_EXAMPLES])
