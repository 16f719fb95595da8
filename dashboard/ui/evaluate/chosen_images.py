"""Which images of an evaluation are shown: those of a cell, of a class, of a finding ... The address holds the choice."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.runs.filters import Condition, Filter, as_texts, parse_filter
from dashboard.core.runs.run import Run
from dashboard.ui.address import put_in_address, texts_in_address
from dashboard.ui.evaluation_address import SHOW

_CLEARED = "cleared-selections"  # in the session, by run: how often the selection of each chart and table was cleared
MISTAKES: Filter = (Condition("correct", "=", "no"),)
ALL: Filter = (Condition("status", "=", "ok"),)


def chosen_images(run: Run) -> Filter:
    """What was chosen; without a choice the mistakes, or all images if none has a label. Raises DatasetError."""
    chosen = parse_filter(texts_in_address(SHOW, run.manifest.run_id))
    return chosen or (MISTAKES if len(run.labelled) else ALL)


def choose_images(run_id: str, texts: Sequence[str], by: str = "") -> None:
    """Chooses images by conditions; no conditions clear the choice.

    Args:
        by: the name, as for `selection_key`, of the chart or table in which they were chosen. It keeps its selection, all
            others are cleared.
    """
    cleared = _cleared(run_id)
    cleared.update({name: count + 1 for name, count in cleared.items() if name != by})
    put_in_address(SHOW, run_id, texts)


def selection_key(run_id: str, name: str) -> str:
    """The key of a chart or table in which images can be chosen.

    It is another one after images were chosen elsewhere, which clears the selection. Otherwise a click on what is still
    selected would only clear it.
    """
    return f"{name}-{run_id}-{_cleared(run_id).setdefault(name, 0)}"


def _cleared(run_id: str) -> dict[str, int]:
    found: dict[str, int] = st.session_state.setdefault(f"{_CLEARED}-{run_id}", {})
    return found


def labelled_only(run: Run) -> list[str]:
    """The condition that leaves out images without a label, if the run has any: figures do not count them."""
    return ["true_label!="] if len(run.labelled) < len(run.evaluated) else []


def cell(true_label: str | None, predicted_label: str | None) -> list[str]:
    """The conditions for a cell of the confusion matrix, or for a whole row or column."""
    labels = {"true_label": true_label, "predicted_label": predicted_label}
    return as_texts(tuple(Condition(column, "=", name) for column, name in labels.items() if name is not None))
