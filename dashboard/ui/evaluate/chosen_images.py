"""Which images of an evaluation are shown: those of a cell, of a class, of a finding ... The address holds the choice."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.core.runs.filters import Condition, Filter, as_texts, parse_filter
from dashboard.core.runs.run import Run
from dashboard.ui.address import put_in_address, texts_in_address

SHOW = "show"  # in the address
VIEW = "view"  # in the address: which view of the evaluation is open
MISTAKES: Filter = (Condition("correct", "=", "no"),)
ALL: Filter = (Condition("status", "=", "ok"),)


def chosen_images(run: Run) -> Filter:
    """What was chosen; without a choice the mistakes, or all images if none has a label. Raises DatasetError."""
    chosen = parse_filter(texts_in_address(SHOW, run.manifest.run_id))
    return chosen or (MISTAKES if len(run.labelled) else ALL)


def choose_images(run_id: str, texts: Sequence[str]) -> None:
    """Chooses images by conditions; no conditions clear the choice."""
    put_in_address(SHOW, run_id, texts)


def cell(true_label: str | None, predicted_label: str | None) -> list[str]:
    """The conditions for a cell of the confusion matrix, or for a whole row or column."""
    labels = {"true_label": true_label, "predicted_label": predicted_label}
    return as_texts(tuple(Condition(column, "=", name) for column, name in labels.items() if name is not None))
