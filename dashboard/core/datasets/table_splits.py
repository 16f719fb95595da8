"""The splits that a column of a table tells: which rows and images belong to the one that is evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from dashboard.core.datasets.choices import ALL_SPLITS
from dashboard.core.datasets.columns import SPLIT_COLUMNS, SPLITS_OF_YES_AND_NO, plain_column
from dashboard.core.datasets.file_names import folder_of
from dashboard.core.datasets.finder import Finder
from dashboard.core.datasets.split_choice import Split, SplitChoice, choose_split
from dashboard.core.datasets.split_names import in_order, names_split, split_called, told_apart, word_of_split
from dashboard.core.datasets.table_rows import LabelsTable

_NONE = frozenset({"", "none", "unassigned"})  # Vertex AI writes the last
_YES = frozenset({"1", "1.0", "true", "yes", "y", "t"})
_NO = frozenset({"0", "0.0", "false", "no", "n", "f"})
_MOST_SPLITS = 12  # different values of a column


def splits_of(cells: Iterable[object], column: str = "") -> tuple[str, ...]:
    """The split of each row, "" where it has none; () if the cells do not tell at least two splits and nothing else.

    In a column that is called like splits, other values are splits too, with their own names, if at least two values
    have the name of a split in theirs: train, test and extra; Training, PublicTest and PrivateTest. Different names for
    the same split, such as dev and eval, are splits of their own.

    Args:
        column: the name of the column, which also tells what yes and no mean (`SPLITS_OF_YES_AND_NO`).
    """
    words = [_word(cell) for cell in cells]
    of_yes, of_no = SPLITS_OF_YES_AND_NO.get(plain_column(column), (None, None))
    named = dict.fromkeys(_YES, of_yes) | dict.fromkeys(_NO, of_no) | dict.fromkeys(_NONE, "")
    different = dict.fromkeys(words)
    in_words = {word: found for word in different if (found := word_of_split(word))}
    of_word = told_apart(in_words.values())
    split_of = {
        word: named.get(word.casefold(), of_word[in_words[word]] if word in in_words else None) for word in different
    }
    others = {word.casefold(): word for word in reversed(different) if split_of[word] is None}
    if others and _has_own_splits(different, column):
        split_of |= {word: others[word.casefold()] for word in different if split_of[word] is None}
    if None in split_of.values() or len(set(split_of.values()) - {""}) < 2:
        return ()
    return tuple(split_of[word] or "" for word in words)


def _has_own_splits(words: Collection[str], column: str) -> bool:
    folded = {word.casefold() for word in words if names_split(word)}
    return (
        plain_column(column) in SPLIT_COLUMNS
        and len(folded) > 1
        and len(words) <= _MOST_SPLITS
        and ALL_SPLITS not in map(str.casefold, words)  # would be ambiguous as an answer
    )


def are_splits(cells: Iterable[object]) -> bool:
    """True if every cell is the name of a split, or says that there is none."""
    return all(word.casefold() in _NONE or split_called(word) for word in set(map(_word, cells)))


def _word(cell: object) -> str:
    return "" if cell is None else str(cell).strip()


def choose_records(
    dataset_name: str, where: str, of_each: Sequence[str], labels: Sequence[str | None], wanted: str
) -> tuple[np.ndarray, SplitChoice] | None:
    """The positions (n,) of the records of one split, ascending, and how that was decided.

    Args:
        where: what tells the splits, for messages, such as "the column split".
        of_each: the split of each record, from `splits_of`.
        labels: of each record.
        wanted: as for `choose_split`.

    Returns:
        None if there are no splits.

    Raises:
        UndecidedError, DatasetError: as `choose_split`.
    """
    splits = np.array(of_each)
    if not len(splits):
        return None
    sizes = [Split(split, (where,), int((splits == split).sum()), "image") for split in in_order(of_each)]
    labelled = set(splits[[label is not None for label in labels]].tolist())
    choice = choose_split(dataset_name, sizes, wanted, labelled.__contains__)
    used = splits == choice.question.chosen if choice.question.chosen != ALL_SPLITS else np.full(len(splits), True)
    return np.flatnonzero(used), choice


def choose_rows(
    dataset_name: str, table: LabelsTable, names: Sequence[str], wanted: str
) -> tuple[LabelsTable, np.ndarray, SplitChoice] | None:
    """The rows of one split, the positions (n,) of the images that are in no other, and how that was decided.

    Args:
        names: of the images and the files beside them.
        wanted: as for `choose_split`.

    Returns:
        None if the table tells no splits, or the images are all in one.

    Raises:
        UndecidedError, DatasetError: as `choose_split`.
    """
    if not table.splits:
        return None
    find, folder = Finder(names), folder_of(table.name)
    split_at: dict[int, set[str]] = {}
    labelled = set()
    for row, (file, split) in enumerate(zip(table.files, table.splits, strict=True)):
        if len(found := find(file, folder)) == 1:
            split_at.setdefault(int(found[0]), set()).add(split)
            if table.labels[row] is not None or row in table.faults:
                labelled.add(split)
    counts = {split: sum(split in each for each in split_at.values()) for split in in_order(table.splits)}
    sizes = [
        Split(split, (table.table_of_split.get(split, table.name),), count, "image")
        for split, count in counts.items()
        if count
    ]
    if len(sizes) < 2 and not (sizes and wanted and table.without_labels):
        return None
    choice = choose_split(dataset_name, sizes, wanted, labelled.__contains__, without_labels=table.without_labels)
    if choice.question.chosen == ALL_SPLITS:
        return table, np.arange(len(names)), choice
    used = set(choice.splits)
    others = [position for position, each in split_at.items() if not each & used]
    rows = [row for row, split in enumerate(table.splits) if split in used]
    return table.at(rows), np.setdiff1d(np.arange(len(names)), others), choice
