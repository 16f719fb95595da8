"""The page that is shown of a long list. The address holds it, so that a reload and Back show it again."""

from __future__ import annotations

from zlib import crc32

import streamlit as st

from dashboard.ui.address import set_parameter, went_in_history
from dashboard.ui.evaluation_address import MOST_DIGITS

PAGE = "page"  # query parameter: the page and what tells lists apart, such as 2-1f3a


def page_of(key: str, pages: int, lists: int = 1) -> int:
    """The page to show of a list, from 1 to `pages`.

    Args:
        key: key of the control that turns the pages, see `turn_pages`; each list has its own.
        lists: how many lists the reader sees at a time.
    """
    named = [text.partition("-")[0] for text in st.query_params.get_all(PAGE) if text.endswith(f"-{_mark(key)}")]
    if named and named[0].isdecimal() and len(named[0]) < MOST_DIGITS:
        st.session_state[key] = int(named[0])
    elif went_in_history():
        st.session_state[key] = 1
    page: int = max(1, min(st.session_state.get(key, 1), pages))
    if st.session_state.get(key, page) != page:
        st.session_state[key] = page
    _put_in_address(key, page, lists)
    return page


def turn_pages(key: str, pages: int, lists: int = 1) -> None:
    """The control that turns the pages of a list, if it has more than one. For the arguments, see `page_of`."""
    if pages > 1:
        st.pagination(
            pages,
            key=key,
            persist_state="session",
            on_change=lambda: _put_in_address(key, st.session_state[key], lists),
        )


def _put_in_address(key: str, page: int, lists: int) -> None:
    in_address, own = st.query_params.get_all(PAGE), f"{page}-{_mark(key)}"
    if page > 1 and own in in_address:
        return
    others = [text for text in in_address if not text.endswith(f"-{_mark(key)}")]
    set_parameter(PAGE, [*others, own][-lists:] if page > 1 else others[: lists - 1])


def _mark(key: str) -> str:
    """Tells one list from others in the address: after a click on a cell, its page is that of another list."""
    return f"{crc32(key.encode()) & 0xFFFF:04x}"
