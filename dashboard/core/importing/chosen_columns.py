"""What each column of a table of predictions holds, by its name and its cells."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd

from dashboard.core.datasets.columns import (
    FILE_COLUMNS,
    LABEL_COLUMNS,
    OBSERVED,
    OBSERVED_BESIDE,
    PREDICTED_COLUMNS,
    PROBS_NAMES,
    REASON_COLUMNS,
    column_among,
    columns_among,
)
from dashboard.core.datasets.label_value import as_label
from dashboard.core.errors import DatasetError, listed
from dashboard.core.importing.other_layouts import OtherLayout
from dashboard.core.importing.predicted_classes import (
    ALL_COLUMNS_USED,
    CONFIDENCE_COLUMNS,
    CONFIDENCE_UNUSED,
    IF_TRUE_LABELS,
    MOST_CLASSES,
    NO_PROBABILITIES,
    NUMBERS_UNUSED,
    NUMBERS_UNUSED_OF_SEVERAL,
    PROBABILITIES_FOUND,
    PROBABILITIES_UNUSED,
    ZEROS_AND_ONES_UNUSED,
    are_probabilities,
    best_first,
    classes_of,
    columns_of_classes,
    fractions,
    likely_probabilities,
    only_0_and_1,
)
from dashboard.core.importing.rows import SUM_TOLERANCE
from dashboard.core.importing.table_columns import list_columns, list_length, own_class_names, probability_columns
from dashboard.core.importing.table_file import TableFile
from dashboard.core.labels.class_ids import are_numbers
from dashboard.core.shell import in_command

EXPORTED = frozenset({"true_label", "predicted_label", "confidence", "status"})  # all of them: an export of a run
NAME_THE_COLUMNS = "Use one column per class called p_CLASS (p_cat, p_dog ...), or in Parquet a list column pred_probs."
_MOST_IN_EXAMPLE = 12  # columns
_ROUNDING = 0.02  # of a sum of probabilities; whoever reads the rows says that they are rounded too much
_BEST = re.compile(r"[_ ]?1$")  # ends the name of the column of the likeliest class, beside those of the next ones
_ZEROS_AND_ONES = frozenset({"", "0", "1", "0.0", "1.0", "False", "True"})


class _Predictions(NamedTuple):
    """The columns that hold what is predicted."""

    probs: list[str]  # [] if there are only predicted classes
    class_names: tuple[str, ...] | None  # None for a single column of probabilities that does not say its class
    notes: tuple[str, ...] = ()
    only_classes: str = ""  # the column of predicted classes, if there are no probabilities


@dataclass(frozen=True)
class ChosenColumns:
    """The columns of a table of predictions, by what they hold."""

    probs: list[str]  # one column per class; or the one of lists; [] if there are only predicted classes
    of_lists: bool  # whether a cell holds the probabilities of all classes
    class_names: tuple[str, ...] | None
    n_classes: int  # K; 1: only the probability of one of two classes
    only_classes: str  # the column of predicted classes, if there are no probabilities, else ""
    predicted: str | None  # the column of predicted classes beside probabilities
    label: str | None
    other_labels: list[str]  # further columns that may hold true labels
    file: str | None
    reason: str | None  # why a row has no prediction
    notes: tuple[str, ...]


def choose_columns(table: TableFile, class_names: Sequence[str] | None) -> ChosenColumns:
    """Finds out what each column holds.

    Args:
        table: the table.
        class_names: the classes, if they are known; columns that are called like them hold their probabilities.

    Raises:
        DatasetError: no column is known to hold predictions, or the table has a layout that is not read.
    """
    return _Choice(table, class_names).columns()


class _Choice:
    def __init__(self, table: TableFile, class_names: Sequence[str] | None) -> None:
        self._table, self._class_names = table, class_names
        columns, named = table.columns, set(class_names or ())
        others = [each for each in columns if each not in named] if named.issubset(columns) else columns
        self._labels = columns_among(others, LABEL_COLUMNS)
        if not self._labels and column_among(others, [OBSERVED_BESIDE]):
            self._labels = columns_among(others, [OBSERVED])
        self._label = self._labels[0] if self._labels else None
        self._file = column_among(others, FILE_COLUMNS)  # a class may be called photo
        self._reason = column_among(others, REASON_COLUMNS)
        self._lists = list_columns(table.path)

    def columns(self) -> ChosenColumns:
        known = (self._label, self._file, self._reason)
        if of_lists := column_among(self._lists, PROBS_NAMES):
            self._check_cells([of_lists])
            found = _Predictions([of_lists], own_class_names(self._table.path))
            n_classes = list_length(self._table.path, of_lists)
        elif all_of_them := self._all_columns():
            found, known = all_of_them, (None, None, None)
            self._labels, self._label, self._file, self._reason = [], *known
            n_classes = len(found.probs)
        else:
            found = self._predictions([column for column in self._table.columns if column not in known])
            n_classes = len(found.probs) or len(found.class_names or ())
        unused = [column for column in self._table.columns if column not in (*found.probs, *known)]
        return ChosenColumns(
            found.probs, of_lists is not None, found.class_names, n_classes, found.only_classes,
            column_among(unused, PREDICTED_COLUMNS), self._label, [c for c in self._labels if c in unused],
            self._file, self._reason, found.notes,
        )  # fmt: skip

    def _all_columns(self) -> _Predictions | None:
        """All columns, if their numbers sum to 1 in each row and no name says more: then a class may be called file or label."""
        columns = [column for column in self._table.columns if column]
        if len(columns) < 2 or self._lists or probability_columns(columns, self._class_names):
            return None
        first = next(self._table.frames(columns, n_classes=len(columns)), pd.DataFrame())
        if first.empty or likely_probabilities(first) != columns or only_0_and_1(first) or best_first(first):
            return None
        if not self._sum_to_1(columns, _ROUNDING):
            return None
        return _Predictions(columns, tuple(columns), (ALL_COLUMNS_USED.format(columns=listed(columns)),))

    def _predictions(self, others: Sequence[str]) -> _Predictions:
        """What the columns other than label, file and reason hold. Raises DatasetError."""
        by_name = probability_columns(others, self._class_names)
        called = self._unless_0_and_1(_Predictions(*by_name), others) if by_name else None
        if called and len(called.probs) > 1:
            return called
        predicted = columns_among(others, PREDICTED_COLUMNS)
        self._check_cells(called.probs if called else predicted or others)
        self._check_rows(
            called.probs if called else columns_among(others, CONFIDENCE_COLUMNS), [*self._labels, *predicted]
        )
        if not called:
            found = self._predicted_column(others) or self._called_like_classes(others)
            if found is None:
                raise self._which_columns(others)
            return found
        if predicted and not called.class_names:
            return self._with_predicted(called.probs[0], predicted[0], others)
        return called

    def _true_labels(self) -> Iterator[str | None]:
        if self._label:
            for frame in self._table.frames([self._label]):
                yield from map(as_label, frame[self._label])

    def _predicted_column(self, others: Sequence[str]) -> _Predictions | None:
        """A column of predictions: probabilities of one class; or classes, with probabilities in other columns if there are any."""
        column = column_among(others, PREDICTED_COLUMNS)
        if column is None:
            return None
        predicted = [label for frame in self._table.frames([column]) for label in map(as_label, frame[column])]
        if are_probabilities([label for label in predicted if label is not None]):
            return _Predictions([column], None)
        names = classes_of(predicted, self._true_labels())
        if not names:
            labels = sorted({label for label in self._true_labels() if label is not None})
            if not labels or not {*labels}.isdisjoint(predicted):
                return None
            raise DatasetError(
                f"{self._table.path.name} has no class that is both in {column} and in {self._label}: predicted are "
                f"{listed(sorted(filter(None, set(predicted))))}; the true labels are {listed(labels)}.",
                "Save the same names or numbers of the classes in both columns.", "predictions",
            )  # fmt: skip
        found = self._probabilities_of([other for other in others if other and other != column], names)
        if found.probs:
            return found
        notes = (NO_PROBABILITIES.format(name=self._table.path.name), *found.notes)
        if confidence := column_among(others, CONFIDENCE_COLUMNS):
            notes += (CONFIDENCE_UNUSED.format(column=confidence),)
        return _Predictions([], names, notes, column)

    def _with_predicted(self, column: str, predicted: str, others: Sequence[str]) -> _Predictions:
        """What numbers beside a column of predicted classes are, if it has more than two of these.

        Then the numbers are no probabilities of one of two classes, but the confidence of what is predicted.
        """
        different = {
            value
            for frame in self._table.frames([predicted])
            for value in frame[predicted].dropna().astype(str).unique()
        }
        if len(different - {""}) > 2:
            with contextlib.suppress(DatasetError, ValueError):  # then it holds no classes, or others than the labels
                found = self._predicted_column([each for each in others if each != column])
                if found and found.class_names:
                    unused = () if found.probs else (CONFIDENCE_UNUSED.format(column=column),)
                    return found._replace(notes=(*found.notes, *unused))
        return _Predictions([column], None)

    def _unless_0_and_1(self, called: _Predictions, others: Sequence[str]) -> _Predictions:
        """Columns called exactly like the classes; if they only mark these by 0 and 1, rather the probabilities in others."""
        frames = self._table.frames(called.probs, n_classes=len(called.probs))
        if not self._class_names or {*called.probs} - {*self._class_names} or not all(map(only_0_and_1, frames)):
            return called
        rest = [column for column in others if column and column not in (*called.probs, *self._lists)]
        found = self._probabilities_of(rest, self._class_names, _ROUNDING)
        if not found.probs:
            return called._replace(notes=found.notes)
        return found._replace(notes=(*found.notes, self._about_0_and_1(called.probs)))

    def _about_0_and_1(self, columns: Sequence[str]) -> str:
        return ZEROS_AND_ONES_UNUSED.format(columns=listed(columns)) + ("" if self._label else IF_TRUE_LABELS)

    def _called_like_classes(self, others: Sequence[str]) -> _Predictions | None:
        """Probabilities in columns that are called like the given classes, the true labels, or numbers of classes.

        As in `cat_prob`, `dog_prob`, or in the columns `0`, `1`, `2` that pandas gives to an array.
        """
        others = [column for column in others if column and column not in self._lists]
        numbers = sorted((column for column in others if column.isdecimal()), key=int)
        counted = 2 <= len(numbers) <= MOST_CLASSES and numbers == [*map(str, range(len(numbers)))]
        with contextlib.suppress(ValueError):  # then the column of labels holds something else
            for names in (self._class_names, classes_of(self._true_labels(), ())):
                if names and (found := self._probabilities_of(others, names, _ROUNDING)).probs:
                    return found
            if counted and (found := self._probabilities_of(numbers, numbers, _ROUNDING)).probs:
                return found
        return None

    def _probabilities_of(
        self, others: Sequence[str], class_names: Sequence[str], tolerance: float = SUM_TOLERANCE
    ) -> _Predictions:
        """The columns that are called like the classes and hold their probabilities, and the names of the classes.

        Columns that only look so are told in the notes.

        Args:
            tolerance: how far the sum of a row may be from 1.
        """
        first = next(self._table.frames(others, n_classes=len(others)), pd.DataFrame())
        likely = likely_probabilities(first)
        if not likely or only_0_and_1(first[likely]):
            return _Predictions([], None)
        perhaps: list[str] = []
        sets = [each for each in columns_of_classes(others, class_names) if {*each[2]} <= {*likely}]
        of_0_and_1 = [called for *_, called in sets if only_0_and_1(first[called])]
        for before, after, called in sorted(sets, key=lambda each: each[2] in of_0_and_1):
            alike = [c for c in likely if c.casefold().startswith(before) and c.casefold().endswith(after)]
            for columns in (called, alike):  # the second with classes that do not occur
                if self._sum_to_1(columns, tolerance):
                    names = tuple(column[len(before) : len(column) - len(after)] for column in columns)
                    marks = [] if called in of_0_and_1 else of_0_and_1
                    notes = (PROBABILITIES_FOUND.format(columns=listed(columns)), *map(self._about_0_and_1, marks))
                    return _Predictions(columns, names, notes)
            perhaps = perhaps or called
        if not perhaps and len(likely) > 1 and not best_first(first[likely]) and self._sum_to_1(likely, tolerance):
            perhaps = likely
        notes = ()
        if perhaps:
            notes = (PROBABILITIES_UNUSED.format(columns=listed(perhaps), name=class_names[0]),)
        elif (unused := fractions(first[likely])) and not set(self._table.columns) >= EXPORTED:
            note = NUMBERS_UNUSED if len(class_names) == 2 else NUMBERS_UNUSED_OF_SEVERAL
            notes = (note.format(columns=listed(unused), name=class_names[-1]),)
        return _Predictions([], None, notes)

    def _sum_to_1(self, columns: Sequence[str], tolerance: float) -> bool:
        """Whether these columns hold probabilities that sum to 1 in each row that has any."""
        try:
            for frame in self._table.frames(columns, columns, len(columns)):
                probs = frame[columns].to_numpy(np.float64)
                probs = probs[~np.isnan(probs).all(axis=1)]
                sums = probs.sum(axis=1, keepdims=True)
                if not ((probs >= -tolerance) & (np.abs(sums - 1) <= tolerance)).all():
                    return False
        except ValueError:  # not only numbers
            return False
        return True

    def _layout(self, numbers: Sequence[str] = ()) -> OtherLayout:
        decimal = self._table.decimal(numbers) if numbers else "."
        return OtherLayout(self._table.path, self._table.separator, decimal)

    def _check_cells(self, columns: Sequence[str]) -> None:
        """Raises DatasetError if a cell of these columns holds the probabilities of several classes."""
        if error := self._layout().in_cells(self._table.first_row(columns)):
            raise error

    def _check_rows(self, probs: Sequence[str], classes: Sequence[str]) -> None:
        """Raises DatasetError if several rows are for one file, each with the probability of another class.

        Args:
            probs: the columns that may hold these. Likewise `classes`.
        """
        if not (self._file and probs):
            return
        for column in classes:
            frames = self._table.frames([self._file, column])
            first = next(frames, pd.DataFrame({self._file: [], column: []}))
            if first[self._file].is_unique and (first[column].nunique() > 1 or first.empty):
                continue  # neither sorted by file nor by class, so the others need not be read
            hashes = pd.concat([frame.astype(str).apply(_hashed) for frame in chain([first], frames)])
            n_files, n_classes = (hashes[each].nunique() for each in (self._file, column))
            if n_classes > 1 and 2 * n_files <= len(hashes) and not hashes.duplicated().any():
                labels = [each for each in classes if each != column]
                complete = n_files * n_classes == len(hashes)
                raise self._layout(probs).long(self._file, labels, column, probs[0], complete)

    def _which_columns(self, others: Sequence[str]) -> DatasetError:
        """The error for a table in which no column is known to hold probabilities."""
        name, likely = self._table.path.name, None
        named = [
            column for column in others if column and column not in self._lists
        ]  # pandas calls the others by their place
        best = next((c for c in named if column_among([_BEST.sub("", c)], PREDICTED_COLUMNS) and _BEST.search(c)), None)
        with contextlib.suppress(Exception):  # then there is no better example
            likely = likely_probabilities(first := next(self._table.frames(named, n_classes=len(others))))
            decimals = fractions(first[likely])
            marks = [column for column in likely if column not in decimals]
            if len(marks) > 1 and len(decimals) > 1 and self._sum_to_1(marks, _ROUNDING):  # they mark the true labels
                likely = next((called for *_, called in columns_of_classes(decimals, marks)), decimals)
            if best and likely and classes_of(map(as_label, first[best]), self._true_labels()):
                return DatasetError(
                    f"{name} has only the likeliest classes of each row, and not the probabilities of all.",
                    f"To use the predicted classes without probabilities, call the column {best} prediction. For probabilities: "
                    + NAME_THE_COLUMNS[:1].lower() + NAME_THE_COLUMNS[1:],
                    "predictions",
                )  # fmt: skip
        columns = ", ".join(column or "one without a name" for column in self._table.columns[:12])
        predicted = column_among(others, PREDICTED_COLUMNS)
        if likely is not None and not predicted:
            classes = [c for c in named if c not in likely and not _ZEROS_AND_ONES.issuperset(map(str, first[c]))]
            if several := self._layout().several_predictions(classes):
                return several
        if self._lists and not likely:
            return DatasetError(
                f"{name} does not say which column holds probabilities; it has {columns}.",
                f"If each list in {' or '.join(self._lists)} has the probabilities of all classes, call that column "
                "pred_probs.", "predictions",
            )  # fmt: skip
        if likely == []:
            return DatasetError(
                f"{name} has no columns of probabilities, and "
                + (f"{predicted} does not hold classes" if predicted else "none is called prediction")
                + f"; it has {columns}.",
                f"Save the predicted classes, two or more names or whole numbers from 0, in {predicted}." if predicted else
                "Call the column of the predicted classes prediction, and that of the true ones label, if there is one.",
                "predictions",
            )  # fmt: skip
        if likely and len(likely) == 1:
            example = f"other,{likely[0]}"
        else:
            example = ",".join(likely) if likely and len(likely) <= _MOST_IN_EXAMPLE else "cat,dog"
        way = f"say which columns hold them: `--class-names {in_command(example)}`"
        if likely and len(likely) > 1 and are_numbers([*filter(None, self._true_labels())]):  # their order is not known
            way = f"name these columns with --class-names, in the order of the class ids in {self._label}"
        return DatasetError(
            f"{name} does not say which columns are probabilities; it has {columns}.", f"{NAME_THE_COLUMNS} Or {way}.",
            "predictions",
        )  # fmt: skip


def _hashed(column: pd.Series) -> np.ndarray:
    return pd.util.hash_array(column.to_numpy(object))
