"""Opens a file of predictions: .npy, .npz, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.datasets.columns import PROBS_NAMES, column_among
from dashboard.core.datasets.npy import open_npy, open_npz
from dashboard.core.errors import DatasetError
from dashboard.core.importing.array_names import names_in
from dashboard.core.importing.arrays import ArrayPredictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.importing.tables import TablePredictions
from dashboard.core.importing.which_arrays import Reading, chosen_reading, possible_readings
from dashboard.core.shell import in_command

_EXAMPLES = 4


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
        return ArrayPredictions(open_npy(path), None)
    if suffix == ".npz":
        arrays = open_npz(path)
        readings = [reading] if reading else possible_readings(arrays)
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
    if suffix not in (".csv", ".tsv", ".parquet"):
        raise DatasetError(
            f"{path.name} is not a file of predictions.", "Give CSV, Parquet, .npy or .npz.", "predictions"
        )
    return TablePredictions(path, class_names)


def read_arrays(path: Path, typed: str) -> Reading:
    """The arrays of an .npz file that the user named, see `chosen_reading`. Raises DatasetError."""
    if path.suffix.lower() != ".npz":
        raise DatasetError(f"{path.name} has no named arrays.", "Leave out `--arrays`.", "predictions")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist.", "Check the path.", "not_found")
    return chosen_reading(typed, open_npz(path), path.name)


def _typed(readings: Sequence[Reading]) -> str:
    """Examples of what to type for the arrays."""
    arrays = [each.typed for each in readings] or ["PROBS,LABELS"]
    return " or ".join(f"`--arrays {in_command(each)}`" for each in arrays[:_EXAMPLES])
