"""What the user has to know about labels that a dataset lacks, or gives twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dashboard.core.errors import counted, listed


def about_missing(count: int, noun: str) -> tuple[str, ...]:
    """The note on `count` records or the like without a label."""
    has = "has" if count == 1 else "have"
    return (f"{counted(count, noun)} {has} no label, so not compared.",) if count else ()


def about_other_labels(
    name: str, used: str, labels: Iterable[object], others: Mapping[str, Iterable[object]], noun: str = "columns"
) -> tuple[str, ...]:
    """The note on columns (or features) that may hold the labels too, and say something else than the one in use.

    Args:
        name: of the file.
        used: the column in use.
        labels: its values. None is a missing one.
        others: the values of the other columns, by their names.
    """
    labels = list(labels) if others else []
    different = [other.strip() for other, values in others.items() if _says_other(labels, values)]
    if not different:
        return ()
    are = "is" if len(different) == 1 else "are"
    return (f"{name} has several {noun} that may hold labels: {used.strip()} is used, {listed(different)} {are} not.",)


def _says_other(labels: Iterable[object], others: Iterable[object]) -> bool:
    """True unless the two columns are equal, or names and numbers, or other words, for the same classes."""
    pairs = {(str(a), str(b)) for a, b in zip(labels, others, strict=True) if a is not None and b is not None}
    these, those = {label for label, _ in pairs}, {other for _, other in pairs}
    one_to_one = len(these) == len(those) == len(pairs)
    return not one_to_one or (not these.isdisjoint(those) and any(label != other for label, other in pairs))
