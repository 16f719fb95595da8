"""The history as a file for other programs, some predictions at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import IO, Any

from dashboard.core.history.entry import Entry

_AT_ONCE = 1000
COLUMNS = (
    "prediction_id", "time_utc", "source", "user", "file", "model_name", "model_version", "model_sha256", "image_sha256",
    "predicted_label", "confidence", "label_1", "probability_1", "label_2", "probability_2", "label_3", "probability_3",
    "doubt", "doubt_energy", "doubt_msp", "latency_ms", "fit", "feedback", "true_label", "note",
)  # fmt: skip
FeedbackOn = Callable[[Entry], dict[str, Any]]  # the last three columns, see `feedback.exporting.feedback_on`


def write_csv(entries: Iterable[Entry], out: IO[bytes], feedback_on: FeedbackOn) -> int:
    """Writes a table, UTF-8 with byte order mark, without formulas for spreadsheets. Returns their number."""
    import pandas as pd

    from dashboard.core.runs.export import safe_for_spreadsheets

    written = 0
    out.write((",".join(COLUMNS) + "\n").encode("utf-8-sig"))
    for some in _some(entries):
        table = pd.DataFrame([_flat(entry) | feedback_on(entry) for entry in some], columns=list(COLUMNS), dtype=object)
        text = io.StringIO(newline="")
        safe_for_spreadsheets(table).to_csv(text, index=False, header=False, quoting=csv.QUOTE_MINIMAL)
        out.write(text.getvalue().encode("utf-8", "replace"))
        written += len(some)
    return written


def write_json_lines(entries: Iterable[Entry], out: IO[bytes], feedback_on: FeedbackOn) -> int:
    """Writes one JSON object per line, UTF-8, with the names of `as_record` and the feedback. Returns their number."""
    written = 0
    for entry in entries:
        record = as_record(entry) | feedback_on(entry)
        out.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        written += 1
    return written


def as_record(entry: Entry) -> dict[str, Any]:
    """A prediction as strings, numbers, lists, dictionaries and None, with the same names wherever it is JSON."""
    return {
        "prediction_id": entry.prediction_id,
        "time_utc": entry.time_utc.isoformat(timespec="milliseconds"),
        "source": entry.source,
        "user": entry.user,
        "file": entry.file,
        "model": {"name": entry.model_name, "version": entry.model_version},
        "model_sha256": entry.model_sha256,
        "image_sha256": entry.image_sha256,
        "predicted_label": entry.label,
        "confidence": entry.confidence,
        "top3": [{"label": label, "probability": probability} for label, probability in entry.top3],
        "doubt": entry.doubt,
        "doubt_energy": entry.doubt_energy,
        "doubt_msp": entry.doubt_msp,
        "latency_ms": entry.latency_ms,
        "fit": entry.fit,
    }


def _flat(entry: Entry) -> dict[str, Any]:
    record = as_record(entry) | {"model_name": entry.model_name, "model_version": entry.model_version}
    for place, (label, probability) in enumerate(entry.top3, 1):
        record |= {f"label_{place}": label, f"probability_{place}": probability}
    return record


def _some(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    waiting = iter(entries)
    while some := list(islice(waiting, _AT_ONCE)):
        yield some
