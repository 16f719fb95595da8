"""The class names of a model: reads and checks them. Also the words that no class may be called."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from dashboard.core.errors import ModelError

HOW_TO_NAME = (
    "Give them in the order of the outputs: --class-names a,b,c or a file: --class-names labels.txt (one per line), "
    "or the .json or .csv file that was saved at the training."
)
LEAVE_OUT = "(leave out)"  # instead of a class: images with this label are not evaluated
OTHERS = "*"  # in a label map, instead of a label: every label that matches no class
NO_LABEL = "(no label)"  # instead of a class: images with this label are predicted, but not compared
_SUFFIXES = (".txt", ".csv", ".tsv", ".json", ".names")
_NUMBERED = re.compile(r"\s*(\d+)[\s:,;=]+(\S.*)")
_NUMBERED_AFTER = re.compile(r"\s*(\S.*?)[\s:,;=]+(\d+)\s*")
_NAME_COLUMNS = ("name", "class_name", "classname", "class", "label", "category")
_ID_COLUMNS = ("id", "index", "idx", "class_id", "label_id", "number", "")
_NAMES_IN_JSON = ("id2label", "class_names", "classes", "labels", "names", "class_indices")


def read_class_names(argument: str) -> tuple[str, ...]:
    """Class names from `a,b,c`, or from a file; see `class_names_in`. Raises ModelError when it is unreadable."""
    path = Path(argument)
    is_file = False
    with contextlib.suppress(OSError):  # a list of names may be too long for the name of a file
        is_file = path.is_file()
    if not is_file and path.suffix.lower() not in _SUFFIXES:
        return tuple(name.strip() for name in argument.split(",") if name.strip())
    try:
        return class_names_in(path.read_bytes(), path.name)
    except OSError as error:
        raise ModelError(
            f"The class names cannot be read from {path}: {error.strerror or error}.", "Check the path.", "class_names"
        ) from error


def class_names_in(data: bytes, name: str) -> tuple[str, ...]:
    """The class names in the content of a file called `name`, in the order of the model's outputs.

    Text has one name per line, also with its number before it ("0 cat"). JSON is a list of names, or an object from
    names to numbers or from numbers to names. CSV has a column of names, and perhaps one of numbers.

    Raises:
        ModelError: the file is not text, or its content has none of these forms; code `class_names`.
    """
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        suffix = PurePath(name).suffix.lower()
        if suffix == ".json":
            return _from_json(json.loads(text))
        if suffix in (".csv", ".tsv"):
            return _from_table(
                list(csv.reader(io.StringIO(text), delimiter="\t" if suffix == ".tsv" else _separator(text)))
            )
        return _from_lines([line.strip() for line in text.splitlines() if line.strip()])
    except (ValueError, RecursionError, csv.Error) as error:
        raise ModelError(
            f"The class names cannot be read from {name}: {str(error).rstrip('.')}.",
            "Give a UTF-8 text file with one name per line.", "class_names",
        ) from error  # fmt: skip


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    return ";" if first.count(";") > first.count(",") else ","


def _from_lines(lines: Sequence[str]) -> tuple[str, ...]:
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(numbered):
        named = {int(found[1]): found[2].strip() for found in numbered if found}
        if len(named) == len(lines) and _count(named):
            return tuple(named[number] for number in sorted(named))
    named_first = [_NUMBERED_AFTER.fullmatch(line) for line in lines]
    if all(named_first):
        named = {int(found[2]): found[1].strip() for found in named_first if found}
        if len(set(named.values())) == len(lines) and _count(named):  # else they are names such as Class 1, Class 2
            return tuple(named[number] for number in sorted(named))
    return tuple(lines)


def _from_json(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return tuple(value)
    if isinstance(value, dict):
        for key in _NAMES_IN_JSON:
            if isinstance(value.get(key), (dict, list)):
                return _from_json(value[key])
        if value and all(isinstance(each, int) for each in value.values()):
            return _by_number({number: str(name) for name, number in value.items()}, len(value))
        if value and all(str(key).isdecimal() for key in value):
            # Keras' imagenet_class_index.json has ["n01440764", "tench"] for each number
            names = {int(k): str(v[-1] if isinstance(v, list) and v else v) for k, v in value.items()}
            return _by_number(names, len(value))
    raise ValueError("it is neither a list of names nor an object of names and numbers")


def _by_number(names: Mapping[int, str], n: int) -> tuple[str, ...]:
    if len(names) != n or not _count(names):
        raise ValueError(f"its numbers are not 0 to {n - 1}, each once")
    return tuple(names[number] for number in sorted(names))


def _from_table(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The column that counts from 0 or 1 gives the order, if there is one; another column gives the names."""
    rows = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError("its rows are not equally long" if rows else "it is empty")
    header = [cell.lower() for cell in rows[0]]
    named = [header.index(name) for name in _NAME_COLUMNS if name in header]
    body = rows[1:] if named or set(header) & set(_ID_COLUMNS) - {""} else rows
    columns = list(zip(*body, strict=True))
    if len(columns) == 1:
        return columns[0]
    counting = [
        i for i, column in enumerate(columns) if all(map(str.isdecimal, column)) and _count(list(map(int, column)))
    ]
    others = [i for i in (named or range(len(columns))) if i not in counting] or [
        i for i in range(len(columns)) if i not in counting
    ]
    if len(counting) > 1 or (len(others) > 1 and not named) or not others:
        raise ValueError(f"it is not clear which of its columns holds the names ({', '.join(rows[0][:8])})")
    names = columns[others[0]]
    return _by_number(dict(zip(map(int, columns[counting[0]]), names, strict=True)), len(names)) if counting else names


def _count(numbers: Collection[int]) -> bool:
    """True for 0, 1, 2 ... or 1, 2, 3 ... in any order."""
    n = len(numbers)
    return n > 0 and sorted(numbers) in (list(range(n)), list(range(1, n + 1)))


def check_class_names(given: Sequence[str]) -> None:
    """Raises ModelError when two names are the same, one is empty, or one is reserved."""
    if fault := class_names_fault(given):
        raise ModelError(f"The class names {fault}.", HOW_TO_NAME, "class_names")


def class_names_fault(names: Sequence[str]) -> str:
    """What is wrong with the class names of a model; "" if nothing is wrong."""
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        return "must be different and not empty"
    reserved = [name for name in (LEAVE_OUT, NO_LABEL) if name in names]
    return f"must not include {reserved[0]!r}, which has a special meaning here" if reserved else ""
