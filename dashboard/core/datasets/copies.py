"""Recognises copies of one dataset beside each other: raw/cat/1.png, processed/cat/1.png. Pooled, each image would count twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dashboard.core.datasets.splits import Folders, Splits, is_plain_word, splits_in

_WORDS = frozenset(
    {
        "raw", "original", "originals", "orig", "processed", "preprocessed", "resized", "cropped", "augmented", "enhanced",
        "normalized", "segmented", "color", "colour", "grayscale", "greyscale",
    }
)  # fmt: skip
_BESIDE = frozenset({"photo", "photos", "picture", "pictures"})  # as `is_plain_word`
_MOST_OF_THEM = 0.5  # share of the images of the smaller folder
_MOST_COPIES = 20  # beside each other
_WORD = re.compile(r"[^\W\d_]+")


def find_copies(names: Sequence[str], folders: Folders, is_image: np.ndarray) -> Splits | None:
    """The copies of a dataset, as splits called like their folders; None if there are not at least two.

    Folders beside each other are copies if they hold class folders of the same names, and if the names of both say what
    was done with the images (raw, processed, resized), or one of them does and most images have the same names, too.

    Args:
        names: of all files.
        folders: of these.
        is_image: (n,) bool.
    """
    holding = folders.holding(is_image)
    if not any(map(_says_copy, {part for path in holding for part in path.split("/")})):
        return None
    # parent -> folder -> paths of the folders of images in it
    classes_in: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in holding:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            classes_in["/".join(parts[: depth - 1])]["/".join(parts[:depth])].add("/".join(parts[depth:]))
    copies: dict[str, str] = {}
    for siblings in classes_in.values():
        said = {folder for folder in siblings if _says_copy(folder.rpartition("/")[2])}
        for one in said if len(siblings) <= _MOST_COPIES else ():
            for other in siblings:
                alike = other != one and siblings[one] & siblings[other]
                if alike and (other in said or _hold_the_same(names, is_image, one, other)):
                    copies |= {folder: folder.rpartition("/")[2] for folder in (one, other)}
    found = splits_in(folders, holding, copies)
    return found and replace(found, certain=False, noun="copy")


def _says_copy(folder: str) -> bool:
    words = [word.casefold() for word in _WORD.findall(folder)]
    return any(word in _WORDS for word in words) and all(
        word in _WORDS | _BESIDE or is_plain_word(word) for word in words
    )


def _hold_the_same(names: Sequence[str], is_image: np.ndarray, one: str, other: str) -> bool:
    """True if most images of two folders have the same paths in them, whatever their suffix."""
    images = [names[i] for i in np.flatnonzero(is_image).tolist()]
    inside = [
        {image[len(folder) :].rpartition(".")[0] for image in images if image.startswith(f"{folder}/")}
        for folder in (one, other)
    ]
    return len(inside[0] & inside[1]) >= _MOST_OF_THEM * min(map(len, inside))
