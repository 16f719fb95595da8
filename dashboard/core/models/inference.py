"""Predictions, embeddings and facts about a model version, computed by an engine's workers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dashboard.core.engine.contract import Engine
from dashboard.core.models.batching import Batcher
from dashboard.core.models.facts import ModelFacts, TensorFlowFacts
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

if TYPE_CHECKING:
    from dashboard.core.datasets import Sample

SAMPLES_A_TASK = 128


class Inference:
    """Asks workers about a model version. A user waits for the answers, so these tasks run before evaluations."""

    def __init__(self, engine: Engine, batch_wait_s: float = 0.0) -> None:
        """`batch_wait_s`: see `Batcher`."""
        self._engine = engine
        self._batcher = Batcher(engine, batch_wait_s)

    def predict(self, version: ModelVersion, files: Sequence[bytes]) -> list[Prediction | Failure]:
        """One answer per image file. Raises DependencyError, ModelError, WorkerError."""
        return self.predict_later(version, files).result()

    def predict_later(self, version: ModelVersion, files: Sequence[bytes]) -> Future[list[Prediction | Failure]]:
        """The answers of `predict`, as soon as they are there. Requests that arrive together share a forward pass."""
        return self._batcher.submit(version, files)

    @property
    def waiting(self) -> int:
        """The number of predictions that wait for a worker."""
        return self._batcher.waiting

    def embed(self, version: ModelVersion, dataset: Path, samples: Sequence[Sample]) -> np.ndarray:
        """The embedding (the input of the model's last layer) of each of these samples of the dataset at that path.

        Returns:
            (N, d) float32; NaN in the rows of unreadable samples. `analysis.similar_images` compares the rows.

        Raises:
            DependencyError, ModelError, WorkerError.
            DatasetError: the dataset cannot be read or was changed.
        """
        futures = [
            self._engine.submit("embed_samples", version, dataset, chunk, urgent=True, slow=True)
            for chunk in in_chunks(samples, SAMPLES_A_TASK)
        ]
        answers: list[np.ndarray | Failure] = [answer for future in futures for answer in future.result()]
        width = next((len(answer) for answer in answers if not isinstance(answer, Failure)), 1)
        unknown = np.full(width, np.nan, np.float32)
        return np.array([unknown if isinstance(answer, Failure) else answer for answer in answers], np.float32)

    def embed_file(self, version: ModelVersion, file: bytes) -> np.ndarray:
        """The embedding of an image file, (d,) float32. Raises DependencyError, ModelError, ImageError, WorkerError."""
        embedding: np.ndarray = self._engine.submit("embed_file", version, file, urgent=True).result()
        return embedding

    def tensorflow(self) -> TensorFlowFacts:
        """Facts about TensorFlow, from a worker. Raises DependencyError, WorkerError."""
        facts: TensorFlowFacts = self._engine.submit("probe_tensorflow", urgent=True).result()
        return facts

    def describe(self, version: ModelVersion) -> ModelFacts:
        """Loads the model in a worker and describes it. Raises DependencyError, ModelError, WorkerError."""
        facts: ModelFacts = self._engine.submit("describe_model", version, urgent=True).result()
        return facts


def in_chunks(samples: Sequence[Sample], size: int) -> list[list[Sample]]:
    """Splits the samples into lists of at most `size`, in the same order."""
    return [list(samples[i : i + size]) for i in range(0, len(samples), size)]
