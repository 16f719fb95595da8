"""How commands print: answers go to standard output; progress, notes, warnings and errors to standard error."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from dashboard.core.errors import DashboardError, ImageError
from dashboard.core.files import HOW_TO_DOWNLOAD, how_to_write_there, is_full, readable_name, refused, url_in
from dashboard.core.images.file_size import limited
from dashboard.core.shell import as_called, in_command
from dashboard.schemas.errors import ErrorAnswer, ErrorRecord, FailedImage
from dashboard.schemas.schema import Schema

if TYPE_CHECKING:  # an error must be told even if NumPy is broken
    from dashboard.core.models.prediction import Failure
    from dashboard.schemas.predictions import PredictionRecord

_FILE_WIDTH = 160  # characters a line in a pipe or a file, which have no width of their own


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _FILE_WIDTH
    return Console(stderr=stream is sys.stderr, highlight=False, width=width)


answers, console = _console(sys.stdout), _console(sys.stderr)
_WRONG_USAGE = frozenset(  # codes: the value of an option or argument cannot be used
    ("bad_scaling", "checks", "choice", "cursor", "filter", "label_map", "layer_unknown", "model_unknown", "scope_unknown")
)  # fmt: skip
_SHORT = 8  # characters: names are not folded into shorter parts, if there is space
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def print_json(value: Schema | Sequence[Schema]) -> None:
    """Prints JSON as UTF-8, whatever the encoding of the terminal is."""
    record = value.as_json() if isinstance(value, Schema) else [each.as_json() for each in value]
    text = readable_name(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    with _telling_of_a_full_disk():
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()


def plain_text(text: str | Path, style: str = "") -> Text:
    """A text without markup, in which control characters (line breaks, escape sequences) are escaped.

    Commands in it name the program as it was started.
    """
    return Text(_CONTROL.sub(lambda found: repr(found[0])[1:-1], readable_name(as_called(str(text)))), style=style)


def keep_for_json(chosen: bool) -> bool:
    """Keeps standard output for JSON, if that is chosen: `show` then prints to standard error. Gives the choice back."""
    answers.stderr = chosen
    return chosen


def show(answer: str | Table, style: str = "", may_lack: Sequence[str] = ()) -> None:
    """Prints what the command was asked for. Only the terminal wraps a text, as for `say`.

    Args:
        may_lack: titles of columns that a table lacks if it is too wide, the least important first.
    """
    left_out = [] if isinstance(answer, str) else _fit(answer, answers.width, may_lack)
    text = plain_text(answer, style) if isinstance(answer, str) else answer
    with _telling_of_a_full_disk():
        answers.print(text, soft_wrap=isinstance(answer, str))
        if isinstance(answer, Table) and not answer.row_count:
            answers.print("The list is empty.")
    if left_out:
        say(f"The terminal is too narrow for: {'; '.join(left_out)}. `--json` shows all.")


def _fit(table: Table, most: int, may_lack: Sequence[str]) -> list[str]:
    """Makes a table at most this wide, in characters, without a break within a short word. Gives the columns left out.

    A long word, which is a name, goes on in the next line.
    """
    wanted = {column.header: max(map(cell_len, _texts(column))) for column in table.columns}
    if sum(wanted.values()) + _frame(table) <= most:
        return []
    left_out = []
    widths = {column.header: _least_width(column, _SHORT) for column in table.columns}
    for title in may_lack:
        if sum(widths.values()) + _frame(table) <= most:
            break
        if title in widths:
            table.columns = [column for column in table.columns if column.header != title]
            del widths[title], wanted[title]
            left_out.append(title)
    if sum(widths.values()) + _frame(table) > most:
        widths = {column.header: _least_width(column, 0) for column in table.columns}
    for _ in range(most - sum(widths.values()) - _frame(table)):
        if narrow := [title for title in widths if widths[title] < wanted[title]]:
            widths[min(narrow, key=widths.__getitem__)] += 1
    for column in table.columns:
        column.width = widths[column.header]
        column.overflow = "fold"  # if not even the words fit, nothing of them is lost
    return left_out


def _frame(table: Table) -> int:
    """The characters of a line that are lines and spaces between columns."""
    return 3 * len(table.columns) + 1


def _texts(column: Column) -> list[str]:
    """The title and the cells of a column, as they are shown."""
    return [str(column.header), *map(str, column.cells)]


def _least_width(column: Column, name: int) -> int:
    """The width of a column in which no short word is broken.

    Args:
        name: the least width of a part of a name, if the title is not longer.
    """
    texts = _texts(column)
    if column.no_wrap:
        return max(map(cell_len, texts))
    title, longest = (max(map(cell_len, " ".join(part).split()), default=0) for part in (texts[:1], texts))
    return min(longest, max(title, name)) if column.overflow == "fold" else longest


@contextmanager
def _telling_of_a_full_disk() -> Iterator[None]:
    """Raises DashboardError if the place that standard output leads to is full: it need not be that of the data."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise  # such as a pipe that nobody reads any more, which ends the command in silence
        what = f"Standard output cannot be written: {error.strerror}."
        raise DashboardError(what, how_to_write_there(error, "file"), "storage") from error


