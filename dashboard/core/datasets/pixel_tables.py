"""Says how to read the images in a table of pixels: a column for each pixel (MNIST), or one with all of them (FER2013)."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

from dashboard.core.datasets.columns import LABEL_COLUMNS, SPLIT_COLUMNS, column_among, csv_separator
from dashboard.core.errors import ImageError
from dashboard.core.shell import is_safe_in_quotes

PIXEL_TABLES = (".csv", ".tsv")
HEAD_BYTES = 2**20  # of a table: its first two lines
_LEAST_PIXELS = 64
_MOST_OTHERS = 4  # columns beside the pixels
_LARGEST, _MOST_DIGITS = 255, 3
_DIGITS = re.compile(r"\d")
_ADVICE = "Save them as arrays, images of uint8 (N, height, width) or (N, height, width, 3) and labels"


@dataclass(frozen=True)
class _Pixels:
    """Where a table holds pixels."""

    read: str  # Python that makes x (N, pixels) uint8 of the table t
    count: int  # of numbers for each image
    label: str | int | None  # the column of the labels
    split: str | None  # a column of splits
    has_header: bool = True


def pixels_in_table(name: str, head: bytes) -> ImageError | None:
    """The reason why a table of pixels is not read, with the way to save them as arrays; None if it is none.

    Args:
        name: of the table, a CSV.
        head: its first HEAD_BYTES.
    """
    try:
        lines = [line for line in head.decode("utf-8-sig", "ignore").splitlines()[:2] if line]
        separator = csv_separator(lines[-1])
        header, cells = csv.reader(lines, delimiter=separator)
    except (ValueError, IndexError, csv.Error):
        return None
    if len(header) != len(cells) or (found := _in_one_column(header, cells) or _in_columns(header, cells)) is None:
        return None
    message = f"{name} holds pixels as numbers, which are not read from tables."
    last = name.rpartition("/")[2]
    columns = [each for each in (found.label, found.split) if isinstance(each, str)]
    shape = _shape(found.count)
    if not shape or not all(map(is_safe_in_quotes, (last, *columns))):
        return ImageError(message, f"{_ADVICE} (N), in one .npz.")
    options = "" if separator == "," else ", sep='\\t'" if separator == "\t" else f", sep='{separator}'"
    options += "" if found.has_header else ", header=None"
    label = f"t.pop({found.label!r})" if found.label is not None else ""
    labels = ", labels=n.array(y.tolist())" if label else ""
    program = (
        f"import numpy as n, pandas as p; t = p.read_csv('{last}'{options}, keep_default_na=False); "
        f"{f'y = {label}; ' if label else ''}{found.read}; n.savez('images.npz', images=x.reshape({shape}){labels})"
    )
    kind = "square gray images" if shape.count(",") == 2 else "square images, red, green and blue of each pixel"
    told = f'If they are those of {kind}, save them as arrays: `python -c "{program}"`. Then give images.npz.'
    if found.label is None:
        told += " No column seems to hold labels, so these images have none."
    elif not found.has_header:
        told += " It takes the first column as the labels."
    if found.split:
        told += f" Its column {found.split} names splits: to evaluate one of them, first delete the rows of the others."
    return ImageError(message, told)


def _in_columns(header: Sequence[str], cells: Sequence[str]) -> _Pixels | None:
    pixels = sum(map(_is_pixel, cells))
    if pixels < _LEAST_PIXELS or pixels < len(cells) - _MOST_OTHERS:
        return None
    if all(map(_is_pixel, header[1:])) and not _counts_up(header[1:-1]):  # the first line is one of pixels already
        labelled = bool(_shape(len(cells) - 1))
        count = len(cells) - labelled
        return _Pixels("x = t.to_numpy('u1')", count, 0 if labelled else None, None, has_header=False)
    others = [column for column in header if not _DIGITS.search(column)]
    label, split = _label_and_split(others)
    read = "x = t.filter(regex='[0-9]').to_numpy('u1')"
    return _Pixels(read, len(header) - len(others), label, split) if len(others) <= _MOST_OTHERS else None


def _in_one_column(header: Sequence[str], cells: Sequence[str]) -> _Pixels | None:
    for column, cell in zip(header, cells, strict=True):
        numbers = cell.split()
        if len(numbers) >= _LEAST_PIXELS and all(map(_is_pixel, numbers)) and is_safe_in_quotes(column):
            others = [each for each in header if each != column]
            label, split = _label_and_split(others)
            read = f"x = n.stack([n.array(c.split(), 'u1') for c in t['{column}']])"
            return _Pixels(read, len(numbers), label, split)
    return None


def _label_and_split(others: Sequence[str]) -> tuple[str | None, str | None]:
    """The columns of the labels and of the splits, among those that hold no pixels."""
    split = column_among(others, SPLIT_COLUMNS)
    return column_among(others, LABEL_COLUMNS) or next((each for each in others if each != split), None), split


def _counts_up(names: Sequence[str]) -> bool:
    first = int(names[0])
    return [*map(int, names)] == [*range(first, first + len(names))]


def _is_pixel(cell: str) -> bool:
    digits = cell.strip()
    return len(digits) <= _MOST_DIGITS and digits.isdecimal() and int(digits) <= _LARGEST


def _shape(count: int) -> str:
    """The arguments of reshape for the pixels of square images; "" if they are none."""
    for channels, rest in ((1, ""), (3, ", 3")):
        side = isqrt(count // channels)
        if side * side * channels == count:
            return f"-1, {side}, {side}{rest}"
    return ""
