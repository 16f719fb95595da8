"""Labels that are numbers: whether they are class ids, and whether they count from 0 or from 1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.core.errors import Advice, Choice, DatasetError, meaning
from dashboard.core.questions import Answer, Question

NO_ID = "-1"  # "no label" among class ids, as in scikit-learn and Hugging Face
_ID = re.compile(r"[0-9]{1,6}")
_EXAMPLES = 3
IDS_UNCERTAIN = (  # a note of a dataset
    "So it is not certain that the numbers are the class ids of the model. If they are not, correct what names them."
)

IDS_CHOSEN = "So the user chose what the numbers mean."  # instead of it, in the notes of a run


@dataclass(frozen=True)
class ClassIds:
    """What the numbers mean."""

    class_of: dict[str, str]  # label -> class; {} if the labels are no class ids, or it is not certain which
    question: Question | None = None  # where counting begins, if that is not certain
    note: str = ""


def are_numbers(labels: Sequence[str]) -> bool:
    """True if there are labels and all are whole numbers, not negative."""
    return bool(labels) and all(map(_ID.fullmatch, labels))


def read_class_ids(
    labels: Sequence[str], class_names: Sequence[str], first_id: int | None = None, uncertain: bool = False
) -> ClassIds:
    """Reads numbers as class ids.

    If 0 occurs, they count from 0. If exactly 1 to K occur, for K classes, they count from 1. If 0 is missing for
    another reason, it is not certain: it may be that there is just no image of the first class.

    Args:
        labels: whole numbers, all different; without NO_ID.
        first_id: the number of the first class, if the user has said so: 0 or 1.
        uncertain: the dataset seems to name its numbers in another way, see IDS_UNCERTAIN, so the user has to decide.

    Raises:
        DatasetError: a label is smaller than `first_id`, or too large; code `label_map`.
    """
    ids = {label: int(label) for label in labels}
    lowest, highest, count = min(ids.values()), max(ids.values()), len(class_names)
    if first_id is not None:
        if lowest < first_id or highest >= first_id + count:
            raise DatasetError(
                f"The labels do not count from {first_id}: they go from {lowest} to {highest}, and the ids of "
                f"{count} classes would go from {first_id} to {first_id + count - 1}.",
                Advice(
                    "Leave out ", Choice("labels_from"), ", or choose a class for each label (",
                    meaning("LABEL", "CLASS"), ").",
                ),
                "label_map",
            )  # fmt: skip
        return _counted(ids, class_names, first_id, "as chosen")
    if highest >= count + (lowest > 0):
        return ClassIds({})
    if lowest == 0 and not uncertain:
        return _counted(ids, class_names, 0)
    if not uncertain and set(ids.values()) == set(range(1, count + 1)):
        return _counted(ids, class_names, 1, f"since they are exactly 1 to {count}")
    starts = possible_starts(ids.values(), count)
    answers = tuple(Answer(str(first), _examples(ids, class_names, first)) for first in starts)
    asks = "Do the numbers count from 0 or from 1?"
    if uncertain:
        counted = "from 0 or from 1" if len(starts) > 1 else f"from {starts[0]}"
        asks = f"Are the numbers the class ids of the model, counted {counted}?"
    return ClassIds({}, Question("labels_from", asks, answers))


def possible_starts(ids: Iterable[int], count: int) -> list[int]:
    """Where these ids of `count` classes may begin to count, of 0 and 1."""
    ids = list(ids)
    return [first for first in (0, 1) if first <= min(ids) and max(ids) < first + count]


def uncertain_start(labels: Sequence[str]) -> str:
    """Why it is not certain where these numbers begin."""
    numbers = sorted(set(map(int, labels)))
    if numbers[0] == 0:
        return f"The labels are numbers from 0 to {numbers[-1]}."
    return f"The labels are numbers from {numbers[0]} to {numbers[-1]} without 0, so they may count from 0 or from 1."


def _counted(ids: dict[str, int], class_names: Sequence[str], first: int, why: str = "") -> ClassIds:
    reason = f", {why}" if why else ""
    note = f"The labels are used as class ids, counted from {first}{reason}: {_examples(ids, class_names, first)}."
    return ClassIds({label: class_names[number - first] for label, number in ids.items()}, note=note)


def _examples(ids: dict[str, int], class_names: Sequence[str], first: int) -> str:
    meant = [f"{label} is {class_names[ids[label] - first]}" for label in sorted(ids, key=int)[:_EXAMPLES]]
    return ", ".join(meant) + (" and so on" if len(ids) > _EXAMPLES else "")
