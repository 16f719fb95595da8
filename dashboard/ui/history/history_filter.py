"""The controls that filter the history. The address holds their values, so that it can be sent to others."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import cast
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.core.access.visitor import Visitor
from dashboard.core.history.entry import SOURCES, HistoryFilter, Source
from dashboard.ui.address import page_entered, set_address, whole_address

LIST = "list"  # in the address: which list the page shows
_KEYS = ("from", "until", "source", "user", "of-model", "label", "confidence", "doubt")  # in the address
_DOUBTFUL = {"Probably": True, "No": False}
_OLDER = {"Doubtful": "Probably", "Not doubtful": "No"}  # in links from earlier builds
_ADDRESS = "history-address"  # in the session: what the address held when the page was last shown


def return_to_filter() -> None:
    """Filters as before when the reader comes back from another page. Call it before the page's widgets."""
    if doubt := _OLDER.get(st.query_params.get("doubt", "")):
        set_address(whole_address() | {"doubt": [doubt]})
        st.rerun()
    named = {LIST, *_KEYS} & set(st.query_params)
    if page_entered() and not named and (kept := st.session_state.get(_ADDRESS)):
        set_address(kept)
        st.rerun()  # a widget takes its value from the address only at the beginning of a run


def keep_filter() -> None:
    """Keeps the filter for `return_to_filter`. Call it after the page's widgets."""
    st.session_state[_ADDRESS] = {name: values for name, values in whole_address().items() if name in (LIST, *_KEYS)}


def ask_for_filter(visitor: Visitor) -> HistoryFilter:
    """Shows the controls, and gives the filter that they make. Dates are days of the reader's time zone.

    It lets only those predictions pass that the visitor may see.
    """
    user = only = visitor.sees_only
    with st.expander("Filter", icon=":material/filter_alt:", expanded=any(key in st.query_params for key in _KEYS)):
        with st.container(horizontal=True):
            begin = st.date_input("From", None, key="from", bind="query-params", width=160)
            end = st.date_input("Until", None, key="until", bind="query-params", width=160)
            source = _choice("Source", list(SOURCES), "source")
            doubt = _choice("None of the classes", list(_DOUBTFUL), "doubt")
        with st.container(horizontal=True):
            if only is None:
                user = st.text_input("User", key="user", bind="query-params", width=160)
            model = st.text_input(
                "Model", key="of-model", bind="query-params", width=240, placeholder="NAME or NAME@VERSION"
            )
            label = st.text_input("Predicted label", key="label", bind="query-params", width=200)
            low, high = st.slider("Confidence (%)", 0, 100, (0, 100), key="confidence", bind="query-params", width=240)
    return HistoryFilter(
        from_utc=_begin_of(begin),
        until_utc=_begin_of(end + timedelta(days=1)) if isinstance(end, date) and end < date.max else None,
        source=cast("Source | None", source),
        user=(user or None) if only is None else only,
        model=(model or "").strip() or None,
        label=label or None,
        least_confidence=low / 100 if low > 0 else None,
        most_confidence=high / 100 if high < 100 else None,
        doubt=None if doubt is None else _DOUBTFUL[doubt],
    )


def _choice(title: str, options: list[str], key: str) -> str | None:
    chosen = st.selectbox(title, options, index=None, key=key, bind="query-params", placeholder="Any", width=160)
    return None if chosen is None else str(chosen)


def readers_zone() -> tzinfo:
    """The time zone of the reader; UTC if the browser does not tell a known one."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (ValueError, KeyError, OSError):
        return timezone.utc


def _begin_of(day: object) -> datetime | None:
    if not isinstance(day, date):
        return None
    try:
        return datetime.combine(day, time(), readers_zone()).astimezone(timezone.utc)
    except OverflowError:  # the first or last day of the calendar
        return None
