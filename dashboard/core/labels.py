"""The names in a dataset and the names in a model: matched where that is certain, reported where it is not."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
    """Matches a name as it is; else without regard to case, white space, `-` and `_`; else by common aliases, both ways.

    Where two classes of the model would fit, none is taken.
    """
    by_key, by_meaning = _only_ones(class_names, _key), _only_ones(class_names, _meaning)
    class_of, unknown = {}, []
    for name in sorted(set(names)):
        match = name if name in class_names else by_key.get(_key(name)) or by_meaning.get(_meaning(name))
        if match is None:
            unknown.append(name)
        else:
            class_of[name] = match
    return LabelMapping(class_of, tuple(unknown))


def _only_ones(class_names: Sequence[str], key_of: Callable[[str], str]) -> dict[str, str]:
    """The class of each key that exactly one class has."""
    keys = Counter(map(key_of, class_names))
    return {key_of(name): name for name in class_names if key_of(name) and keys[key_of(name)] == 1}


def _key(name: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", name).casefold() if c not in " _-")  # macOS writes NFD


def _meaning(name: str) -> str:
    return ALIASES.get(_key(name), _key(name))
