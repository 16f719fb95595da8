"""Records what commands predict in the history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.cli.output import say
from dashboard.core.errors import counted
from dashboard.core.files import readable_name
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.services import Services

if TYPE_CHECKING:
    from dashboard.core.history.history import History


def record(
    opened: Services, version: ModelVersion, prediction: Prediction, image: bytes, path: Path, began: float
) -> str:
    """Records a prediction and returns its id. Never raises.

    Args:
        began: `time.perf_counter()` when the image had been read.
    """
    latency_ms = (time.perf_counter() - began) * 1000
    from dashboard.core.history.entry import Entry  # not at the top: TensorFlow is imported meanwhile

    file = readable_name(str(path))
    return opened.history.record(
        Entry.of(version, prediction, image, "command", opened.visitor.called, file, latency_ms)
    )


def tell_of_lost_records(history: History) -> None:
    """Says if predictions are not in the history. They are right all the same."""
    if history.dropped:
        error, lost = history.last_error, counted(history.dropped, "prediction")
        say(f"The history lacks {lost}." + (f" {error}" if error else ""), "yellow")
