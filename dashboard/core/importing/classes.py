"""The classes of the predictions of another program, and which column holds the probabilities of each."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence

from dashboard.core.errors import DatasetError, counted, listed
from dashboard.core.importing.arrays import ArrayPredictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.labels.class_ids import NO_ID
from dashboard.core.labels.class_names import WITHOUT_CLASS
from dashboard.core.labels.matching import match_labels
from dashboard.core.shell import in_command

_ENDS_IN_NUMBER = re.compile(r".*?([0-9]{1,9})")


def which_classes(
    predictions: PredictionsFile, given: Sequence[str] | None, file: str, labels: Iterable[str]
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]:
    """The names of the classes, for each the column of its probabilities (see `check_rows`), and notes.

    Args:
        given: the class names that the user gave in the order of the probabilities; None if none.
        file: name of the file of predictions, for messages.
        labels: the true labels, which may name the classes if there are two.

    Raises:
        DatasetError: the names do not fit, or are missing for the probability of one of two classes.
    """
    if predictions.n_classes == 1:
        return _two_classes(predictions, given, file, labels)
    own = predictions.class_names
    if given is None:
        numbers = tuple(map(str, range(predictions.n_classes)))
        notes = () if own else ("The classes have no names, so they are numbered from 0.",)
        return own or numbers, tuple(range(predictions.n_classes)), notes
    if len(given) != predictions.n_classes:
        raise DatasetError(
            f"{file} has {predictions.n_classes} probabilities per row, but {len(given)} class names were given.",
            "Give one class name per probability, in the same order.", "class_names",
        )  # fmt: skip
    if own and (renamed := renamed_classes(own, given)):
        pairs = [f"{name} is {new}" for name, new in renamed.items()]
        return (
            tuple(given),
            tuple(own.index(name) for name in renamed),
            (f"The classes of {file} are renamed in order: {listed(pairs)}.",),
        )
    if own and own != tuple(given) and isinstance(predictions, ArrayPredictions):  # its names are no columns
        note = f"{file} names the classes {listed(own)}. Instead, the given names count: {listed(given)}."
        return tuple(given), tuple(range(len(own))), (note,)
    if own and set(given) != set(own):
        raise DatasetError(
            f"{file} has other class names: {listed(own)}.",
            "Give the same class names, or new ones for all classes, or leave them out.", "class_names",
        )  # fmt: skip
    columns = own or tuple(given)
    return tuple(given), tuple(columns.index(name) for name in given), ()


def renamed_classes(own: Sequence[str] | None, given: Sequence[str]) -> dict[str, str]:
    """The new name of each class of a file, in the given order, if as many names without any of its own are given; else {}."""
    if not own or len(own) != len(given) or {*map(str.casefold, own)} & {*map(str.casefold, given)}:
        return {}
    if match_labels([name for name in own if not name.isdecimal()], given).class_of:  # also a synonym: plane, car
        return {}
    return dict(zip(_in_order(own), given, strict=True))


def _in_order(names: Sequence[str]) -> list[str]:
    """Names that end in different numbers in the order of these, since columns may be sorted as text (0, 1, 10, 2)."""
    numbers = {name: int(match[1]) for name in names if (match := _ENDS_IN_NUMBER.fullmatch(name))}
    beginnings = {name.rstrip(string.digits) for name in names}
    return (
        sorted(names, key=numbers.__getitem__) if len(numbers) == len(names) and len(beginnings) == 1 else list(names)
    )


def two_classes_of(labels: Iterable[str], known: str = "") -> tuple[str, str] | None:
    """The two classes that all true labels name, with the known one last; None if the labels name others."""
    names = {*labels} - WITHOUT_CLASS
    if names != {NO_ID, "1"}:
        names -= {NO_ID}
    if len(names) != 2 or (known and known not in names):
        return None
    first, second = sorted(names)
    return (second, first) if known == first else (first, second)


def _two_classes(
    predictions: PredictionsFile, given: Sequence[str] | None, file: str, labels: Iterable[str]
) -> tuple[tuple[str, ...], tuple[int, ...], tuple[str, ...]]:
    """As `which_classes`, for a file with the probability of one of two classes: the one it names, else the second."""
    names_in_file = predictions.class_names or ()
    own = names_in_file[-1] if names_in_file else ""
    both = names_in_file if len(names_in_file) == 2 else two_classes_of(labels, own)
    if given is None and own:
        given = both
    if given is None or len(given) != 2:
        orders = [both or (("other", own) if own else ("no", "yes"))]
        if both and not own:
            orders.append(both[::-1])
        names = " or ".join(f"`--class-names {in_command(','.join(order))}`" for order in orders)
        but = f", but {counted(len(given), 'class name')} {'was' if len(given) == 1 else 'were'} given" if given else ""
        raise DatasetError(
            f"{file} has one probability per row{f', of {own}' if own else ''}{but}.",
            f"If there are two classes, name both, the class of this probability last: {names}. "
            "Otherwise save one row per image with the probability of each class.", "class_names",
        )  # fmt: skip
    named = names_in_file[0] if len(names_in_file) == 1 else given[1]
    at = given.index(named) if named in given else 1
    note = f"{file} has one probability per row. It is taken as that of {given[at]}; that of {given[1 - at]} is 1 minus it."
    return tuple(given), (1, 0) if at else (0, 1), (note,)
