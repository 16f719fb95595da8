"""Finds the class of images whose own folder is no class of the model, but lies in one: cat/hard/1.png."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.datasets.splits import SPLITS
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
