"""The embeddings of a run's images (the input of the model's last layer): computed once, stored in the run's folder."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dashboard.core.background import BackgroundTask, TaskState
from dashboard.core.datasets.unchanged import changed, check_still_there, fingerprint_of
from dashboard.core.files import write_atomically
from dashboard.core.models.inference import Inference
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.array_file import ArrayFile, file_content
from dashboard.core.runs.images import dataset_of, was_replaced
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore

CHUNK = 256  # images per progress report
_FILE = "embeddings.npy"


class RunEmbeddings:
    """Computes the embeddings of runs: once per run, even if several sessions ask for them. Thread-safe."""

    def __init__(self, inference: Inference, store: RunStore) -> None:
        self._inference, self._store = inference, store
        self._lock = threading.Lock()
        self._tasks: dict[str, BackgroundTask[None]] = {}

    def state(self, run_id: str) -> TaskState[None]:
        """The progress of the task: how many of the run's images are done."""
        task = self._tasks.get(run_id)
        return task.state if task else TaskState()

    def stored(self, run: Run) -> ArrayFile | None:
        """The stored embeddings, (N, d) float32, one per row of `run.evaluated`; None if missing.

        Damaged ones count as missing, with a warning in the log.
        """
        try:
            return ArrayFile(self._path(run.manifest.run_id), (len(run.evaluated), None), np.float32)
        except FileNotFoundError:
            return None
        except OSError as error:
            logging.getLogger(__name__).warning("The embeddings of %s do not fit: %s", run.manifest.run_id, error)
            return None

    def start(self, run: Run, version: ModelVersion) -> None:
        """Starts the computation, unless it is already running."""
        run_id = run.manifest.run_id
        with self._lock:
            if not self.state(run_id).active:
                self._tasks[run_id] = BackgroundTask(
                    "comparison", lambda task: self._compute(run, version, task.advance)
                )
                self._tasks[run_id].start()

    def _compute(self, run: Run, version: ModelVersion, on_progress: Callable[[int, int], None]) -> None:
        dataset = dataset_of(run.manifest)
        rows = run.evaluated
        for index, file in zip(rows["index"], run.detail(rows, ["file"])["file"], strict=True):
            check_still_there(dataset, int(index), file)
        samples = [dataset.samples[index] for index in rows["index"]]
        parts, thumbnails = [], run.find_thumbnails()
        is_same = fingerprint_of(dataset) == run.manifest.dataset_sha256  # else each picture is looked at
        for start in range(0, len(samples), CHUNK):
            on_progress(start, len(samples))
            for sample in samples[start : start + CHUNK]:
                if not is_same and was_replaced(dataset, run.manifest, thumbnails, sample.index):
                    raise changed(dataset.path.name, f"since it was evaluated: {sample.name} is another picture now.")
            parts.append(self._inference.embed(version, dataset.path, samples[start : start + CHUNK]))
        content = file_content(np.concatenate(parts).astype(np.float32))
        self._store.folder(run.manifest.run_id).manifest()  # the run may have been deleted meanwhile
        write_atomically(self._path(run.manifest.run_id), content, make_folder=False)

    def _path(self, run_id: str) -> Path:
        return self._store.folder(run_id).path / _FILE
