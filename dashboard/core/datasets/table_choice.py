"""Which table labels the images: the one that the user names, or the only one that can."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.core.datasets.choices import FOLDERS
from dashboard.core.datasets.file_names import suffix_of
from dashboard.core.datasets.foreign_formats import FOREIGN_SUFFIXES, WORKBOOKS
from dashboard.core.datasets.label_column import NoLabelColumnError, undecided_column
from dashboard.core.datasets.labels_file import UnknownEncodingError
from dashboard.core.datasets.tables import Table, is_likely, named_among, without_templates
from dashboard.core.errors import Advice, Choice, DatasetError, counted, listed
from dashboard.core.questions import Answer, Question, UndecidedError

_MANY = 4  # other files
COLUMN_OPEN = "a table that names images; its column of labels has to be chosen"


@dataclass(frozen=True)
class TableChoice:
    """The table of the labels, and how that was decided."""

    table: Table | None  # None: the folders give the labels
    question: Question | None
    notes: tuple[str, ...] = ()


def choose_table(
    dataset_name: str,
    tables: Sequence[Table],
    wanted: str,
    required: bool,
    folders: str = "",
    certain_folders: bool = True,
    shared: Collection[str] = (),
) -> TableChoice:
    """Chooses among the tables beside the images.

    Args:
        wanted: the path of a table inside the dataset, or "".
        required: True if without a table the dataset would have no labels.
        folders: the names of the folders in words, if they may be the labels too; else "".
        certain_folders: True if these are the labels rather than a column of a table that is not called so.
        shared: names of the tables that lie outside of all splits.

    Raises:
        UndecidedError: several could be meant.
        DatasetError: `wanted` cannot be used; or `required` and none can.
    """
    judged = without_templates(tables, shared)
    usable = [table for table in judged if table.fault is None]
    possible = [table for table in judged if table.content is not None and table.matched]
    without_column = {
        table.name: table.fault
        for table in judged
        if isinstance(table.fault, NoLabelColumnError) and table.fault.answers
    }
    question = None
    answers = tuple(Answer(table.name, table.in_words) for table in possible)
    if not usable:
        answers += tuple(Answer(name, COLUMN_OPEN) for name in without_column)
    if folders and answers:
        answers = (*answers, Answer(FOLDERS, f"the names of the folders, {folders}"))
    if len(answers) > 1:
        question = Question("labels", f"What holds the labels of {dataset_name}?", answers)
    if wanted == FOLDERS:
        return TableChoice(None, question and replace(question, chosen=FOLDERS, certain=True))
    if wanted:
        table = _wanted(judged, wanted)
        if table.content is None:
            if isinstance(table.fault, NoLabelColumnError) and table.fault.answers:
                raise undecided_column(table.name, table.fault)
            raise table.fault or DatasetError(f"{wanted} cannot be read.", "", "labels_file")
        return TableChoice(table, question and replace(question, chosen=table.name, certain=True))
    if len(usable) > 1 or (usable and folders):
        assert question is not None  # what is usable is possible
        raise UndecidedError(
            f"{dataset_name} holds {'several tables' if len(usable) > 1 else 'a table'} that could be its labels: "
            f"{'; '.join(f'{table.name} ({table.in_words})' for table in usable)}"
            f"{f'; and so could its folders, {folders}' if folders else ''}.",
            question, "labels_file",
        )  # fmt: skip
    if usable:
        return TableChoice(
            usable[0], question and replace(question, chosen=usable[0].name), _why_not(judged, usable[0])
        )
    if without_column and not (folders and certain_folders):
        if question is None:
            raise undecided_column(*without_column.popitem())
        raise UndecidedError(
            f"{dataset_name} holds {'several tables' if len(without_column) > 1 else 'a table'} that could be its labels, "
            f"but none of the columns is called so: {listed([*without_column])}"
            f"{f'; and so could its folders, {folders}' if folders else ''}.",
            question, "labels_file",
        )  # fmt: skip
    faults = {table.name: table.fault for table in judged if table.fault}
    if required and faults and not all(table.template for table in judged):
        first = next(iter(faults.values()))
        advice = first.advice
        if not any(is_likely(name) and suffix_of(name) not in FOREIGN_SUFFIXES for name in faults):
            if_none, it = ("If it holds", "it") if len(faults) == 1 else ("If they hold", "them")
            leave_out = f" {if_none} no labels, leave {it} out of the dataset, or do without {it}: "
            advice = Advice(advice, leave_out, Choice("labels", FOLDERS), ".")
        raise DatasetError(" ".join(_told({name: fault.message for name, fault in faults.items()})), advice, first.code)
    if not (without_column and folders):
        question = None
    by_folders = question and replace(question, chosen=FOLDERS, certain=True)
    notes = _told({name: _as_note(fault) for name, fault in faults.items() if suffix_of(name) not in WORKBOOKS})
    return TableChoice(None, by_folders, notes)  # `about_workbooks` tells of workbooks


def _told(messages_of: Mapping[str, str]) -> tuple[str, ...]:
    """The messages. What is wrong with many files in the same way is said once."""
    alike: dict[str, list[str]] = {}
    for name, message in messages_of.items():
        alike.setdefault(message.replace(name, ""), []).append(message)
    told: list[str] = []
    for messages in alike.values():
        more = len(messages) - 1
        told += messages if more < _MANY else [f"{messages[0]} The same goes for {counted(more, 'other file')}."]
    return tuple(told)


def _wanted(tables: Sequence[Table], wanted: str) -> Table:
    found = named_among([table.name for table in tables], range(len(tables)), wanted)
    if len(found) != 1:
        names = ", ".join(table.name for table in tables)
        if not names:
            raise DatasetError(
                f"The dataset holds no table {wanted}, nor any other table.",
                Advice("Put the table into it, or leave out ", Choice("labels", wanted), "."), "choice",
            )  # fmt: skip
        raise DatasetError(
            f"The dataset holds no single table {wanted}. Its tables: {names}.", "Choose one of these.", "choice"
        )
    return tables[found[0]]


def _why_not(tables: Sequence[Table], used: Table) -> tuple[str, ...]:
    return tuple(table.fault.message for table in tables if table.fault and table is not used)


def _as_note(fault: DatasetError) -> str:
    return str(fault) if isinstance(fault, (NoLabelColumnError, UnknownEncodingError)) else fault.message
