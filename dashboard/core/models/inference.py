"""Predictions and explanations for callers: the page, the command line. Work is done by an engine's workers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.datasets import Sample
from dashboard.core.engine.contract import Engine
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS, get_method
from dashboard.core.explanations.records import Explanation, RandomizationResult, SampleMap
from dashboard.core.labels.class_names import PREDICTED
from dashboard.core.models.facts import ModelFacts, TensorFlowFacts
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import get_settings

SAMPLES_A_TASK = {"instant": 128, "seconds": 8}  # by Method.cost
SLOW_TASK_S = 900.0  # hundreds of forward passes, of a large model on few cores


class Inference:
    """Typed calls of the tasks a person waits for; each goes before running evaluations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def predict(self, version: ModelVersion, files: Sequence[bytes]) -> list[Prediction | Failure]:
        """One answer an image file. Raises DependencyError, ModelError, WorkerError."""
        answers: list[Prediction | Failure] = self._engine.submit(
            "predict_files", version, list(files), urgent=True
        ).result()
        return answers

    def explain(
        self,
        version: ModelVersion,
        file: bytes,
        layer: str | None = None,
        target: str | None = None,
        method: str = DEFAULT_METHOD,
        faithfulness: bool = False,
    ) -> Explanation:
        """A prediction with a heatmap.

        Args:
            layer: a name from `Explanation.layers`; None for the default.
            target: a class name; None for the predicted class.
            method: a name in `METHODS`.
            faithfulness: measure also what the map is worth.

        Raises:
            DependencyError, ModelError, ImageError, WorkerError; ValueError for a target the model does not know.
        """
        [explanation] = self.explain_all(version, file, layer, target, [method], faithfulness)
        return explanation

    def explain_all(
        self,
        version: ModelVersion,
        file: bytes,
        layer: str | None = None,
        target: str | None = None,
        methods: Sequence[str] = tuple(METHODS),
        faithfulness: bool = True,
    ) -> list[Explanation]:
        """One explanation a method, all with the same prediction. See `explain`.

        Raises:
            As `explain`; ModelError `no_conv_layer` when the model has no layer that one of the methods could use.
        """
        slow = faithfulness or any(get_method(name).cost == "seconds" for name in methods)
        arguments = (version, file, layer, _class_id(version, target), list(methods), faithfulness)
        explanations: list[Explanation] = self._submit("explain", *arguments, slow=slow).result()
        return explanations

    def explain_layers(
        self,
        version: ModelVersion,
        file: bytes,
        target: str | None = None,
        method: str = DEFAULT_METHOD,
        faithfulness: bool = False,
    ) -> list[Explanation]:
        """The same method through the layers of `facts.stages`, in the order of the forward pass. See `explain`."""
        arguments = (version, file, _class_id(version, target), method, faithfulness)
        slow = faithfulness or get_method(method).cost == "seconds"
        explanations: list[Explanation] = self._submit("explain_layers", *arguments, slow=slow).result()
        return explanations

    def randomization_check(
        self,
        version: ModelVersion,
        file: bytes,
        method: str = DEFAULT_METHOD,
        layer: str | None = None,
        target: str | None = None,
    ) -> RandomizationResult:
        """Whether a map depends on what the model learnt. See `explain`."""
        arguments = (version, file, method, layer, _class_id(version, target))
        result: RandomizationResult = self._submit("check_randomization", *arguments, slow=True).result()
        return result

    def explain_samples(
        self,
        version: ModelVersion,
        dataset: Path,
        samples: Sequence[Sample],
        target: str = PREDICTED,
        method: str = DEFAULT_METHOD,
        layer: str | None = None,
        faithfulness: bool = False,
    ) -> list[SampleMap | Failure]:
        """The heatmap of each of these samples of the dataset at that path, in their order; made by all workers.

        Args:
            target: a class name, or PREDICTED for the predicted class of each image.
            faithfulness: measure also what each map is worth.

        Raises:
            As `explain`; DatasetError when the dataset cannot be read or was changed.
        """
        class_id = None if target == PREDICTED else _class_id(version, target)
        cost = "seconds" if faithfulness else get_method(method).cost
        arguments = (class_id, method, layer, faithfulness)
        futures = [
            self._submit("explain_samples", version, dataset, chunk, *arguments, slow=cost == "seconds")
            for chunk in _chunks(samples, SAMPLES_A_TASK[cost])
        ]
        return [answer for future in futures for answer in future.result()]

    def embed(self, version: ModelVersion, dataset: Path, samples: Sequence[Sample]) -> np.ndarray:
        """What the model's last layer is given for each of these samples of the dataset at that path.

        Returns:
            (N, d) float32; rows of NaN for what cannot be read. `core.analysis.similar_images.nearest` compares them.

        Raises:
            DependencyError, ModelError, WorkerError; DatasetError when the dataset cannot be read or was changed.
        """
        chunks = _chunks(samples, SAMPLES_A_TASK["instant"])
        futures = [self._submit("embed_samples", version, dataset, chunk) for chunk in chunks]
        answers: list[np.ndarray | Failure] = [answer for future in futures for answer in future.result()]
        width = next((len(answer) for answer in answers if not isinstance(answer, Failure)), 1)
        unknown = np.full(width, np.nan, np.float32)
        return np.array([unknown if isinstance(answer, Failure) else answer for answer in answers], np.float32)

    def embed_file(self, version: ModelVersion, file: bytes) -> np.ndarray:
        """The same of one image file, (d,) float32. Raises DependencyError, ModelError, ImageError, WorkerError."""
        embedding: np.ndarray = self._submit("embed_file", version, file).result()
        return embedding

    def _submit(self, task: str, *arguments: Any, slow: bool = False) -> Future[Any]:
        """At the head of the queue; a slow task gets more time than the engine's own limit."""
        return self._engine.submit(
            task, *arguments, urgent=True, timeout_s=max(SLOW_TASK_S, get_settings().task_s) if slow else None
        )

    def tensorflow(self) -> TensorFlowFacts:
        """Raises DependencyError, WorkerError."""
        facts: TensorFlowFacts = self._engine.submit("probe_tensorflow", urgent=True).result()
        return facts

    def describe(self, version: ModelVersion) -> ModelFacts:
        """Loads the model in a worker. Raises DependencyError, ModelError, WorkerError."""
        facts: ModelFacts = self._engine.submit("describe_model", version, urgent=True).result()
        return facts


def _class_id(version: ModelVersion, target: str | None) -> int | None:
    return None if target is None else version.class_names.index(target)


def _chunks(samples: Sequence[Sample], size: int) -> list[list[Sample]]:
    return [list(samples[i : i + size]) for i in range(0, len(samples), size)]
