"""The names of the images and of the classes among the arrays of an .npz file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dashboard.core.datasets.columns import CLASS_NAMES_KEYS, FILE_KEYS, columns_among, plain_column
from dashboard.core.datasets.label_value import as_label, check_storable
from dashboard.core.datasets.npy import StoredArray
from dashboard.core.errors import DatasetError, counted
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.parsing import parsing, reason

_OF_EITHER = ("names", "name")  # of the images or of the classes
_CLASS_KEYS = (*CLASS_NAMES_KEYS, "labels_names", "class_labels", *_OF_EITHER)
_ROWS, _PIECE_BYTES = 65_536, 2**26  # the most that are read at a time
_MOST_NAME_BYTES = 2**14  # of one name
_MOST_CHARS = 2**28  # of all names; compressed, a small file holds gigabytes of them


@dataclass(frozen=True)
class ArrayNames:
    """The names in an .npz file of predictions."""

    files: tuple[str, ...] | None = None  # (N,)
    classes: tuple[str, ...] | None = None  # (K,)
    notes: tuple[str, ...] = ()  # on arrays that may hold names, but are not used


NO_NAMES = ArrayNames()


def names_in(arrays: Mapping[str, StoredArray], n_rows: int, n_classes: int) -> ArrayNames:
    """The names of N images and K classes among the arrays that hold neither probabilities nor true labels.

    Raises:
        DatasetError: an array of names cannot be read.
    """
    files = [
        key for key in columns_among(list(arrays), FILE_KEYS) if may_name_files(key, arrays[key], n_rows, n_classes)
    ]
    lists = [key for key in columns_among(list(arrays), _CLASS_KEYS) if _is_text(arrays[key])]
    classes = [key for key in lists if len(arrays[key]) == n_classes]
    notes = []
    if both := [key for key in classes if key in files]:
        classes = [key for key in classes if key not in both]
        if not classes:
            files = [key for key in files if key not in both]
            notes.append(
                f"{arrays[both[0]].name} may name the images or the classes, so it is not used. Call it files or class_names."
            )
    names = _class_names(arrays[classes[0]]) if classes else ()
    if fault := class_names_fault(names):
        notes.append(f"{arrays[classes[0]].name} is not used, since class names {fault}.")
    wrong = [
        key for key in lists if not classes and not _of_either(key) and len(arrays[key]) not in (n_rows, n_classes)
    ]
    notes += [
        f"{arrays[key].name} is not used, since it has {counted(len(arrays[key]), 'name')} for {n_classes:,} classes."
        for key in wrong
    ]
    notes += [
        f"{arrays[key].name} is not used, since it has {counted(len(arrays[key]), 'name')} for {counted(n_rows, 'row')}."
        for key in columns_among(list(arrays), FILE_KEYS)
        if not files and not _of_either(key) and _is_text(arrays[key]) and len(arrays[key]) != n_rows
    ]
    named = tuple(_values(arrays[files[0]], _as_text)) if files else None
    return ArrayNames(named, names if names and not fault else None, tuple(notes))


def may_name_files(key: str, array: StoredArray, n_rows: int, n_classes: int) -> bool:
    """Whether the array names the image of each row: it is called so, and its values are not those of a few classes.

    Whole numbers name images if all are different and they are called ids. Raises DatasetError for a damaged file.
    """
    if not columns_among([key], FILE_KEYS) or array.header.shape != (n_rows,):
        return False
    if array.header.dtype.kind in "iu" and plain_column(key).endswith(("id", "ids")):
        return len(set(_values(array, str))) == n_rows
    if not _is_text(array):
        return False
    few = min(n_classes, n_rows - 1)
    different: set[str] = set()
    for name in _values(array, _as_text):
        different.add(name)
        if len(different) > few:
            return True
    return False


def _of_either(key: str) -> bool:
    return plain_column(key) in _OF_EITHER


def _is_text(array: StoredArray) -> bool:
    """Whether the array is a list of text that is short enough for names."""
    header = array.header
    return len(header.shape) == 1 and header.dtype.kind in "US" and header.row_bytes <= _MOST_NAME_BYTES


def _class_names(array: StoredArray) -> tuple[str, ...]:
    return tuple(_values(array, lambda value: as_label(value) or ""))


def _values(array: StoredArray, as_name: Callable[[object], str]) -> Iterator[str]:
    rows = max(1, min(_ROWS, _PIECE_BYTES // max(1, array.header.row_bytes)))
    with parsing(lambda error: _unreadable(array.name, error)):
        chars = 0
        for piece in array.pieces(rows):
            names = [as_name(value) for value in piece.tolist()]
            chars += sum(map(len, names))
            if chars > _MOST_CHARS:
                raise ValueError(f"its names have more than {_MOST_CHARS:,} characters")
            yield from names


def _as_text(value: object) -> str:
    text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
    check_storable(text)
    if "\0" in text:
        raise ValueError(f"{text[:60]!r} holds the character NUL")
    return text


def _unreadable(name: str, error: Exception) -> DatasetError:
    return DatasetError(
        f"{name} cannot be read as names: {reason(error)}.", "Save short names as plain text.", "predictions"
    )
