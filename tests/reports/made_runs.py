"""Stored runs to report on, made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboard.core.analysis.findings.find import find_of
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.reports.build import report_of
from dashboard.reports.document import Document
from tests.run_rows import Row, failed, manifest, ok, table_of

TAG = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(2)</script>"
MARKDOWN = "a|b [x](javascript:alert(3)) `c` **d** https://e.example f@g.example"
HOSTILE = (TAG, SCRIPT, MARKDOWN)
COMMENT_FILE = "<!--<script>/\"onload='alert(4)'.png"
LINES_FILE = "a\n\n# heading\n| x |.png"


def store_run(store: RunStore, rows: Sequence[Row], pictures: bool = False, **changes: object) -> Run:
    """A finished run with these rows, with thumbnails if asked for."""
    m = manifest(**{"n_images": len(rows), "state": "finished", "unknown_labels": (), **changes})
    store.begin(m).release()
    folder = store.folder(m.run_id)
    folder.add_part(0, table_of(rows))
    if pictures:
        thumbnails = folder.beside.keep_thumbnails(len(rows), (16, 16))
        assert thumbnails is not None
        shades = np.arange(len(rows), dtype=np.uint8)[:, None, None, None] * np.ones((16, 16, 3), np.uint8)
        thumbnails.write(np.arange(len(rows)), shades)
    return folder.load(VIEW_COLUMNS)


def pets(store: RunStore, **changes: object) -> Run:
    """Three of four labelled pictures are right, one has no label, one could not be read."""
    rows = [
        ok(0, "cat", "cat"), ok(1, "cat", "cat"), ok(2, "dog", "dog"), ok(3, "dog", "cat"), ok(4, None, "cat"), failed(5),
    ]  # fmt: skip
    return store_run(store, rows, **changes)


def hostile(store: RunStore, pictures: bool = True) -> Run:
    """A run in which everything that a user names looks like markup. Each class is predicted right once and wrong twice."""
    k = len(HOSTILE)
    files = (COMMENT_FILE, LINES_FILE, f"{MARKDOWN}.png")
    rows = []
    for i in range(k * k):
        true, predicted = divmod(i, k)
        confidence = 0.8 if true == predicted else 0.6
        probs = [(1 - confidence) / (k - 1)] * k
        probs[predicted] = confidence
        name = files[i % len(files)]
        rows.append(Row(i, name, HOSTILE[true], HOSTILE[predicted], confidence, probs, [0.0] * k, "ok", ""))
    rows.append(Row(k * k, TAG, None, None, None, None, None, "failed", f"{SCRIPT} is no image."))
    return store_run(
        store, rows, pictures, class_names=HOSTILE, model=f"{SCRIPT}@1", dataset=f"/data/{TAG}.zip",
        notes=(f"Labels are taken from {MARKDOWN}.",), label_map=((SCRIPT, TAG), (TAG, TAG)), unknown_labels=(SCRIPT,),
    )  # fmt: skip


def confused(store: RunStore, names: Sequence[str], **changes: object) -> Run:
    """100 images of each of two classes; 30 of the first are predicted as the second."""

    def row(index: int, true: int, predicted: int) -> Row:
        probs = [0.9, 0.1] if predicted == 0 else [0.1, 0.9]
        return Row(index, f"{index}.png", names[true], names[predicted], 0.9, probs, [0.0, 0.0], "ok", "")

    rows = [row(i, i // 100, 1 if i < 30 else i // 100) for i in range(200)]
    return store_run(store, rows, class_names=tuple(names), **changes)


def report(store: RunStore, run: Run, other: Run | None = None) -> Document:
    """The report about a run with its findings."""
    return report_of(
        run, store, find_of(run, store.folder(run.manifest.run_id)), other.manifest.run_id if other else ""
    )
