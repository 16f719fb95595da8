"""Texts that several pages show in the same way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import streamlit as st

WIDEST_METRIC = 16  # characters
PREDICTED_CLASS = "the predicted class"  # among classes to choose from: whichever the model predicts


def labels_in_words(row: dict[Hashable, Any]) -> str:
    """Label and prediction of an image, for those who do not see it."""
    true = row["true_label"]
    return f"{f'True {true}' if isinstance(true, str) else 'No label'}, predicted {row['predicted_label']}"


def plain(text: str) -> str:
    """User text where Streamlit would read Markdown: every special character escaped.

    Addresses, e-mail addresses and icons are found after that is undone, or before: they are broken by a character
    that has no width.
    """
    unlinked = re.sub(r":(?=//|[a-z])|@(?=[\w-]+\.)|www(?=\.)", "\\g<0>\N{WORD JOINER}", text, flags=re.IGNORECASE)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", unlinked)


def show_predicted_class(label: str) -> None:
    """The answer in large letters; a long one on several lines, where a metric would cut it."""
    if len(label) <= WIDEST_METRIC:
        st.metric("Predicted class", plain(label))
    else:
        st.caption("Predicted class")
        st.subheader(plain(label), anchor=False)


def local_time(utc_iso: str) -> str:
    """A UTC time stamp in the reader's own time zone."""
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "")
    except (ValueError, KeyError, OSError):  # not known here; the offset is today's, half a year ago it was another
        zone = timezone(timedelta(minutes=-(st.context.timezone_offset or 0)))
    return f"{datetime.fromisoformat(utc_iso).astimezone(zone):%d %b %Y, %H:%M}"


def told_apart(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles by id, each with the end of its id where others are called the same: a select box goes by what it shows."""
    often = Counter(titles.values())
    return {key: title if often[title] == 1 else f"{title} ({key[-4:]})" for key, title in titles.items()}


def duration(seconds: float) -> str:
    """'8 s', '3 min 20 s', '1 h 5 min'."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"
