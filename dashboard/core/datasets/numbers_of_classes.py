"""Labels as a list of numbers for each image, one number for each class: soft labels, or one-hot vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from dashboard.core.errors import Advice, Choice
from dashboard.core.shell import is_safe_in_quotes

_LEAST_CLASSES = 2
_ROUNDING = 0.02  # of a sum of shares
_BETWEEN = re.compile(r"[,;\s]+")
_HARD = "hard_labels"  # what the advice writes


def count_of_classes(values: Iterable[object]) -> int:
    """How many numbers each value holds, if all are lists of as many numbers from 0 to 1 whose sum is 1; else 0.

    Args:
        values: of a column of labels. A missing one is passed over. A list may be text, as in a CSV, or an object whose
            keys are the classes.
    """
    count = 0
    for value in values:
        if value is None or value == "":
            continue
        numbers = _numbers(value)
        if len(numbers) < _LEAST_CLASSES or count not in (0, len(numbers)):
            return 0
        if not all(0 <= each <= 1 for each in numbers) or abs(sum(numbers) - 1) > _ROUNDING:
            return 0
        count = len(numbers)
    return count


def _numbers(value: object) -> list[float]:
    """The numbers in a list; [] if it is none, or holds something else."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        value = [each for each in _BETWEEN.split(value[1:-1]) if each]
    elif isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    try:
        return [float(each) for each in value]
    except (TypeError, ValueError, OverflowError):
        return []


def what_it_holds(column: str, count: int) -> str:
    """What is wrong with such a column, as the end of a sentence. `column` is "" if it has no name."""
    where = f"its column {column.strip()} holds" if column else "it holds"
    return f"{where} {count} numbers for each image, one for each class, and not one label"


def way_out(file: str, column: str, with_images: bool = False) -> Advice | str:
    """How to turn the numbers into labels.

    Args:
        file: the name of the table; its suffix tells the format.
        column: "" for a JSON object of file and list.
        with_images: True: the table holds the images, too.
    """
    name, column = PurePosixPath(file).name, column.strip()
    only_true = "If these are true labels rather than predictions, "
    if not (is_safe_in_quotes(name) and is_safe_in_quotes(column or "-")):
        return f"{only_true}replace each list by the class with the largest number in it."
    suffix = PurePosixPath(name).suffix.lower()
    largest = "p.Series(x).idxmax()"
    if suffix == ".parquet":
        read = f"t = p.read_parquet('{name}')"
    elif not column:
        read = f"t = p.read_json('{name}', typ='series').rename_axis('file').reset_index(name='label')"
    elif suffix == ".json":
        read = f"t = p.read_json('{name}')"
    elif suffix in (".csv", ".tsv"):
        read = f"t = p.read_csv('{name}', sep=None, engine='python')"
        largest = "p.Series(x.strip('[]').replace(',', ' ').split(), dtype=float).idxmax()"
    else:
        read = f"t = p.read_json('{name}', lines=True)"
    column = column or "label"
    found = f"{_HARD}.parquet" if with_images else f"{_HARD}.csv"
    write = f"t.to_parquet('{found}')" if with_images else f"t.to_csv('{found}', index=False)"
    program = (
        f"import pandas as p; {read}; t = t.dropna(subset=['{column}']); "
        f"t['{column}'] = [{largest} for x in t['{column}']]; {write}"
    )
    use = (f"give {found} instead",) if with_images else ("take the labels from it with ", Choice("labels", found))
    return Advice(f'{only_true}write the class with the largest number: `python -c "{program}"`. Then ', *use, ".")
