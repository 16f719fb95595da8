"""Tables of predictions in layouts that are not read: what they are, and how pandas turns them into one that is."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboard.core.errors import DatasetError, listed

_ROUNDING = 0.02  # of the sum of the numbers in a cell
_NUMBERS = re.compile(r"\[[\s0-9.,eE+-]+\]|[0-9.eE+-]+(\s+[0-9.eE+-]+)+")  # as JSON, Python and NumPy write them
_OF_NUMPY = re.compile(r"np\.\w+\(([^()]*)\)")  # a number of NumPy in a Python list
_PREDICTIONS = re.compile(r"(.*[\W_])?(y_?)?pred(icted|ictions?|s)?[0-9]*([\W_].*)?", re.IGNORECASE)


class OtherLayoutError(DatasetError):
    """A table of predictions has a layout that is not read."""


class OtherLayout:
    """Tells what to do about a table in another layout."""

    def __init__(self, path: Path, separator: str, decimal: str) -> None:
        """Takes the file, and for a CSV what separates its cells and comes before its decimals."""
        self._name, self._written = path.name, f"{path.stem}-new.csv"
        options = (f", sep={separator!r}" if separator != "," else "") + (
            f", decimal={decimal!r}" if decimal != "." else ""
        )
        is_parquet = path.suffix.lower() == ".parquet"
        self._read = f"pd.read_parquet({path.name!r})" if is_parquet else f"pd.read_csv({path.name!r}{options})"

    def long(self, file: str, others: Sequence[str], classes: str, probs: str, complete: bool) -> DatasetError:
        """The error for a table with several rows for each file, each with the probability of another class.

        Args:
            file: the column of the files. Likewise `classes` and `probs`.
            others: the columns of true labels.
            complete: each file has a row for each class.
        """
        has = f"several rows for each image, and the class of each row in {classes}"
        if complete:
            index = [file, *others]
            line = f"t.pivot(index={index!r}, columns={classes!r}, values={probs!r}).add_prefix('p_')"
            return self._error(has, f"{line}.to_csv({self._written!r})")
        names = {classes: "prediction", probs: "confidence"}
        line = f"t.loc[t.groupby({file!r})[{probs!r}].idxmax()].rename(columns={names!r})"
        return self._error(
            f"{has}, but not all classes for each image, so that only the likeliest can be used",
            f"{line}.to_csv({self._written!r}, index=False)",
        )

    def in_cells(self, cells: Mapping[str, object]) -> DatasetError | None:
        """The error for a table in which one cell holds the probabilities of several classes; None if none does.

        Args:
            cells: the first row, by the names of the columns.
        """
        for column, cell in cells.items():
            if not (found := _as_dict(cell)):
                continue
            each, probs = found
            complete = abs(sum(probs.values()) - 1) <= _ROUNDING
            rows = f"rows = [{each} for row in t.pop({column!r})]"
            if complete:
                line = f"{rows}; t.join(pd.DataFrame(rows).add_prefix('p_'))"
            elif all(isinstance(name, str) for name in probs):
                line = f"{rows}; t.assign(prediction=[max(row, key=row.get) for row in rows])"
            else:
                continue
            has = f"the {'probabilities of all' if complete else 'likeliest'} classes of an image in one cell of the column {column}"
            return self._error(has, f"{line}.to_csv({self._written!r}, index=False)")
        return None

    def several_predictions(self, columns: Sequence[str]) -> DatasetError | None:
        """The error for a table with several columns of predicted classes; None if it has not several of these.

        Args:
            columns: those that may hold classes.
        """
        found = [column for column in columns if _PREDICTIONS.fullmatch(column)]
        if len(found) < 2:
            return None
        line = f"t.rename(columns={{{found[0]!r}: 'prediction'}}).to_csv({self._written!r}, index=False)"
        return self._error(
            f"several columns of predictions: {listed(found)}", line,
            f"Import one at a time: call it prediction. With pandas, for {found[0]}",
        )  # fmt: skip

    def _error(self, has: str, line: str, how: str = "Write it in another form with pandas") -> OtherLayoutError:
        modules = ", ".join([name for name in ("ast", "re") if f"{name}." in line] + ["pandas as pd"])
        return OtherLayoutError(
            f"{self._name} has {has}.",
            f"{how}: `import {modules}; t = {self._read}; {line}`. Then import {self._written}.", "predictions",
        )  # fmt: skip


def _as_dict(cell: object) -> tuple[str, dict[object, float]] | None:
    """How Python turns the content of a cell `row` into a dictionary of classes and probabilities, and that dictionary.

    None if the cell holds something else than the probabilities of several classes.
    """
    row = "row"
    if isinstance(cell, str):
        text, plain = cell.strip(), row
        if (numbers_only := _OF_NUMPY.sub(r"\1", text)) != text:
            text, plain = numbers_only, f"re.sub({_OF_NUMPY.pattern!r}, r'\\1', row)"
        try:
            if _NUMBERS.fullmatch(text):
                numbers: dict[object, float] = dict(enumerate(map(float, text.strip("[]").replace(",", " ").split())))
                python = f"dict(enumerate({plain}.strip('[] ').replace(',', ' ').split()))"
                return (python, numbers) if _are_probabilities([*numbers.items()]) else None
            if not text.startswith(("[", "{")):
                return None
            cell, row = ast.literal_eval(text), f"ast.literal_eval({plain})"
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None
    if isinstance(cell, dict) and _are_probabilities([*cell.items()]):
        return row, cell
    if not isinstance(cell, list) or not cell:
        return None
    if all(isinstance(each, dict) for each in cell):
        of_class = next((key for key, value in cell[0].items() if isinstance(value, str)), None)
        of_prob = next((key for key, value in cell[0].items() if isinstance(value, float)), None)
        pairs = [(each.get(of_class), each.get(of_prob)) for each in cell]
        python = f"{{each[{of_class!r}]: each[{of_prob!r}] for each in {row}}}"
        return (python, dict(pairs)) if _are_probabilities(pairs) else None
    if all(isinstance(each, (list, tuple)) and len(each) == 2 for each in cell):
        return (f"dict({row})", dict(cell)) if _are_probabilities(cell) else None
    return None


def _are_probabilities(pairs: Sequence[tuple[object, object]]) -> bool:
    """Whether these are several pairs of a class and a number from 0 to 1."""
    return len(pairs) > 1 and all(
        isinstance(name, (str, int)) and isinstance(prob, (float, int)) and 0 <= prob <= 1 for name, prob in pairs
    )
