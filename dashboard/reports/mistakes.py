"""Mistakes, the most confident first, with pictures if there are any, doubtful labels, and files that were not evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.analysis.label_issues import issues_in_words, where_to_look
from dashboard.core.errors import DashboardError
from dashboard.core.images.drawing import encode_png
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.left_out import in_kinds
from dashboard.core.runs.run import Run, mistakes_first
from dashboard.core.runs.store import RunStore
from dashboard.reports.document import Column, Picture, Section, Table

MOST_MISTAKES = 24
MOST_LABELS = 20
MOST_FILES = 50
_SIDE = 128  # pixels of a picture that is read from the dataset
_PIXELATED = 40  # pixels: smaller pictures are enlarged without smoothing
_COLUMNS = ["file", "true_label", "predicted_label", "confidence"]


def mistakes_section(run: Run, store: RunStore) -> Section | None:
    """The most confident mistakes, or the first ones if there are no probabilities; None if there are none."""
    wrong = mistakes_first(run.evaluated)
    if wrong.empty:
        return None
    some = wrong.head(MOST_MISTAKES)
    rows = run.detail(some, _COLUMNS).assign(index=some["index"])
    title, first = "Most confident mistakes", f"The {len(some)} most confident"
    if not run.has_probabilities:
        title, first = "Mistakes", f"The first {len(some)}"
    text = ["The label may be wrong, too: look at the picture."]
    if len(wrong) > len(some):
        text.insert(0, f"{first} of {len(wrong):,} mistakes.")
    try:
        tiles, readable = RunPictures(store, run.manifest).tiles(
            [int(i) for i in rows["index"]], rows["file"].tolist(), _SIDE
        )
    except DashboardError as error:
        text[-1] = f"{error.message} So the mistakes are listed without pictures."
        columns = (Column("File", wide=True), Column("Labelled"), Column("Predicted as"), Column("Confidence", True))
        shown = len(columns) if run.has_probabilities else -1
        table = Table(columns[:shown], tuple(each[:shown] for each in _texts(rows)))
        return Section("mistakes", title, tuple(text), tables=(table,))
    if not readable.all():
        text.append("Gray pictures stand for images that are gone.")
    pictures = tuple(map(_picture, _texts(rows), tiles))
    return Section("mistakes", title, tuple(text), pictures=pictures)


def labels_section(run: Run, doubtful: pd.DataFrame) -> Section | None:
    """The labels that may be wrong, the most doubtful first; None if there are none.

    Args:
        doubtful: the rows that `label_issues` gives.
    """
    if doubtful.empty:
        return None
    columns = (Column("File", wide=True), Column("Label"), Column("Suggested label"), Column("Confidence", True))
    some = doubtful.head(MOST_LABELS)[["file", "label", "suggested_label", "confidence"]]
    rows = tuple((str(f), str(label), str(other), percent(p)) for f, label, other, p in some.itertuples(index=False))
    text = (
        f"{issues_in_words(len(doubtful), len(run.labelled))}: the model is more confident of another class than it usually "
        "is for images of that class. Look before you change one: the model may be wrong instead.",
    )
    note = ""
    if len(doubtful) > MOST_LABELS:
        note = f"The {MOST_LABELS} most doubtful. All of them are {where_to_look(run.manifest.run_id)}."
    return Section("labels", "Possible label errors", text, tables=(Table(columns, rows, note=note),))


def files_section(run: Run) -> Section | None:
    """The files without a prediction, with the reasons; None if there are none."""
    if run.failed.empty:
        return None
    some = run.detail(run.failed.head(MOST_FILES), ["file", "reason"])
    rows = tuple((str(row["file"]), str(row["reason"])) for row in some.to_dict("records"))
    note = f"The first {MOST_FILES} of {len(run.failed):,}." if len(run.failed) > MOST_FILES else ""
    table = Table((Column("File", wide=True), Column("Reason", wide=True)), rows, note=note)
    return Section("files", f"Not evaluated ({len(run.failed):,})", (f"{in_kinds(run)}.",), tables=(table,))


def _picture(texts: tuple[str, str, str, str], tile: np.ndarray) -> Picture:
    return Picture(encode_png(tile), *texts, max(tile.shape[:2]) <= _PIXELATED)


def _texts(rows: pd.DataFrame) -> tuple[tuple[str, str, str, str], ...]:
    """File, label, predicted class and confidence of each row."""
    values = rows[_COLUMNS].itertuples(index=False)
    return tuple((str(file), str(true), str(predicted), percent(p)) for file, true, predicted, p in values)
