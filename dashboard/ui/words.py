"""Texts that several pages show in the same way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.core.errors import counted
from dashboard.core.explanations.methods import METHODS, PIXEL_METHODS
from dashboard.core.metrics.definitions import METRICS
from dashboard.core.metrics.percent import percent, range_in_percent
from dashboard.core.models.facts import ConvLayer, left_out_in_words
from dashboard.core.shell import as_called

if TYPE_CHECKING:  # most texts need no tables
    import pandas as pd
    from pandas.io.formats.style import Styler

NOT_YOURS = "Only the one who started this evaluation and admins may change it."
WHAT_METRICS_ARE = "\n".join(f"- **{metric.title}**: {metric.explanation}" for metric in METRICS)
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
PREDICTED_CLASS = "the predicted class"  # an entry in lists of classes: the class that the model predicts


def labels_in_words(row: dict[Hashable, Any]) -> str:
    """The labels of an image, its confidence in percent and its file, as far as the row has them: its alternative text."""
    label = row["true_label"]
    words = f"{f'Labelled {label}' if isinstance(label, str) else 'No label'}, predicted as {row['predicted_label']}"
    if "confidence" in row:
        words += f" {percent(float(row['confidence']))}"
    if row.get("doubt"):
        words += ", probably none of the classes"
    return f"{words}, {row['file']}" if "file" in row else words


def plain(text: str) -> str:
    """A text with every special character of Markdown escaped. Commands in it name the program as it was started.

    Streamlit looks for web addresses, e-mail addresses and icons in the unescaped text. A character without width breaks
    these, so that Streamlit does not find them.
    """
    unlinked = re.sub(
        r":(?=//|[a-z])|@(?=[\w-]+\.)|www(?=\.)", "\\g<0>\N{WORD JOINER}", as_called(text), flags=re.IGNORECASE
    )
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", unlinked)


def without_backticks(text: str) -> str:
    """A text without the marks around its commands, for places where all of it has the same type."""
    return text.replace("`", "")


def shortened(class_name: str) -> str:
    """The name of a class where there is room for few words: ImageNet's have several, separated by commas."""
    return class_name.split(",")[0][:30]


def intervals(low: Iterable[float], high: Iterable[float]) -> list[str]:
    """Intervals of shares in percent, such as "92.0-94.1"; "" where a bound is NaN."""
    return [range_in_percent(a, b) if a == a and b == b else "" for a, b in zip(low, high, strict=True)]


def in_percents(table: pd.DataFrame, shares: Iterable[str]) -> Styler:
    """A table for `st.dataframe` whose columns `shares` read as `percent` writes them; "-" for NaN and None.

    They stay numbers, so the table sorts by them. A format of Streamlit would round 99.97% to 100.0%.
    """

    def text(share: Any) -> str:
        return percent(share)

    return table.style.format(text, subset=[*shares], na_rep="-")


def number_in_words(number: int) -> str:
    """A number as a sentence has it: "ten", but "1,000"."""
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"


def none_of(classes: int) -> str:
    """What to call a picture that probably shows none of so many classes."""
    return "neither of these two" if classes == 2 else f"none of these {number_in_words(classes)}"


def layer_names(layers: Sequence[ConvLayer]) -> dict[str, str]:
    """What to call layers that are in the order of the forward pass, by name: "first layer (32x32)"."""
    last = len(layers) - 1
    names = {}
    for place, layer in enumerate(layers):
        if place == last:
            words = "last layer" if last else "only layer"
        else:
            words = "first layer" if place == 0 else f"layer {place + 1} of {last + 1}"
        names[layer.name] = f"{words} ({layer.grid[0]}x{layer.grid[1]})"
    return names


def branches_left_out(layer: ConvLayer | None, called: Mapping[str, str]) -> str:
    """What maps of the layer leave out, with the names of `layer_names`; "" if nothing."""
    if layer is None:
        return ""
    methods = [METHODS[name].title for name in PIXEL_METHODS]
    return left_out_in_words([called[name] for name in layer.unseen], layer.is_reused, methods)


def local_time(utc_iso: str) -> str:
    """A UTC time stamp in the reader's own time zone."""
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "")
    except (ValueError, KeyError, OSError):
        # unknown zone: use today's offset, although daylight saving time may differ
        zone = timezone(timedelta(minutes=-(st.context.timezone_offset or 0)))
    return f"{datetime.fromisoformat(utc_iso).astimezone(zone):%d %b %Y, %H:%M}"


def told_apart(titles: Mapping[str, str]) -> dict[str, str]:
    """Makes titles unique by appending the last four characters of the id: a select box tells options apart by text."""
    often = Counter(titles.values())
    return {key: title if often[title] == 1 else f"{title} ({key[-4:]})" for key, title in titles.items()}


def duration(seconds: float) -> str:
    """A duration in words, such as '8 s', '3 min 20 s' or '1 h 5 min'."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"


def ago(utc_iso: str) -> str:
    """How long ago a UTC time stamp is, such as '2 minutes ago'. Changes once a minute, so that a page keeps still."""
    seconds = (datetime.now(timezone.utc) - datetime.fromisoformat(utc_iso)).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "less than a minute ago"
