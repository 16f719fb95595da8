"""Finds the class of images whose own folder is no class of the model, but lies in one: cat/hard/1.png."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import chain

from dashboard.core.datasets import label_counts
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.datasets.split_names import SPLITS, names_split
from dashboard.core.errors import DatasetError
from dashboard.core.labels.class_ids import are_numbers
from dashboard.core.labels.class_names import OTHERS
from dashboard.core.labels.matching import as_spelled, classes_above, likely_classes, match_labels
from dashboard.core.labels.synsets import synset_name


def in_class_folders(
    samples: SampleList,
    class_names: Sequence[str],
    label_map: Mapping[str, str] | None = None,
    first_id: int | None = None,
) -> SampleList:
    """The same samples. Where a folder is no class, but lies in folders of one class, the label is its path: `cat/hard/`.

    A label stays if it may mean a class, stands in the label map, or does not come from a folder. Numbers that may be
    class ids give way only if they lie in several classes. A path in the label map is the label of its folder. If some
    folders of a label get their path so, all do: the label alone would mean them, too.

    Args:
        label_map: what the user says that some labels mean, see `match_labels`.
        first_id: the number of the first class, if the user says that the labels are class ids: 0 or 1.

    Raises:
        DatasetError: as `match_labels`.
    """
    if not samples.from_folders:
        return samples
    label_map = as_spelled(label_map or {}, samples.labels, class_names)
    known = set(samples.labels)
    given = {label: meant for label, meant in label_map.items() if label in known}
    mapping = match_labels(samples.labels, class_names, given, first_id)
    likely = likely_classes(mapping.unknown, class_names)
    unknown = {label for label in mapping.unknown if label not in likely and not synset_name(label)}
    chosen = {label for label in label_map if label.endswith("/")}
    label_of = samples.label_of_folder() if unknown or chosen else {}
    folders = (folder for folder, label in label_of.items() if label in unknown)
    found = classes_above((f for f in folders if f.rstrip("/").rpartition("/")[2] in unknown), class_names)
    if mapping.question and len(set(found.values())) < 2:
        found = {}
    moved = chosen.union(folder for folder, meant in found.items() if meant.casefold() not in SPLITS)
    if not moved:
        return samples
    numbers = {label for label in known.difference(given, class_names) if first_id is None and are_numbers([label])}
    parted = {label_of[folder] for folder in moved if folder in label_of} & (unknown | numbers)
    return samples.labelled_by_path(
        moved.union(folder for folder, label in label_of.items() if label in parted and folder not in found)
    )


def with_folders_above(
    samples: SampleList, label_map: Mapping[str, str], class_names: Sequence[str] = ()
) -> dict[str, str]:
    """The label map, where a folder that holds folders of images stands for these, too.

    With benign/patient1/0.png and benign/patient2/0.png, `benign` or `benign/` becomes `benign/patient1/` and
    `benign/patient2/`; with benign/0.png, it also stays. The deepest folder counts, and the longest path to it. Folders
    whose own label stands in the label map stay out, unless a longer path names them. If a folder is itself a label,
    folders in it that are called like classes stay out as well, and it stands for no others if all images lie in it.

    Raises:
        DatasetError: two of its labels have different meanings for the same images; code `label_map`.
    """
    label_map = as_spelled(label_map, samples.labels, ())
    if not samples.from_folders or not set(label_map).difference([OTHERS]):
        return label_map
    label_of = samples.label_of_folder()
    own = {*label_of, *label_of.values()}
    path_of = _standing_for_folders(label_map, label_of, own)
    keys_of = _keys_of(label_map, label_of, own, path_of, class_names)
    _check_each_has_an_effect(label_map, keys_of)
    found = set(chain.from_iterable(keys_of.values()))
    whole = {key: meant for key, meant in label_map.items() if key not in found}
    for folder, (key, *_) in keys_of.items():
        whole[key if key == label_of[folder] else folder] = label_map[key]
    return whole


def _standing_for_folders(
    label_map: Mapping[str, str], label_of: Mapping[str, str], own: Container[str]
) -> dict[str, str]:
    """The keys of the label map that stand for folders, as paths with slashes at both ends: labels only for those around.

    Args:
        label_of: the label of each folder of images.
        own: these labels and folders.
    """
    around = (folder.removesuffix(f"{label}/") for folder, label in label_of.items())
    names = set(chain.from_iterable(folder.split("/") for folder in around))
    every = names.union(label_of.values(), *(folder.split("/") for folder in label_of))
    paths = {key: _path(key) for key in label_map if key != OTHERS}
    return {
        key: path
        for key, path in paths.items()
        if path.split("/")[-2] in (names if key in own else every)
        and (key not in own or not all(path in f"/{folder}" for folder in label_of))
    }


def _path(key: str) -> str:
    return f"/{unicodedata.normalize('NFC', key.strip('/'))}/"


def _keys_of(
    label_map: Mapping[str, str],
    label_of: Mapping[str, str],
    own: Container[str],
    path_of: Mapping[str, str],
    class_names: Sequence[str],
) -> dict[str, list[str]]:
    """The keys that stand for each folder of images: its path, then its label and the folders around it, the deepest first.

    Takes the same as `_standing_for_folders`, and what that returns.
    """
    names = {part for folder in label_of for part in folder.split("/")[:-1]}
    classes = _called_like_classes(names, class_names) if path_of else set()
    keys_of = {}
    for folder, label in label_of.items():
        ends = {key: at + len(path) for key, path in path_of.items() if (at := f"/{folder}".rfind(path)) >= 0}
        keys = [k for k, end in ends.items() if k not in own or classes.isdisjoint(f"/{folder}"[end:].split("/"))]
        ends |= {folder: len(folder) + 2, label: len(folder) + 1}
        keys = [key for key in dict.fromkeys((folder, label, *keys)) if key in label_map]
        if keys:
            keys_of[folder] = sorted(keys, key=lambda key: (ends[key], len(_path(key))), reverse=True)
    return keys_of


def _check_each_has_an_effect(label_map: Mapping[str, str], keys_of: Mapping[str, Sequence[str]]) -> None:
    """Raises DatasetError if a key comes after others, with another meaning, in all folders that it stands for."""
    used = {keys[0] for keys in keys_of.values()}
    for first, *others in keys_of.values():
        for key in others:
            if key not in used and label_map[key] != label_map[first]:
                raise DatasetError(
                    f"{key!r} means {label_map[key]} and {first!r} means {label_map[first]}, but these are the same images.",
                    "Leave out one of the two.", "label_map",
                )  # fmt: skip


def counts_above(samples: SampleList, class_names: Sequence[str]) -> dict[str, int]:
    """The number of images in and below each of `folders_above`, and directly in folders around these.

    {} if some images would not have the class of a folder above them.
    """
    names, around = _parting_folders(samples)
    try:
        name_of = with_folders_above(samples, {name: name for name in (*names, *around)}, class_names)
    except DatasetError:  # all images of one lie in folders that are called like another
        return {}
    by_path = label_counts(samples.labelled_by_path(name_of))
    counts: Counter[str] = Counter()
    for path, count in by_path.items():
        counts[name_of.get(path, "")] += count
    return {} if "" in counts else dict(counts)


def folders_above(samples: SampleList) -> list[str]:
    """The names of the outermost folders that part the images, in order. Some images may lie directly in them.

    [] if they are splits or all labels are among them, or if none of them holds several folders of images.
    """
    return _parting_folders(samples)[0]


def _parting_folders(samples: SampleList) -> tuple[list[str], set[str]]:
    """`folders_above`, and the names of folders around these that hold images of their own."""
    if not samples.from_folders:
        return [], set()
    paths = [folder.rstrip("/").split("/") for folder in samples.label_of_folder()]
    for level in range(max(map(len, paths), default=0)):
        inside = [path for path in paths if len(path) > level]
        names, around = {path[level] for path in inside}, {path[-1] for path in paths if len(path) <= level}
        if len(names) > 1 and not all(map(names_split, names)):
            above = {path[level] for path in inside if len(path) > level + 1}
            part = len(above) > 1 or len(names) + len(around) < len(samples.labels)
            return (sorted(names), around) if above and part and not names.issuperset(samples.labels) else ([], set())
    return [], set()


def _called_like_classes(names: Iterable[str], class_names: Sequence[str]) -> set[str]:
    """The names that match a class. Numbers that are no names of classes do not."""
    words = {name for name in names if name in class_names or not are_numbers([name])}
    return set(match_labels(words, class_names).class_of) if words and class_names else set()
