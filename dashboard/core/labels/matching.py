"""Matches the labels of a dataset with the classes of a model. Labels without a certain match are reported."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.errors import DatasetError, listed
from dashboard.core.labels import cifar10
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL

NO_ID = "-1"  # "no label" among class ids, as in scikit-learn and Hugging Face
_ID = re.compile(r"[0-9]{1,6}")
_NEGATIVE = re.compile(r"\s*-\s*[0-9.]+\s*")


@dataclass(frozen=True)
class LabelMapping:
    """Which class of the model each label of a dataset means."""

    class_of: dict[str, str | None]  # label -> class of the model; None: the label means "no label"
    unknown: tuple[str, ...]  # labels that match no class
    left_out: tuple[str, ...] = ()  # labels that the user leaves out
    notes: tuple[str, ...] = ()  # explanations of matches that are not obvious

    def label_map(self) -> dict[str, str]:
        """A label map with which `match_labels` gives the same mapping again."""
        known = {name: NO_LABEL if meant is None else meant for name, meant in self.class_of.items()}
        return known | dict.fromkeys(self.left_out, LEAVE_OUT)


def match_labels(
    names: Iterable[str], class_names: Sequence[str], label_map: Mapping[str, str] | None = None
) -> LabelMapping:
    """Matches labels with classes: exactly; else ignoring case, white space, `-` and `_`; else by CIFAR-10's aliases.

    Aliases work in both directions: `plane` in the dataset matches `airplane` in the model, and the reverse. A label
    that fits two classes stays unknown. If all labels are numbers, -1 means "no label". The numbers are class ids if
    all of them are valid ids and none is the name of a class.

    Args:
        names: the labels of the dataset.
        label_map: what the user says that some labels mean: a class, LEAVE_OUT or NO_LABEL.

    Raises:
        DatasetError: the label map has a label or a class that does not exist; code `label_map`.
    """
    wanted = sorted(set(names))
    label_map = label_map or {}
    _check_label_map(label_map, wanted, class_names)
    by_key, by_meaning = _only_ones(class_names, _key), _only_ones(class_names, _meaning)
    open_names = [name for name in wanted if name not in label_map]
    given = [name for name in open_names if name != NO_ID]
    numbers = bool(given) and all(map(_ID.fullmatch, given))
    ids = numbers and all(int(name) < len(class_names) for name in given)
    ids = ids and not any(name in class_names for name in open_names)
    absent = numbers and NO_ID in open_names and NO_ID not in class_names
    class_of: dict[str, str | None] = {}
    unknown = []
    for name in open_names:
        if absent and name == NO_ID:
            class_of[name] = None
            continue
        match = name if name in class_names else by_key.get(_key(name)) or by_meaning.get(_meaning(name))
        if match is None and ids:
            match = class_names[int(name)]
        if match is None:
            unknown.append(name)
        else:
            class_of[name] = match
    class_of |= {n: None if meant == NO_LABEL else meant for n, meant in label_map.items() if meant != LEAVE_OUT}
    left_out = tuple(name for name in wanted if label_map.get(name) == LEAVE_OUT)
    notes = _about_ids(given, class_names) if ids else ()
    if absent:
        notes = (*notes, f"The label {NO_ID} means that there is no label.")
    return LabelMapping(class_of, tuple(unknown), left_out, notes)


def _check_label_map(label_map: Mapping[str, str], names: Sequence[str], class_names: Sequence[str]) -> None:
    for label, meant in label_map.items():
        if label not in names:
            raise DatasetError(
                f"{label!r} is not a label of the dataset.", f"Its labels: {listed(names, 20)}.", "label_map"
            )
        if meant not in (*class_names, LEAVE_OUT, NO_LABEL):
            raise DatasetError(
                f"{label!r} cannot mean {meant!r}: the model has no such class.",
                f"Its classes: {listed(class_names, 20)}.", "label_map",
            )  # fmt: skip


def _about_ids(ids: Sequence[str], class_names: Sequence[str]) -> tuple[str, ...]:
    meant = ", ".join(f"{each} is {class_names[int(each)]}" for each in sorted(ids, key=int)[:3])
    return (f"The labels are used as class ids, counted from 0: {meant}{' and so on' if len(ids) > 3 else ''}.",)


def _only_ones(class_names: Sequence[str], key_of: Callable[[str], str]) -> dict[str, str]:
    """Key -> class, for the keys that exactly one class has."""
    keys = Counter(map(key_of, class_names))
    return {key_of(name): name for name in class_names if key_of(name) and keys[key_of(name)] == 1}


def _key(name: str) -> str:
    if _NEGATIVE.fullmatch(name):  # keeps the minus: -1 is not 1
        return name
    return "".join(c for c in unicodedata.normalize("NFC", name).casefold() if c not in " _-")  # macOS writes NFD


def _meaning(name: str) -> str:
    return cifar10.ALIASES.get(_key(name), _key(name))
