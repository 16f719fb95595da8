"""Which column of a table holds the labels: the one that the user names, or one that is called so; else the user is asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from dashboard.core.datasets.columns import (
    HUMP,
    LABEL_COLUMNS,
    PREDICTED_COLUMNS,
    SPLIT_COLUMNS,
    column_among,
    columns_among,
    plain_column,
)
from dashboard.core.datasets.label_value import as_label
from dashboard.core.errors import Advice, Choice, DatasetError, counted, listed
from dashboard.core.labels.class_ids import NO_ID, are_numbers
from dashboard.core.labels.text_encoding import SAVE_AS_UTF8
from dashboard.core.questions import Answer, Question, UndecidedError

_PREDICTED = re.compile(
    r"(y_?)?pred(icted|iction)?s?([ _-].*)?|outputs?|prob(ability)?|conf(idence)?|score", re.IGNORECASE
)
_NAMES = re.compile(  # called so, a column may name class ids: label_text, species, name, className
    r"(.*_)?(name|names|text|txt|str|string|title|desc|description|species|breed|meaning|bezeichnung|beschreibung|nom|nombre|nome)"
    r"|(name|text|description)_.*",
)
_MOST_CLASSES = 1000
MOST_COLUMNS = 40  # that are offered
_EXAMPLES = 4


class NoLabelColumnError(DatasetError):
    """A table names images, but none of its columns is called like labels. `answers` are those that may hold them."""

    answers: tuple[Answer, ...] = ()
    incomplete: bool = False  # others may hold them, too, but the encoding of these is not known


def label_column(name: str, columns: Sequence[str], chosen: str) -> str | None:
    """The column that the user chose, else the likeliest by its name; None if none is called like labels.

    Raises DatasetError if the table lacks the chosen column.
    """
    if not chosen:
        return column_among(columns, LABEL_COLUMNS)
    if (found := column_among(columns, [plain_column(chosen)])) is None:
        raise DatasetError(
            f"{name} has no column {chosen!r}; it has {listed([column for column in columns if column.strip()])}.",
            Advice("Choose one of these with ", Choice("label_column"), ", or leave it out."), "choice",
        )  # fmt: skip
    return found


def is_predicted(column: str) -> bool:
    """True for the name of a column of predictions, which are no labels."""
    return _PREDICTED.fullmatch(column.strip()) is not None or column_among([column], PREDICTED_COLUMNS) is not None


def may_name_ids(column: str) -> bool:
    """True for the name of a column that may hold the names of class ids."""
    return _NAMES.fullmatch(plain_column(HUMP.sub("_", column))) is not None


def column_of_names(labels: Iterable[object], values_of: Mapping[str, Iterable[object]]) -> str | None:
    """The column, among these, that names the class ids in `labels`; None if none does, or they are no ids.

    Each id always has the same name, and each name the same id. A column that is called like names comes first, then one
    that is called like labels, then any other, such as `diagnosis` beside `target`, if each id occurs twice on average.

    Args:
        labels: the cells of the column of labels. None is an empty one.
        values_of: the cells of the other columns.
    """
    labels = list(labels) if values_of else []
    try:
        id_of = {cell: as_label(cell) for cell in set(labels)}
    except (TypeError, ValueError):  # lists, or other cells that are no labels
        return None
    ids = {each for each in id_of.values() if each not in (None, NO_ID)}
    if len(ids) < 2 or len(ids) == len(labels) or not are_numbers([each for each in ids if each]):
        return None
    columns = [*filter(may_name_ids, values_of)]
    if 2 * len(ids) <= len(labels):
        others = [column for column in values_of if column_among([column], SPLIT_COLUMNS) is None]
        columns = list(dict.fromkeys([*columns, *columns_among(others, LABEL_COLUMNS), *others]))
    return next((column for column in columns if _name(labels, id_of, ids, values_of[column])), None)


def _name(
    labels: Sequence[object], id_of: Mapping[object, str | None], ids: Collection[str | None], texts: Iterable[object]
) -> bool:
    """True if these texts correspond one to one to the ids of the labels, and are words."""
    names: dict[str | None, object] = {}
    for label, text in zip(labels, texts, strict=True):
        if (each := id_of[label]) in ids and names.setdefault(each, text) != text:
            return False
    different = {text.strip() for text in names.values() if isinstance(text, str)} - {""}
    return len(different) == len(ids) and all(any(map(str.isalpha, text)) for text in different)


def about_names(name: str, ids: str, names: str) -> str:
    """The note on a column that names the class ids in another one."""
    return f"{name} has class ids in the column {ids.strip()}, and their names in {names.strip()}. The names are used."


def about_ids(ids: str) -> str:
    """What the note on a table adds: how to use the class ids instead."""
    return f" To use the ids, choose `{ids.strip()}` as the column of labels."


def possible_columns(values_of: Mapping[str, Iterable[object]]) -> tuple[Answer, ...]:
    """The columns that may hold labels, with examples: those with several values, of which each occurs twice on average.

    Args:
        values_of: the cells of each column that is known to hold nothing else. None is an empty one.
    """
    answers = []
    for column, values in values_of.items():
        texts = [text for value in values if value is not None and (text := str(value).strip())]
        different = Counter(texts)
        if column.strip() and not is_predicted(column) and 1 < len(different) <= min(_MOST_CLASSES, len(texts) // 2):
            answers.append(Answer(column.strip(), listed([text for text, _ in different.most_common()], _EXAMPLES)))
    return tuple(answers[:MOST_COLUMNS])


def question_about(name: str, answers: Sequence[Answer], chosen: str = "") -> Question:
    """The question which column of a table holds the labels."""
    if chosen and chosen not in [answer.value for answer in answers]:
        answers = (Answer(chosen, "as chosen"), *answers)
    return Question(
        "label_column", f"Which column of {name} holds the labels?", tuple(answers), chosen or None, bool(chosen)
    )


def undecided_column(name: str, error: NoLabelColumnError) -> UndecidedError:
    """The error for a table whose column of labels the user has to choose, among the answers of `error`."""
    columns = f"one of {counted(len(error.answers), 'column')} may" if len(error.answers) > 1 else "a column may"
    question, otherwise = question_about(name, error.answers), "\nOr call the column of the labels `label`."
    if error.incomplete:
        question = replace(question, asks=f"{question.asks[:-1]} (to choose among all, save the table as UTF-8 first)?")
        otherwise += f" It is not UTF-8, and columns that depend on its encoding are left out. {SAVE_AS_UTF8}"
    return UndecidedError(
        f"{name} names images, but none of its columns is called like labels; {columns} hold them.",
        question, "labels_file", (otherwise,),
    )  # fmt: skip
