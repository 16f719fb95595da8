"""What the address of a page holds, and the lists of texts that the session keeps for when the reader comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_PAGE, _ENTERED = "page-shown", "page-entered"  # in the session


def texts_in_address(parameter: str, owner: str) -> list[str]:
    """The texts of a query parameter. When the reader comes back to the page, the session's texts of this owner.

    On the same page, an address without the parameter means what it says: the reader may have gone back in the browser.
    """
    kept = _kept(parameter, owner)
    found = [text for text in st.query_params.get_all(parameter) if text]
    if not found and st.session_state.get(_ENTERED) and st.session_state.get(kept):
        found = st.query_params[parameter] = st.session_state[kept]
    st.session_state[kept] = found
    return list(found)


def enter_page(name: str) -> None:
    """Notes whether this run of the script opens another page than the one before. The entry script calls it."""
    st.session_state[_ENTERED] = st.session_state.get(_PAGE) != name
    st.session_state[_PAGE] = name


def page_entered() -> bool:
    """True in the first run of the script after another page, or after the page was loaded."""
    return bool(st.session_state.get(_ENTERED))


def went_in_history() -> bool:
    """True if the reader came to this address with the browser's Back or Forward."""
    context = get_script_run_ctx()  # Streamlit does not tell it elsewhere
    return context is not None and context.is_history_navigation


def whole_address() -> dict[str, list[str]]:
    """All query parameters, each with all its values."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def set_address(parameters: Mapping[str, str | Sequence[str]]) -> None:
    """Replaces all query parameters; one without a value is left out.

    They change together, so that the browser's history gets one entry, and none if they are what they were.
    """
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in parameters.items() if value}
    if wanted != whole_address():
        st.query_params.from_dict(wanted)


def set_parameter(name: str, value: str | Sequence[str]) -> None:
    """Sets a query parameter, or removes it if `value` is empty. An address that stays the same gets no entry in the history."""
    values = [value] if isinstance(value, str) and value else list(value)
    if values == st.query_params.get_all(name):
        return
    if values:
        st.query_params[name] = values
    else:
        del st.query_params[name]


def put_in_address(parameter: str, owner: str, texts: Sequence[str]) -> None:
    """Replaces the texts of a query parameter."""
    st.session_state[_kept(parameter, owner)] = list(texts)
    if texts:
        st.query_params[parameter] = list(texts)
    else:
        st.query_params.pop(parameter, None)


def _kept(parameter: str, owner: str) -> str:
    return f"address-{parameter}-{owner}"
