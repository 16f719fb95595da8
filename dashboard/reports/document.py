"""The parts of a report, before they become HTML or Markdown. All texts are plain: whoever writes a file escapes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.core.runs.manifest import RunManifest

if TYPE_CHECKING:
    from altair import LayerChart

    from dashboard.core.metrics.scores import Score


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    numeric: bool = False  # aligned to the right
    wide: bool = False  # may break its text into several lines


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    note: str = ""  # for example, which rows are left out


@dataclass(frozen=True)
class Chart:
    """A chart, drawn for a light and for a dark background. Markdown leaves it out."""

    title: str
    alt: str  # what it shows, for those who do not see it
    draw: Callable[[bool], LayerChart]  # takes whether the background is dark
    note: str = ""
    wide: bool = False  # takes the whole width of the page


@dataclass(frozen=True)
class Picture:
    """A small picture of an image that was predicted wrongly."""

    png: bytes
    file: str
    true_label: str
    predicted_label: str
    confidence: str
    pixelated: bool  # so small that it is enlarged without smoothing


@dataclass(frozen=True)
class Item:
    """An entry of a list: one sentence, and what belongs to it."""

    statement: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading."""

    id: str  # of the heading
    title: str
    text: tuple[str, ...] = ()  # paragraphs
    items: tuple[Item, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A name and its value."""

    name: str
    value: str
    is_code: bool = False  # such as a checksum


@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    verdict: str  # the result in one or two sentences
    filter: str  # the images that all figures are about, in words; "" for all
    facts: tuple[Fact, ...]  # where the figures come from
    sections: tuple[Section, ...]
    manifest: RunManifest
    scores: dict[str, Score]  # the metrics by name, for programs
