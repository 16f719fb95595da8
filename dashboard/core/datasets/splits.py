"""Recognises the splits of a dataset by the names of its folders: train/cat/1.png, test/cat/1.png."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS
from dashboard.core.datasets.file_names import WORDS_FOR_IMAGES
from dashboard.core.datasets.split_names import (
    PLAIN,
    PLURALS,
    SPLIT_OF,
    SPLITS,
    in_order,
    is_short_word,
    names_split,
    parts_of,
    split_called,
)

SPLIT, COPY, SPLIT_OR_COPY = "split", "copy", "split or copy"  # for messages: what `Splits` are
_MOST_OTHERS = 12  # folders beside a split, that are splits of their own


@dataclass(frozen=True)
class Splits:
    """The splits of a dataset and the files in each."""

    positions: Mapping[str, np.ndarray]  # split -> positions of its files, ascending; see `in_order`
    folders: Mapping[str, tuple[str, ...]]  # split -> what the dataset calls it
    outside: np.ndarray  # positions of the files that are in no split
    markers: frozenset[str]  # folders, as paths, whose names are the name of a split instead of a class
    certain: bool = True  # False: the folders may be classes as well
    certain_if_labelled: bool = True  # False: they may be classes, unless something else labels their images
    noun: str = SPLIT  # or COPY, or SPLIT_OR_COPY


@dataclass(frozen=True)
class Folders:
    """The folders of many files."""

    paths: tuple[str, ...]  # different; "" for the top level
    codes: np.ndarray  # (n,) int32: for each file, the position of its folder in `paths`

    @staticmethod
    def of(names: Sequence[str]) -> Folders:
        """The folders of files with these paths."""
        known: dict[str, int] = {}
        codes = (known.setdefault(name.rpartition("/")[0], len(known)) for name in names)
        return Folders(codes=np.fromiter(codes, np.int32, len(names)), paths=tuple(known))

    def holding(self, files: np.ndarray) -> list[str]:
        """The folders that hold any of the files (n,) bool directly."""
        return [self.paths[code] for code in np.flatnonzero(np.bincount(self.codes[files], minlength=1)).tolist()]


def find_splits(folders: Folders, is_image: np.ndarray) -> Splits | None:
    """The splits of a dataset of files; None if it has not at least two.

    A folder counts if it is called like a split (train, Test, test_set), or like another folder beside it except for
    the split (seg_train beside seg_test), or if a word in its name is a split (labeled_train) and it holds folders of
    the same names as another split beside it. If there is only one, the folders beside it that hold folders of the same
    names count, too. It does not count if it holds images beside folders of images that are no splits, and there is no
    second split beside it: then it is a class among other classes. Folders beside each other with different names for
    the same split, such as dev and eval, are splits of their own.

    Args:
        folders: of all files.
        is_image: (n,) bool.
    """
    holding = folders.holding(is_image)
    marked = _marked_folders(frozenset(holding))
    found = splits_in(folders, holding, marked.split_of)
    return found and replace(found, certain=marked.certain, certain_if_labelled=marked.certain_if_labelled)


def splits_in(folders: Folders, holding: Sequence[str], split_of: Mapping[str, str]) -> Splits | None:
    """The files of each split; None if not at least two hold images.

    Args:
        folders: of all files.
        holding: the folders that hold images directly.
        split_of: the folders that are splits, by path.
    """
    with_images = {_outermost(folder, split_of) for folder in holding} - {""}
    if len(with_images) < 2:
        return None
    called: dict[str, dict[str, None]] = defaultdict(dict)
    for folder in sorted(split_of):
        called[split_of[folder]][folder.rpartition("/")[2]] = None
    present = in_order(with_images)
    of_folder = np.array([_outermost(path, split_of) for path in folders.paths])
    return Splits(
        {split: np.flatnonzero((of_folder == split)[folders.codes]) for split in present},
        {split: tuple(called[split]) for split in present},
        np.flatnonzero((of_folder == "")[folders.codes]),
        frozenset(split_of),
    )


@dataclass(frozen=True)
class _Marked:
    """Folders that are splits. The last two are those of `Splits`."""

    split_of: Mapping[str, str]  # by path
    word_of: Mapping[str, str]  # by path: their own word for the split
    certain: bool
    certain_if_labelled: bool

    @property
    def splits_of_several_words(self) -> set[str]:
        """The splits that folders beside each other have different words for, such as dev and eval."""
        times = Counter(SPLIT_OF.get(word, word) for word in set(self.word_of.values()))
        return {split for split, count in times.items() if count > 1}


def _marked_folders(holding: Collection[str]) -> _Marked:
    """The folders that are splits, among those on the way to the folders `holding` images directly."""
    children: dict[str, set[str]] = defaultdict(set)
    classes_in: dict[str, set[str]] = defaultdict(set)  # names of the folders of images in a folder
    for folder in holding:
        parts = folder.split("/") if folder else []
        for depth in range(len(parts)):
            children["/".join(parts[:depth])].add("/".join(parts[: depth + 1]))
            classes_in["/".join(parts[:depth])].add(parts[-1])
    groups = [
        marked for siblings in children.values() if (marked := _marked_among(sorted(siblings), classes_in, holding))
    ]
    split_of = {folder: split for each in groups for folder, split in each.split_of.items()}
    word_of = {folder: word for each in groups for folder, word in each.word_of.items()}
    for folder in [*split_of]:  # train_val/train and train_val/val
        if split_of[folder] == "train" and {"train", "val"} <= {split_of.get(child) for child in children[folder]}:
            del split_of[folder]
    apart = set().union(*(each.splits_of_several_words for each in groups))
    return _Marked(
        {folder: word_of[folder] if split in apart else split for folder, split in split_of.items()},
        word_of,
        all(each.certain for each in groups),
        all(each.certain_if_labelled for each in groups),
    )


def _marked_among(
    siblings: Sequence[str], classes_in: Mapping[str, set[str]], holding: Collection[str]
) -> _Marked | None:
    """The splits among folders beside each other; None if there are none, or they are classes.

    Args:
        siblings: paths.
        classes_in: the names of the folders of images in a folder.
        holding: the folders that hold images directly.
    """
    name_of = {folder: folder.rpartition("/")[2] for folder in siblings}
    by_names, by_classes = _by_their_names(name_of), _by_their_classes(name_of, classes_in)
    split_of = by_names | by_classes
    certain = by_classes.keys() <= by_names.keys() or _are_all_by_classes(siblings, by_names, by_classes, classes_in)
    if len(set(split_of.values())) < 2 and (with_others := _with_others_beside(name_of, classes_in)):
        split_of, certain = with_others, False
    if not split_of or _is_one_of_classes(split_of, siblings, holding):
        return None
    others = [folder for folder in siblings if not names_split(name_of[folder])]
    may_be_codes = any(is_short_word(name_of[folder]) for folder in split_of)  # tr is Turkish, too
    may_be_classes = all(folder in holding for folder in split_of) and (
        _differ_further(split_of, name_of) or may_be_codes or any(folder in holding for folder in others)
    )
    return _Marked(
        split_of,
        {folder: parts_of(name_of[folder])[0] or split for folder, split in split_of.items()},
        certain and not (may_be_codes and others),
        not may_be_classes,
    )


def _by_their_names(name_of: Mapping[str, str]) -> dict[str, str]:
    """The split of each folder that is certainly called like one, or like another folder except for the split."""
    found = {folder: split for folder, name in name_of.items() if (split := split_called(name))}
    alike: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for folder, name in name_of.items():
        word, rest = parts_of(name)
        if word:
            alike[rest][folder] = SPLIT_OF[word]
    for group in alike.values():
        if len(set(group.values())) > 1:
            found |= group
    return found


def _by_their_classes(name_of: Mapping[str, str], classes_in: Mapping[str, set[str]]) -> dict[str, str]:
    """The split of each folder with one in its name that holds classes of the same names as one of another split."""
    words = {folder: parts_of(name)[0] or PLURALS.get(name.casefold()) for folder, name in name_of.items()}
    named = {folder: SPLIT_OF[word] for folder, word in words.items() if word}
    classes: dict[str, set[str]] = {split: set() for split in SPLITS}
    for folder, split in named.items():
        classes[split] |= classes_in.get(folder, set())
    return {
        folder: split
        for folder, split in named.items()
        if any(other != split and classes_in.get(folder, set()) & classes[other] for other in SPLITS)
    }


def _are_all_by_classes(
    siblings: Sequence[str],
    by_names: Mapping[str, str],
    by_classes: Mapping[str, str],
    classes_in: Mapping[str, set[str]],
) -> bool:
    """True if one of the splits is also called like one, and no other folder beside them holds their classes."""
    inside = set().union(*(classes_in[folder] for folder in by_classes))
    others = (folder for folder in siblings if folder not in by_classes)
    return not by_classes.keys().isdisjoint(by_names) and not any(
        inside & classes_in.get(folder, set()) for folder in others
    )


def _with_others_beside(name_of: Mapping[str, str], classes_in: Mapping[str, set[str]]) -> dict[str, str]:
    """A single split and the folders beside it that hold classes of the same names, such as test beside site_a; else {}.

    The others are splits called like themselves. A split whose name has further words counts only beside a single
    other folder with these words in its name, such as rps-test-set beside rps.
    """
    classes = {folder: found - WORDS_FOR_IMAGES for folder in name_of if (found := classes_in.get(folder))}
    split_of = {folder: split for folder in classes if (split := split_called(name_of[folder]))}
    if not split_of and len(classes) == 2:
        further = {folder: set(parts_of(name_of[folder])[1]) - PLAIN for folder in classes}
        named = {folder: SPLIT_OF[word] for folder in classes if (word := parts_of(name_of[folder])[0])}
        one, other = further.values()
        split_of = named if len(named) == 1 and one == other else {}
    inside = set().union(*(classes[folder] for folder in split_of))
    others = [folder for folder in classes if folder not in split_of and classes[folder] & inside]
    if len(others) > _MOST_OTHERS:
        return split_of | dict.fromkeys(others, "others")
    return split_of | {folder: _name_of_its_own(name_of[folder]) for folder in others} if others else {}


def _name_of_its_own(folder: str) -> str:
    """The name of a split that is called like its folder, other than the answers that mean no single split."""
    return f"folder {folder}" if folder.casefold() in (ALL_SPLITS, NO_SPLITS) else folder


def _is_one_of_classes(split_of: Mapping[str, str], siblings: Sequence[str], holding: Collection[str]) -> bool:
    """True if there is a single split, which holds images beside folders of images that are no splits."""
    return (
        len(set(split_of.values())) == 1
        and any(folder in holding for folder in split_of)
        and any(folder in holding for folder in siblings if folder not in split_of)
    )


def _differ_further(split_of: Mapping[str, str], name_of: Mapping[str, str]) -> bool:
    """True if folders of one split have different names: test_cat beside test_dog."""
    kinds = {(split, frozenset(parts_of(name_of[folder])[1]) - PLAIN) for folder, split in split_of.items()}
    return len(kinds) > len(set(split_of.values()))


def _outermost(folder: str, split_of: Mapping[str, str]) -> str:
    """The split of the first folder on the way that is one; "" if there is none."""
    parts = folder.split("/")
    for depth in range(1, len(parts) + 1):
        if split := split_of.get("/".join(parts[:depth])):
            return split
    return ""
