"""The names in a dataset and the names in a model: matched where that is certain, reported where it is not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALIASES = {
    "plane": "airplane", "aeroplane": "airplane", "aircraft": "airplane", "jet": "airplane",
    "car": "automobile", "auto": "automobile",
    "kitty": "cat", "puppy": "dog", "boat": "ship", "lorry": "truck", "toad": "frog",
}  # fmt: skip


@dataclass(frozen=True)
class LabelMapping:
    """Which class of the model each name of a dataset means."""

    class_of: dict[str, str]  # name as in the dataset -> class name of the model
    unknown: tuple[str, ...]  # names that mean none of the model's classes


def match_labels(names: Iterable[str], class_names: Sequence[str]) -> LabelMapping:
    """Matches without regard to case, white space, `-` and `_`; by common aliases where the model has that class."""
    by_key = {_key(name): name for name in reversed(class_names)}
    class_of, unknown = {}, []
    for name in sorted(set(names)):
        key = _key(name)
        match = name if name in class_names else by_key.get(key) or by_key.get(ALIASES.get(key, key))
        if match is None:
            unknown.append(name)
        else:
            class_of[name] = match
    return LabelMapping(class_of, tuple(unknown))


def _key(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", name).casefold() if c not in " _-")  # macOS writes NFD
