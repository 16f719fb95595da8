"""A report as Markdown, with the metadata of a Hugging Face model card. It has tables, but no charts and no pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dashboard.core.shell import as_called
from dashboard.reports.document import Column, Document, Picture, Section, Table
from dashboard.reports.model_index import yaml_block

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_LINKED = re.compile(r":(?=//|\w+:)|@(?=[\w-]+\.)|www(?=\.)", re.IGNORECASE)  # becomes a link or an icon by itself
_AS_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_markdown(report: Document) -> str:
    """The Markdown text."""
    return as_called(yaml_block(report) + "\n" + "\n".join(_lines(report)).rstrip() + "\n")


def inline(text: str) -> str:
    """The text in one line, in which nothing is markup of Markdown or HTML, to stand behind something else.

    A character without width breaks addresses and names of icons, which have no other escape.
    """
    text = _LINKED.sub("\\g<0>\N{WORD JOINER}", _UNPRINTABLE.sub(" ", text).strip())
    text = re.sub(r"[\\`*_{}\[\]#|~!$]", r"\\\g<0>", text)
    return re.sub("[&<>]", lambda found: _AS_ENTITY[found[0]], text)


def plain(text: str) -> str:
    """The same at the beginning of a line, where more is markup: what begins a list or underlines a heading."""
    return re.sub(r"^(\d*)([-+=]|[.)](?= |$))", r"\1\\\2", inline(text))


def _lines(report: Document) -> Iterator[str]:
    yield from (f"# {inline(report.title)}", "")
    if report.filter:
        yield from (f"{plain(report.filter)} All figures are about them.", "")
    yield from (plain(report.verdict), "")
    for fact in report.facts:
        yield f"- {fact.name}: {inline(fact.value)}"
    yield ""
    for section in report.sections:
        yield from (f"## {inline(section.title)}", "")
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    for paragraph in section.text:
        yield from (plain(paragraph), "")
    for number, item in enumerate(section.items, 1):
        yield f"{number}) **{inline(item.statement)}**"
        yield from (f"   {plain(line)}" for line in item.lines)
    if section.items:
        yield ""
    for table in section.tables:
        yield from _table(table)
    if section.pictures:
        yield from _table(_of_pictures(section.pictures))
    for command in section.commands:
        yield from (_code(command), "")


def _table(table: Table) -> Iterator[str]:
    if table.title:
        yield from (f"### {inline(table.title)}", "")
    yield _row([column.title for column in table.columns])
    yield "|" + "|".join("---:" if column.numeric else "---" for column in table.columns) + "|"
    yield from map(_row, table.rows)
    yield ""
    if table.note:
        yield from (plain(table.note), "")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(inline, cells))} |"


def _of_pictures(pictures: Sequence[Picture]) -> Table:
    columns = (Column("File"), Column("Labelled"), Column("Predicted as"), Column("Confidence", True))
    return Table(columns, tuple((p.file, p.true_label, p.predicted_label, p.confidence) for p in pictures))


def _code(text: str) -> str:
    """A block of code. Its fence is longer than any row of backticks in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"
