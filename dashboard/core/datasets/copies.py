"""Recognises copies of one dataset beside each other: raw/cat/1.png, processed/cat/1.png. Pooled, each image would count twice."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import combinations

import numpy as np

from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.split_names import PLAIN, WORD, names_split
from dashboard.core.datasets.splits import COPY, SPLIT_OR_COPY, Folders, Splits, splits_in
from dashboard.core.errors import ImageError
from dashboard.core.images.file_size import MAX_FILE_BYTES

_WORDS = frozenset(
    {
        "raw", "original", "originals", "orig", "processed", "preprocessed", "resized", "cropped", "augmented", "enhanced",
        "normalized", "segmented", "thumbnail", "thumbnails", "thumbs", "rescaled", "denoised", "color", "colour", "grayscale", "greyscale",
    }
)  # fmt: skip
_BESIDE = PLAIN | {"full"}  # words that may stand beside these
_MOST_OF_THEM = 0.5  # share of the images of the smaller folder
_MOST_COPIES = 20  # beside each other
_MOST_COMPARED = 10  # pairs of images with the same names, that are read
_NUMBERED = re.compile(r"\D*(\d{1,9})\D*")
_MOST_PER_IMAGE = 10  # a number that is larger, for the number of images, is no counter


def find_copies(source: FileSource, folders: Folders, is_image: np.ndarray) -> Splits | None:
    """The copies of a dataset, as splits called like their folders; None if there are not at least two.

    Folders beside each other are copies if they hold class folders of the same names, and if the names of both say what
    was done with the images (raw, processed, resized). If the name of only one of two says so, most images have the same
    names, too; and these are no mere counters, or the images are the same, or the other folder is called for its images
    alone (photos, photos_cropped). Whatever they are called, they are copies if they hold equally many images of the same
    names and these are the same. In several class folders, raw and processed may also lie within each.

    Args:
        source: all files.
        folders: of these.
        is_image: (n,) bool.
    """
    holding = folders.holding(is_image)
    # parent -> folder -> paths of the folders of images in it
    classes_in: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    leaves_in: dict[str, set[str]] = defaultdict(set)  # class -> names of the folders in it
    for path in holding:
        parts = path.split("/")
        if len(parts) > 1 and not names_split(parts[-2]):
            leaves_in["/".join(parts[:-1])].add(parts[-1])
        for depth in range(1, len(parts)):
            if not names_split(parts[depth - 1]):
                classes_in["/".join(parts[: depth - 1])]["/".join(parts[:depth])].add("/".join(parts[depth:]))
    copies: dict[str, str] = {}
    images = _ImagesBelow(source.names, folders, is_image)
    for siblings in classes_in.values():
        said = {folder for folder in siblings if _says_copy(folder.rpartition("/")[2])}
        for one in said if len(siblings) <= _MOST_COPIES else ():
            for other in siblings:
                alike = other != one and siblings[one] & siblings[other]
                if alike and (other in said or (len(siblings) == 2 and _are_copies(source, is_image, one, other))):
                    copies |= {folder: folder.rpartition("/")[2] for folder in (one, other)}
        for one, other in combinations(siblings, 2) if len(siblings) <= _MOST_COPIES else ():
            seem_alike = siblings[one] == siblings[other] and images.seem_alike(one, other)
            if seem_alike and _are_identical(source, _with_the_same_names(source, is_image, one, other)):
                copies |= {folder: folder.rpartition("/")[2] for folder in (one, other)}
    often = Counter(map(frozenset, leaves_in.values()))
    for parent, leaves in leaves_in.items():
        if len(leaves) > 1 and often[frozenset(leaves)] > 1 and all(map(_says_copy, leaves)):
            copies |= {f"{parent}/{leaf}": leaf for leaf in leaves}
    found = splits_in(folders, holding, copies)
    return found and replace(found, certain=False, noun=COPY)


def find_flat_copies(source: FileSource, folders: Folders, is_image: np.ndarray) -> Splits | None:
    """Folders of images beside each other that are copies, unless they are classes; see `find_copies`.

    Most of their images have the same names, and all are called so (raw, processed), or one of two is called for its
    images alone.
    """
    holding = folders.holding(is_image)
    said = [path for path in holding if _says_copy(path.rpartition("/")[2])]
    copies: dict[str, str] = {}
    for one in said if len(holding) <= _MOST_COPIES else ():
        for other in holding:
            beside = other != one and other.rpartition("/")[0] == one.rpartition("/")[0]
            may_be = beside and (other in said or (len(holding) == 2 and _says_images(other)))
            if may_be and _with_the_same_names(source, is_image, one, other):
                copies |= {folder: folder.rpartition("/")[2] for folder in (one, other)}
    found = splits_in(folders, holding, copies)
    return found and replace(found, certain=False, noun=COPY)


def within_splits(splits: Splits, copies: Splits, names: Sequence[str], is_image: np.ndarray) -> Splits:
    """The copies of each split as splits of their own, called by both, such as raw/test; without any, the splits.

    Args:
        names: of all files.
        is_image: (n,) bool.
    """
    positions: dict[str, np.ndarray] = {}
    for split, of_split in splits.positions.items():
        rest = of_split
        for copy, of_copy in copies.positions.items():
            both = np.intersect1d(of_split, of_copy)
            if is_image[both].any():
                folder = names[int(both[0])].split("/")
                above = any(called in folder[: folder.index(copy)] for called in splits.folders[split])
                is_copy = len(both) == len(of_split) and split == copy
                positions[split if is_copy else f"{split}/{copy}" if above else f"{copy}/{split}"] = both
                rest = np.setdiff1d(rest, of_copy)
        if is_image[rest].any():
            positions[split] = rest
    if positions.keys() <= splits.positions.keys():
        return splits
    return Splits(
        positions,
        {name: splits.folders.get(name, (name,)) for name in positions},
        np.setdiff1d(np.arange(len(names)), np.concatenate(list(positions.values()))),
        splits.markers | copies.markers,
        certain=splits.certain and "test" in positions,
        certain_if_labelled=splits.certain_if_labelled,
        noun=SPLIT_OR_COPY,
    )


class _ImagesBelow:
    """The images below folders, for a quick look before all names are compared."""

    def __init__(self, names: Sequence[str], folders: Folders, is_image: np.ndarray) -> None:
        self._names, self._folders, self._is_image = names, folders, is_image

    def seem_alike(self, one: str, other: str) -> bool:
        """True if two folders hold equally many images, and the first one of the one is in the other, too."""
        if self._count(one) != self._count(other):
            return False
        first = next(name for name in self._every if name.startswith(f"{one}/"))
        return f"{other}{first[len(one) :]}" in self._every

    def _count(self, folder: str) -> int:
        return sum(n for path, n in self._counts.items() if path == folder or path.startswith(f"{folder}/"))

    @cached_property
    def _counts(self) -> dict[str, int]:
        counts = np.bincount(self._folders.codes[self._is_image], minlength=len(self._folders.paths)).tolist()
        return dict(zip(self._folders.paths, counts, strict=True))

    @cached_property
    def _every(self) -> dict[str, None]:
        return dict.fromkeys(self._names[i] for i in np.flatnonzero(self._is_image).tolist())


def _says_copy(folder: str) -> bool:
    words = _words(folder)
    return any(word in _WORDS for word in words) and all(word in _WORDS | _BESIDE for word in words)


def _words(folder: str) -> list[str]:
    return [word.casefold() for word in WORD.findall(folder)]


def _are_copies(source: FileSource, is_image: np.ndarray, one: str, other: str) -> bool:
    """True if most images of two folders have the same paths in them, and more speaks for copies.

    Takes the folder whose name says what was done with the images first.
    """
    common = _with_the_same_names(source, is_image, one, other)
    if not common or _says_images(other):
        return bool(common)
    numbers = [_NUMBERED.fullmatch(path.rpartition("/")[2]) for path in common]
    if not all(number and int(number[1]) <= _MOST_PER_IMAGE * len(common) for number in numbers):
        return True
    return _are_identical(source, common)


def _are_identical(source: FileSource, common: Mapping[str, tuple[int, int]]) -> bool:
    """True if most of these pairs of images are the same files, as far as looked at."""
    compared = [*common.values()][:: max(1, len(common) // _MOST_COMPARED)][:_MOST_COMPARED]
    return bool(compared) and sum(_are_the_same(source, *pair) for pair in compared) >= _MOST_OF_THEM * len(compared)


def _with_the_same_names(source: FileSource, is_image: np.ndarray, one: str, other: str) -> dict[str, tuple[int, int]]:
    """The positions of the images that have the same path in two folders, whatever their suffix, by this path.

    Nothing if they are fewer than _MOST_OF_THEM.
    """
    names = source.names
    images = np.flatnonzero(is_image).tolist()
    ours, theirs = (
        {names[i][len(folder) :].rpartition(".")[0]: i for i in images if names[i].startswith(f"{folder}/")}
        for folder in (one, other)
    )
    common = sorted(ours.keys() & theirs.keys())
    if len(common) < _MOST_OF_THEM * min(len(ours), len(theirs)):
        return {}
    return {path: (ours[path], theirs[path]) for path in common}


def _says_images(folder: str) -> bool:
    """True for a folder that is called for its images alone, besides what was done with them."""
    words = [word for word in _words(folder.rpartition("/")[2]) if word not in _WORDS]
    return bool(words) and all(word in _BESIDE for word in words)


def _are_the_same(source: FileSource, one: int, other: int) -> bool:
    try:
        return source.read(one, MAX_FILE_BYTES) == source.read(other, MAX_FILE_BYTES)
    except ImageError:
        return False