def say(text: str, style: str = "") -> None:
    """Prints a note, a warning or an error. Only the terminal wraps it, so that no line break is in a copied command."""
    console.print(plain_text(text, style), soft_wrap=True)


def table_of(*columns: str | Column) -> Table:
    """An empty table with these columns, or with columns of these titles.

    In a column that is given by its title, a long name is folded, so nothing of it is lost.
    """
    return Table(*(Column(each, overflow="fold") if isinstance(each, str) else each for each in columns))


def run_column() -> Column:
    """The column of a table with the ids of runs, which are never cut: people copy them."""
    return Column("run", no_wrap=True, min_width=len("20261129-075200-0a1b2c3d"))


def label_in_words(record: PredictionRecord) -> str:
    """The predicted class, with a remark if the image probably shows none of the classes."""
    unknown = record.doubt is not None and record.doubt.unknown
    return record.predicted_label + (", but probably none of the classes" if unknown else "")


def read_image(path: Path) -> bytes:
    """The content of an image file, or of standard input for `-`. Raises ImageError, also if it is too large."""
    try:
        if str(path) == "-":
            return limited(sys.stdin.buffer)
        if url_in(path):
            raise ImageError("It is a URL.", HOW_TO_DOWNLOAD, "unreadable")
        if path.is_dir():
            folder = in_command(str(path))
            raise ImageError(
                "It is a folder.",
                f"For all its images, run `python -m dashboard evaluate {folder}`; or name the images: {folder}/*.",
                "unreadable",
            )
        if not stat.S_ISREG(
            path.stat().st_mode
        ):  # a pipe without a writer would be waited for, and /dev/zero never ends
            raise ImageError(
                "It is a pipe or a device, not a file.",
                "Name a file; or give one image to standard input, and - as its name.", "unreadable",
            )  # fmt: skip
        with path.open("rb") as file:
            return limited(file)
    except OSError as error:
        raise ImageError(f"It cannot be opened: {error.strerror}.", "Check the path.", "unreadable") from error


def failed_image(path: Path, error: DashboardError | Failure | OSError) -> FailedImage:
    """The answer for an image that could not be predicted or explained, or whose files could not be written."""
    known = refused(error) if isinstance(error, OSError) else error
    return FailedImage(file=str(path), error=ErrorRecord.of(known))


def exit_code(answers: Sequence[object]) -> int:
    """0 if every image has an answer. Else 2 if the value of an option is to blame, and otherwise 1."""
    failed = [answer.error.code for answer in answers if isinstance(answer, FailedImage)]
    return 2 if _WRONG_USAGE.intersection(failed) else int(bool(failed))


def say_failed(answers: Sequence[object]) -> None:
    """Prints on standard error why each image without an answer has none, and what to do."""
    for answer in answers:
        if isinstance(answer, FailedImage):
            _say_error(f"{answer.file}: {answer.error.message}", answer.error.fix)


def _say_error(message: str, fix: str) -> None:
    say(message, "red")
    for line in fix.splitlines():
        say(line)


def stop(error: DashboardError, as_json: bool, wrong_usage: bool = False) -> NoReturn:
    """Prints what happened and what to do, then ends the command: with 2 for wrong usage, else with 1."""
    if as_json:
        with suppress(OSError, DashboardError):  # the error may be that standard output cannot be written
            print_json(ErrorAnswer.of(error))
    _say_error(error.message, error.fix)
    raise typer.Exit(2 if wrong_usage or error.code in _WRONG_USAGE else 1)


def ask(question: str, as_json: bool) -> None:
    """Asks on standard error. Ends the command with 1 unless the answer is yes."""
    try:
        if typer.confirm(question, err=True):
            return
    except typer.Abort:  # nobody can answer
        say("")  # which ends the line of the question
    unanswered = "Nothing was done, because the question was not answered with yes."
    stop(DashboardError(unanswered, "Answer y, or add --yes.", "cancelled"), as_json)


def progress() -> Progress:
    """A progress bar with a `rate` field."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )
