"""What the labels of a dataset mean to a model, as a table in which the user can change it before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.matching import match_labels


@dataclass(frozen=True)
class LabelChoice:
    """One label of a dataset."""

    label: str  # as the dataset spells it
    images: int
    meaning: str  # a class, LEAVE_OUT or NO_LABEL


def label_choices(counts: Mapping[str, int], class_names: Sequence[str]) -> list[LabelChoice]:
    """Every label with what it would mean, those that mean no class first; empty where all mean one.

    Images whose label means no class are left out, but where none means one, they are unlabelled: pictures in a folder.

    Args:
        counts: the number of images with each label.
    """
    mapping = match_labels(counts, class_names)
    if not mapping.unknown:
        return []
    label_map = mapping.label_map() | dict.fromkeys(mapping.unknown, LEAVE_OUT if mapping.class_of else NO_LABEL)
    order = sorted(counts, key=lambda label: (label not in mapping.unknown, label))
    return [LabelChoice(label, counts[label], label_map[label]) for label in order]


def evaluates_something(meanings: Sequence[str]) -> bool:
    """Some label is not left out."""
    return any(meaning != LEAVE_OUT for meaning in meanings)


def meanings_for(class_names: Sequence[str]) -> list[str]:
    """All that a label can mean."""
    return [*class_names, NO_LABEL, LEAVE_OUT]
