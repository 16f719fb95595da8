"""Buttons that download a file which is made when they are clicked, and that say why if it cannot be made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.errors import DashboardError
from dashboard.ui.errors import show_error
from dashboard.ui.words import plain

_POLL_SECONDS = 3.0  # each run of a fragment lets Streamlit delete files that the browser has not fetched yet
_PATIENCE_S = 3.0  # that a click waits until the browser has asked for the file
_FETCHED_WITHIN_S = 2.0  # after it is made, the browser gets the file
_ASKED_WITHIN_S = 10.0  # after a click, Streamlit asks for the file


@dataclass
class _Making:
    """What became of one click. Streamlit makes the file in a thread that cannot reach the session."""

    clicked: float = 0.0  # when, in seconds of the monotonic clock
    begun: bool = False
    ended: float = 0.0  # when; 0 until then
    error: DashboardError | None = None
    note: str = ""  # what the file lacks
    told: bool = False  # the page was run again

    @property
    def done(self) -> bool:
        """True if the file is made, or cannot be made."""
        return bool(self.ended)

    @property
    def forgotten(self) -> bool:
        """True if the file was not asked for in time, so it never will be."""
        return not (self.begun or self.done) and time.monotonic() > self.clicked + _ASKED_WITHIN_S

    def fail(self, error: DashboardError) -> None:
        """Ends it without a file."""
        self.error, self.ended = error, time.monotonic()


def offer_file(
    title: str,
    make: Callable[[], bytes | str],
    file_name: str,
    mime: str,
    key: str,
    reasons: DeltaGenerator,
    icon: str = ":material/download:",
    type: Literal["primary", "secondary", "tertiary"] = "secondary",
    disabled: bool = False,
    help: str | None = None,
    note: Callable[[], str] = str,
) -> None:
    """Shows the button.

    Args:
        make: makes the contents; may raise DashboardError. It runs outside of the script and cannot use Streamlit.
        reasons: where to show why the file could not be made, or what it lacks.
        note: what the file lacks that was just made, in sentences; "" for nothing.
    """

    # Streamlit gives each button's file a new id in each run. A browser that does not know the new ones yet asks for an old
    # one. So a click runs only this fragment: a run of the whole page would forget the files of the other buttons.
    @st.fragment
    def offer() -> None:
        state_key = f"making-{key}"
        clicked: _Making | None = st.session_state.get(state_key)
        next_click = _Making()

        def made() -> bytes | str:
            next_click.begun = True
            try:
                made_now, next_click.note = make(), note()
                return made_now
            except DashboardError as error:
                next_click.error = error
                raise
            finally:
                next_click.ended = time.monotonic()

        def remember() -> None:
            next_click.clicked = time.monotonic()
            st.session_state[state_key] = next_click
            # the run that follows makes Streamlit forget the file that the browser is about to ask for
            while not next_click.begun and time.monotonic() < next_click.clicked + _PATIENCE_S:
                time.sleep(0.02)

        st.download_button(
            title, made, file_name, mime, key=key, icon=icon, type=type, disabled=disabled, help=help, on_click=remember
        )
        if clicked and not clicked.done and disabled:  # since the click: Streamlit may never ask for the file then
            clicked.fail(DashboardError(help or "It cannot be made any more."))
            clicked.told = True
        if clicked and not clicked.told:
            _wait(clicked)
        elif clicked and clicked.error:
            with reasons:
                show_error(clicked.error, f"{title}: the file could not be made.")
        elif clicked and clicked.note:
            reasons.warning(plain(f"{title}: {clicked.note}"), icon=":material/warning:")

    with st.container(width="content"):  # a fragment would take a share of the row
        offer()


@st.fragment(run_every=_POLL_SECONDS)
def _wait(clicked: _Making) -> None:
    """Runs the page again as soon as the file is made, or could not be made."""
    if clicked.forgotten:
        # the page was run again just when it was clicked, and Streamlit has forgotten that button
        clicked.fail(DashboardError("The page changed just when you clicked.", "Click again."))
    fetched = clicked.error or time.monotonic() > clicked.ended + _FETCHED_WITHIN_S
    if clicked.done and fetched and _all_are_made():
        clicked.told = True
        st.rerun()


def _all_are_made() -> bool:
    """Whether the page can be run again without making Streamlit forget a file that was clicked."""
    all_clicked = [each for each in st.session_state.values() if isinstance(each, _Making)]
    return all(each.done or each.forgotten for each in all_clicked)
