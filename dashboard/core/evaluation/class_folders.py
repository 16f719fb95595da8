"""Finds the class of images whose own folder is no class of the model, but lies in one: cat/hard/1.png."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dashboard.core.datasets import label_counts
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.datasets.split_names import SPLITS, names_split
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
    class ids give way only if they lie in several classes. A path in the label map is the label of its folder.

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
    folders = samples.folders_with(unknown) if unknown else set()
    found = classes_above((f for f in folders if f.rstrip("/").rpartition("/")[2] in unknown), class_names)
    if mapping.question and len(set(found.values())) < 2:
        found = {}
    chosen = {label for label in label_map if label.endswith("/")}
    moved = chosen.union(folder for folder, meant in found.items() if meant.casefold() not in SPLITS)
    return samples.labelled_by_path(moved) if moved else samples


def with_folders_above(
    samples: SampleList, label_map: Mapping[str, str], class_names: Sequence[str] = ()
) -> dict[str, str]:
    """The label map, where a folder that holds folders of images stands for these, too.

    With benign/patient1/0.png and benign/patient2/0.png, `benign` or `benign/` becomes `benign/patient1/` and
    `benign/patient2/`; with benign/0.png, it also stays. The deepest folder counts. Folders whose own label stands in the
    label map stay out. If a folder is itself a label, folders in it that are called like classes stay out as well, and it
    stands for no others if all images lie in it.
    """
    label_map = as_spelled(label_map, samples.labels, ())
    whole = dict(label_map)
    if not samples.from_folders or not set(whole).difference([OTHERS]):
        return whole
    every = samples.folders_with(set(samples.labels))
    own = {*samples.labels, *every}
    below = samples.folders_with(set(samples.labels).difference(label_map)).difference(label_map)
    names = {part for folder in below for part in folder.split("/")[:-1]}
    above = {
        key: part
        for key in label_map
        if key != OTHERS and (part := f"/{unicodedata.normalize('NFC', key.strip('/'))}/").split("/")[-2] in names
        if key not in own or not all(part in f"/{folder}" for folder in every)
    }
    classes = _called_like_classes(names, class_names) if above else set()
    deepest: dict[str, tuple[int, str]] = {}  # folder -> where its part that stands in the label map ends, and that
    for folder in below if above else ():
        for key, part in above.items():
            if (at := f"/{folder}".rfind(part)) < 0:
                continue
            end = at + len(part)
            if key not in own or classes.isdisjoint(f"/{folder}"[end:].split("/")):
                deepest[folder] = max(deepest.get(folder, (0, "")), (end, key))
    for folder, (_, key) in deepest.items():
        if key not in own:
            whole.pop(key, None)
        whole[folder] = label_map[key]
    return whole


def counts_above(samples: SampleList, class_names: Sequence[str]) -> dict[str, int]:
    """The number of images in and below each of `folders_above`; {} if some images would not have its class."""
    names = folders_above(samples)
    name_of = with_folders_above(samples, {name: name for name in names}, class_names)
    by_path = label_counts(samples.labelled_by_path(name_of))
    counts: Counter[str] = Counter()
    for path, count in by_path.items():
        counts[name_of.get(path, "")] += count
    return {} if "" in counts else dict(counts)


def folders_above(samples: SampleList) -> list[str]:
    """The names of the outermost folders that part the images, in order. Some images may lie directly in them.

    [] if they are splits or all labels are among them, or if fewer than two of them hold folders of images.
    """
    if not samples.from_folders:
        return []
    paths = [folder.rstrip("/").split("/") for folder in samples.folders_with(set(samples.labels))]
    for level, names in enumerate(map(set, zip(*paths, strict=False))):
        if len(names) > 1 and not all(map(names_split, names)):
            above = {path[level] for path in paths if len(path) > level + 1}
            return sorted(names) if len(above) > 1 and not names.issuperset(samples.labels) else []
    return []


def _called_like_classes(names: Iterable[str], class_names: Sequence[str]) -> set[str]:
    """The names that match a class. Numbers that are no names of classes do not."""
    words = {name for name in names if name in class_names or not are_numbers([name])}
    return set(match_labels(words, class_names).class_of) if words and class_names else set()
