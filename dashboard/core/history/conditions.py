"""A history filter as conditions of SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.core.database.ids import first_id
from dashboard.core.history.entry import HistoryFilter

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


def conditions(asked: HistoryFilter) -> list[ColumnElement[bool]]:
    """What must hold for the rows of the table `predictions`."""
    from dashboard.core.database.tables import predictions

    p = predictions.c
    found: list[ColumnElement[bool]] = []
    if asked.from_utc is not None:  # the id begins with the time, and has an index
        found.append(p.prediction_id >= first_id(asked.from_utc))
    if asked.until_utc is not None:
        found.append(p.prediction_id < first_id(asked.until_utc))
    if asked.model is not None:
        name, _, version = asked.model.partition("@")
        found.append(p.model_name == name)
        if version:
            found.append(p.model_version == version)
    if asked.least_confidence is not None:
        found.append(p.confidence >= asked.least_confidence)
    if asked.most_confidence is not None:
        found.append(p.confidence <= asked.most_confidence)
    for name in ("source", "user", "label", "doubt", "image_sha256"):
        if getattr(asked, name) is not None:
            found.append(p[name] == getattr(asked, name))
    return found
