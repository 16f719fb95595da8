"""Recognises masks: pictures that say where something is in an image, such as masks/cat/1.png for images/cat/1.png."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

import numpy as np

from dashboard.core.datasets.file_names import WORDS_FOR_IMAGES
from dashboard.core.datasets.split_names import split_called
from dashboard.core.datasets.splits import Folders

WORDS_FOR_MASKS = frozenset(
    {
        "mask", "masks", "label", "labels", "annotation", "annotations", "trimap", "trimaps", "gt", "groundtruth",
        "segmentation", "segmentations", "segmentationclass", "segmentationobject",
    }
)  # fmt: skip
_WORDS = re.compile(r"[^\W\d_]+")
_PERHAPS = re.compile(r"mask|[ _-]seg|superpixels|[ _-]gt[^a-z]", re.IGNORECASE)  # quicker: most names hold none
_BEHIND = re.compile(r"[ _-](mask|seg|segmentation|superpixels|gt)([ _-]?\d+)?$", re.IGNORECASE)  # 1_mask.png of 1.png


def find_masks(names: Sequence[str], folders: Folders, is_image: np.ndarray) -> np.ndarray:
    """The positions (n,) of the masks among files.

    A mask has the name of an image, in a folder that is called like the one of the image except for such a word as
    masks. Or it lies beside the image, and its name goes on with such a word. A folder of masks counts as a whole, if
    most of its files are masks of an image: so a class called mask is none.

    Args:
        folders: of all files.
        is_image: (n,) bool.
    """
    told = [bare_folder(path) for path in folders.paths]
    if not any(is_masks for _, is_masks in told) and not any(map(_PERHAPS.search, names)):
        return np.empty(0, np.int64)
    stems: list[tuple[int, int, str, bool]] = []
    for position in np.flatnonzero(is_image).tolist():
        last = names[position].rpartition("/")[2]
        stem = last.rpartition(".")[0] or last
        marked = _BEHIND.search(stem)
        bare = stem[: marked.start()] if marked else stem
        stems.append((position, int(folders.codes[position]), bare.casefold(), bool(marked)))
    images = {(told[code][0], bare) for _, code, bare, marked in stems if not marked and not told[code][1]}
    of_images: dict[int, list[bool]] = {}
    for _, code, bare, _ in stems:
        if told[code][1]:
            of_images.setdefault(code, []).append((told[code][0], bare) in images)
    masks = {code for code, each in of_images.items() if 2 * sum(each) > len(each)}
    found = [
        position
        for position, code, bare, marked in stems
        if code in masks or (marked and not told[code][1] and (told[code][0], bare) in images)
    ]
    return np.array(found, np.int64)


def bare_folder(path: str, words_for_others: Set[str] = WORDS_FOR_MASKS) -> tuple[tuple[str, ...], bool]:
    """The parts of a folder without the words for images and, for example, masks, and whether there is one for masks.

    Such a word counts only beside no others than splits: so "face mask" stays what it is.
    """
    parts: list[str] = []
    is_masks = False
    for part in path.casefold().replace("ground_truth", "groundtruth").split("/"):
        words = set(_WORDS.findall(part))
        rest = words - words_for_others - WORDS_FOR_IMAGES
        if words and all(map(split_called, rest)):
            is_masks = is_masks or not words_for_others.isdisjoint(words)
            parts += sorted(rest)
        else:
            parts.append(part)
    return tuple(parts), is_masks
