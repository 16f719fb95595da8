"""How pages show errors."""

from __future__ import annotations

import re

import streamlit as st

from dashboard.core.errors import DashboardError, DatasetError, ImageError, commands_in
from dashboard.core.shell import as_called
from dashboard.ui.navigation import PAGES
from dashboard.ui.words import plain, without_backticks

_COMMAND_AT_END = re.compile(r"(?::| with) `([^`]+)`\.$")


def show_error(error: DashboardError, title: str, above: DashboardError | None = None) -> None:
    """Shows what happened, why, and what to do, with the commands ready to copy.

    Args:
        above: what the page shows already. If it is the same fault, only the title is shown.
    """
    if above and above.code == error.code:
        st.error(plain(f"{title} The reason stands above."), icon=":material/error:")
        return
    with st.container(border=True):
        st.error(plain(title), icon=":material/error:")
        st.text(as_called(error.message))
        if error.code == "run_unknown":  # its fix names a command, which readers of a page may not have
            st.page_link(PAGES / "evaluate.py", label="All evaluations", icon=":material/dataset:")
        elif error.fix:
            fix = as_called(error.fix)
            st.text(without_backticks(without_last_command(fix)))
            for command in commands_in(fix):
                st.code(command, language="bash")
        if not isinstance(error, (ImageError, DatasetError)):
            st.page_link(PAGES / "diagnostics.py", label="Open Diagnostics", icon=":material/stethoscope:")


def as_text(error: DashboardError) -> str:
    """What happened and what to do as one text, for places that show no heading."""
    return as_called(str(error))


def without_last_command(fix: str) -> str:
    """The advice without a command that ends it, for places that show the commands below."""
    found = _COMMAND_AT_END.search(fix)
    return f"{fix[: found.start()]}:" if found and commands_in(found[0]) else fix
