"""What a model's last layer is given for every image of a run: computed once, stored beside the run."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DashboardError
from dashboard.core.files import write_atomically
from dashboard.core.inference import Inference
from dashboard.core.registry import ModelVersion
from dashboard.core.run_images import check_still_there
from dashboard.core.runs import Run, RunStore

CHUNK = 256  # images between two reports of progress
_FILE = "embeddings.npy"


@dataclass(frozen=True)
class EmbeddingState:
    """How far the embeddings of a run are."""

    active: bool = False
    done: int = 0
    total: int = 0
    error: DashboardError | None = None  # why the last attempt failed


class RunEmbeddings:
    """Computes embeddings on threads of its own, one a run however many sessions ask for it. Thread-safe."""

    def __init__(self, inference: Inference, store: RunStore) -> None:
        self._inference, self._store = inference, store
        self._lock = threading.Lock()
        self._states: dict[str, EmbeddingState] = {}

    def state(self, run_id: str) -> EmbeddingState:
        """As it is now."""
        return self._states.get(run_id, EmbeddingState())

    def stored(self, run: Run) -> np.ndarray | None:
        """(N, d) float32, read when looked at, a row for each of `run.evaluated`, in that order; None before they exist."""
        try:
            embeddings: np.ndarray = np.load(self._path(run.manifest.run_id), mmap_mode="r")
        except (OSError, ValueError):
            return None
        return embeddings if len(embeddings) == len(run.evaluated) else None

    def start(self, run: Run, version: ModelVersion) -> None:
        """Starts unless it is under way."""
        run_id = run.manifest.run_id
        with self._lock:
            if self.state(run_id).active:
                return
            self._states[run_id] = EmbeddingState(active=True, total=len(run.evaluated))
        threading.Thread(target=self._work, args=(run, version), name="embeddings", daemon=True).start()

    def _work(self, run: Run, version: ModelVersion) -> None:
        run_id = run.manifest.run_id
        try:
            self._compute(run, version)
        except DashboardError as error:
            self._states[run_id] = EmbeddingState(error=error)
        except Exception as error:  # the button must come back whatever happens
            fault = DashboardError(f"It stopped: {type(error).__name__}: {error}.", "Please report this.")
            self._states[run_id] = EmbeddingState(error=fault)
        else:
            self._states[run_id] = EmbeddingState()

    def _compute(self, run: Run, version: ModelVersion) -> None:
        dataset = open_dataset(Path(run.manifest.dataset))
        rows = run.evaluated
        for index, file in zip(rows["index"], run.detail(rows, ["file"])["file"], strict=True):
            check_still_there(dataset, int(index), file)
        samples = [dataset.samples[index] for index in rows["index"]]
        parts = []
        for start in range(0, len(samples), CHUNK):
            parts.append(self._inference.embed(version, dataset.path, samples[start : start + CHUNK]))
            self._states[run.manifest.run_id] = replace(self.state(run.manifest.run_id), done=start + len(parts[-1]))
        buffer = io.BytesIO()
        np.save(buffer, np.concatenate(parts).astype(np.float32))
        self._store.manifest(run.manifest.run_id)  # it may have been deleted meanwhile, and writing makes its folder
        write_atomically(self._path(run.manifest.run_id), buffer.getvalue())

    def _path(self, run_id: str) -> Path:
        return self._store.folder(run_id) / _FILE
