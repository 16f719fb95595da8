"""A worker with tasks that misbehave. It starts quickly without TensorFlow.

`python -m tests.worker.hostile_worker PIPE`, or `python -m tests.worker.hostile_template CONTROL` for its template.
What an evaluation needs is imported only where it is used, or at the start of an `EVALUATING` worker: it takes a second.
"""

from __future__ import annotations

import importlib
import os
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.core.errors import ImageError
from dashboard.worker.serving import serve

if TYPE_CHECKING:
    from dashboard.core.datasets import Sample
    from dashboard.core.models.prediction import ChunkAnswers
    from dashboard.core.models.version import ModelVersion

COMMAND = (sys.executable, "-m", "tests.worker.hostile_worker")
EVALUATING = (*COMMAND, "evaluating")  # ready for `predict_samples` and `measure_run` at once
KILLER = (255, 0, 0)  # an image of this colour kills the worker that reads it
HANGER = (0, 0, 255)  # an image of this colour makes the worker hang


def add(a: int, b: int) -> int:
    return a + b


def pid() -> int:
    return os.getpid()


def variable(name: str) -> str | None:
    return os.environ.get(name)


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def log(file: Path, line: str, seconds: float = 0.0) -> None:
    """Writes a line, so that a test can see what ran, how often and in which order."""
    with file.open("a") as out:
        out.write(f"{line}\n")
    time.sleep(seconds)


def leave_a_file() -> str:
    """Creates a temporary file that nobody deletes, and returns its name."""
    handle, name = tempfile.mkstemp()
    os.close(handle)
    return name


def die(file: Path | None = None) -> None:
    if file:
        log(file, "died")
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die_while_answering() -> None:
    """Sends the answer's length and its first bytes, then dies."""
    os.write(int(sys.argv[-1]), struct.pack("!i", 1000) + bytes(10))
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    sys.stderr.write("out of order\n")
    sys.stderr.flush()
    os._exit(3)


def fail() -> None:
    raise ImageError("It is not nice.", "Paint another.", "not_nice")


def fail_unexpectedly() -> None:
    raise ZeroDivisionError("oh")


def answer_that_cannot_be_sent() -> Callable[[], None]:
    return lambda: None


def hang() -> None:
    while True:
        time.sleep(60)


def predict_samples(
    version: ModelVersion, path: Path, samples: list[Sample], with_thumbnails: bool = False
) -> ChunkAnswers:
    """The class is the mean brightness modulo the number of classes; takes 10 ms per image."""
    import numpy as np

    from dashboard.core.datasets import open_unchanged
    from dashboard.core.images.preprocessing import fit_image
    from dashboard.core.images.properties import properties_of
    from dashboard.core.images.thumbnails import make_thumbnail
    from dashboard.core.models.prediction import ChunkAnswers, Failure

    dataset = open_unchanged(path, samples)
    places: list[int] = []
    rows: list[np.ndarray] = []
    thumbnails: list[np.ndarray] = []
    properties: list[np.ndarray] = []
    failures: dict[int, Failure] = {}
    for place, sample in enumerate(samples):
        time.sleep(0.01)
        try:
            image = dataset.decoded(sample.index)
        except ImageError as error:
            failures[place] = Failure(error.code, error.message, error.fix)
            continue
        pixels = image.pixels
        if (pixels == KILLER).all():
            os.kill(os.getpid(), signal.SIGKILL)
        if (pixels == HANGER).all():
            hang()
        probs = np.full(len(version.class_names), 0.01)
        probs[int(pixels.mean()) % len(probs)] = 1 - 0.01 * (len(probs) - 1)
        places.append(place)
        properties.append(properties_of(image))
        rows.append(probs)
        thumbnails.append(make_thumbnail(fit_image(pixels, version.preprocessing), version.preprocessing))
    pred_probs = np.array(rows).reshape(-1, len(version.class_names))
    pictures = np.stack(thumbnails) if with_thumbnails and thumbnails else None
    return ChunkAnswers(
        np.array(places, np.int64), np.log(pred_probs).astype(np.float32), pred_probs, failures, pictures,
        np.stack(properties) if properties else None,
    )  # fmt: skip


def import_all() -> None:
    """What `predict_samples` and `measure_run` import."""
    importlib.import_module("dashboard.core.datasets.unchanged")
    importlib.import_module("dashboard.core.evaluation.measuring")
    importlib.import_module("dashboard.core.images.properties")
    importlib.import_module("dashboard.core.images.thumbnails")


def measure_run(folder: Path) -> None:
    from dashboard.core.evaluation.measuring import measure
    from dashboard.core.runs.folder import RunFolder

    measure(RunFolder(folder))


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task
    for task in (
        add, pid, variable, sleep, log, die, die_once, die_while_answering, leave, leave_a_file, fail, fail_unexpectedly,
        answer_that_cannot_be_sent, hang, predict_samples, measure_run,
    )
}  # fmt: skip


def serve_hostile(pipe: int) -> None:
    serve(pipe, TASKS, prepare=lambda: None)


if __name__ == "__main__":
    serve(int(sys.argv[-1]), TASKS, prepare=import_all if sys.argv[1] == EVALUATING[-1] else lambda: None)
