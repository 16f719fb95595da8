"""Filters of predictions as conditions of SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.core.database.ids import first_id
from dashboard.core.history.entry import HistoryFilter

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table


def conditions(asked: HistoryFilter) -> list[ColumnElement[bool]]:
    """What must hold for the rows of the table `predictions`."""
    from dashboard.core.database.tables import predictions

    p = predictions.c
    found: list[ColumnElement[bool]] = []
    if asked.from_utc is not None:  # the id begins with the time, and has an index
        found.append(p.prediction_id >= first_id(asked.from_utc))
    if asked.until_utc is not None:
        found.append(p.prediction_id < first_id(asked.until_utc))
    found += of_model(predictions, asked.model)
    if asked.least_confidence is not None:
        found.append(p.confidence >= asked.least_confidence)
    if asked.most_confidence is not None:
        found.append(p.confidence <= asked.most_confidence)
    for name in ("source", "user", "label", "doubt", "image_sha256"):
        if getattr(asked, name) is not None:
            found.append(p[name] == getattr(asked, name))
    return found


def of_model(table: Table, model: str | None) -> list[ColumnElement[bool]]:
    """What must hold for the rows of a table that are about a model: NAME or NAME@VERSION; None for every model."""
    if model is None:
        return []
    name, _, version = model.partition("@")
    found = [table.c.model_name == name]
    return [*found, table.c.model_version == version] if version else found
