"""Turns a value in a table, array or record into a label."""

from __future__ import annotations

import json
import re
import unicodedata

import numpy as np

from dashboard.core.datasets.columns import columns_among
from dashboard.core.errors import ImageError, listed

_NAMES = ("name", "label", "class")  # keys of the name in an object that is a label
_WHOLE = re.compile(r"^(-?\d+)(?:\.0+|,0)$")  # pandas writes class ids like this if one is missing, Excel in German 3,0
_OF_SAVETXT = re.compile(r"-?\d\.\d{18}e[+-]\d\d")  # numpy.savetxt writes all numbers like this unless told otherwise
_ITEM = r"""'[^'\\]*'|"[^"\\]*"|-?\d+"""
_LIST = re.compile(rf"\[\s*(?:(?:{_ITEM})(?:\s*,\s*(?:{_ITEM}))*)?\s*,?\s*\]")  # as Python writes it

OF_THIS_IMAGE = "gives this image "  # behind the name of a table, in the reason why an image has no certain label


class NoLabelError(ValueError):
    """A value is neither a name nor a whole number."""

    def __init__(self, value: object) -> None:
        super().__init__(f"{str(value)[:60]!r} is not a label: a name or a whole number is needed")


class SeveralLabels(ValueError):
    """A list holds more than one label."""

    def __init__(self, labels: list[str]) -> None:
        super().__init__(f"it holds several labels for one image: {listed(labels)}")
        self.labels = labels


def as_label(value: object) -> str | None:
    """A label as text, with composed accents: 3, 3.0, "3.0", [3] and "[3]" become "3"; None if empty or missing.

    An object such as {"name": "cat", "id": 3} is its only text that is called name, label or class.

    Raises:
        SeveralLabels: the value is a list of several labels.
        NoLabelError: the value has another type.
        ValueError: the value holds a character that no name has.
    """
    if isinstance(value, dict):
        texts = {text for key in columns_among([*map(str, value)], _NAMES) if isinstance(text := value[key], str)}
        if len(texts) != 1:
            raise NoLabelError(value)
        [value] = texts
    if isinstance(value, (list, tuple, np.ndarray)):
        return _only_label(list(value))
    if value is None or type(value).__name__ == "NAType" or value != value:  # pandas.NA, without importing pandas
        return None
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise NoLabelError(value)
    text = unicodedata.normalize("NFC", str(value).rstrip("\0").strip())  # programs in C fill cells with NUL
    if "\0" in text:
        raise ValueError(f"{text[:60]!r} is not a label: it holds the character NUL, as damaged files do")
    check_storable(text)
    if text.startswith("[") and text.endswith("]") and (items := _items(text)) is not None:
        return _only_label(items)
    if _OF_SAVETXT.fullmatch(text) and float(text).is_integer():
        return str(int(float(text)))
    whole = _WHOLE.match(text)
    return whole[1] if whole else text or None


def check_storable(text: str) -> None:
    """Raises ValueError for text that UTF-8 cannot store: half characters, as JSON may hold them, or code points beyond
    Unicode, as a damaged array of NumPy may.
    """
    text.encode().decode()


def several_labels(table: str, labels: list[str], called: str = "labels") -> ImageError:
    """The reason why an image with several labels is not evaluated."""
    return ImageError(
        f"{table} {OF_THIS_IMAGE}several {called}: {listed(labels)}.", "Keep one of them for it.", "several_labels"
    )


def _only_label(items: list[object]) -> str | None:
    if any(isinstance(item, (list, tuple, np.ndarray)) for item in items):
        raise NoLabelError(items)
    labels = list(dict.fromkeys(label for item in items if (label := as_label(item)) is not None))
    if len(labels) > 1:
        raise SeveralLabels(labels)
    return labels[0] if labels else None


def _items(text: str) -> list[object] | None:
    """The items of a list of names and whole numbers as JSON or Python write it; None if the text is something else."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = [item.strip("'\"") for item in re.findall(_ITEM, text)] if _LIST.fullmatch(text) else None
    if isinstance(items, list) and all(isinstance(item, (str, int)) and not isinstance(item, bool) for item in items):
        return items
    return None
