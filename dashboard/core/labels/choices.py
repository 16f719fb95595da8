"""The table in which the user says, before a run, which class of the model each label of a dataset means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.matching import match_labels


@dataclass(frozen=True)
class LabelChoice:
    """One label of a dataset, a row of the table."""

    label: str  # as the dataset spells it
    images: int  # number of images with this label
    meaning: str  # a class, LEAVE_OUT or NO_LABEL


def label_choices(counts: Mapping[str, int], class_names: Sequence[str]) -> list[LabelChoice]:
    """Each label with its proposed meaning, unknown labels first; empty if every label matches a class.

    Unknown labels are proposed to be left out. If no label at all matches, they are proposed as NO_LABEL instead: such
    labels are usually just the names of folders.

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
    """True if at least one label is not left out."""
    return any(meaning != LEAVE_OUT for meaning in meanings)


def meanings_for(class_names: Sequence[str]) -> list[str]:
    """All meanings that the user can choose for a label."""
    return [*class_names, NO_LABEL, LEAVE_OUT]
