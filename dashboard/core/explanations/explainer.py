"""Heatmaps, computed by an engine's workers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from dashboard.core.datasets import Sample
from dashboard.core.engine.contract import Engine
from dashboard.core.explanations.records import Explanation, MapRequest, RandomizationResult, SampleMap
from dashboard.core.models.inference import SAMPLES_A_TASK, in_chunks
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion

SLOW_SAMPLES_A_TASK = 8
SLOW_TASK_S = 900.0  # hundreds of forward passes, of a large model on few cores


class Explainer:
    """Asks workers for heatmaps. A person waits for them, so they go before running evaluations.

    Every method raises DependencyError, ModelError or WorkerError when there is no map, and ValueError for a target that
    is no class of the model.
    """

    def __init__(self, engine: Engine, slow_task_s: float = SLOW_TASK_S) -> None:
        """`slow_task_s` is how long a task may take that needs some hundred forward passes an image."""
        self._engine, self._slow_task_s = engine, slow_task_s

    def explain(self, version: ModelVersion, file: bytes, request: MapRequest | None = None) -> Explanation:
        """The prediction for an image file with the heatmap of one method. Raises ImageError as well."""
        [explanation] = self.explain_all(version, file, request or MapRequest())
        return explanation

    def explain_all(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """One explanation per method, all with the same prediction.

        Where several methods are asked for and the model has no layer with a grid, those that need one are left out.

        Raises:
            ImageError: the file is no image that can be read.
            ModelError: with the code `no_conv_layer` when all methods need a layer and the model has none.
        """
        explanations: list[Explanation] = self._submit("explain", version, request, file).result()
        return explanations

    def explain_layers(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """The same method for each of the layers that `facts.stages` names, in the order of the forward pass."""
        explanations: list[Explanation] = self._submit("explain_layers", version, request, file).result()
        return explanations

    def randomization_check(
        self, version: ModelVersion, file: bytes, request: MapRequest | None = None
    ) -> RandomizationResult:
        """Whether a map depends on what the model learnt."""
        result: RandomizationResult = self._submit(
            "check_randomization", version, request or MapRequest(), file, slow=True
        ).result()
        return result

    def explain_samples(
        self, version: ModelVersion, dataset: Path, samples: Sequence[Sample], request: MapRequest | None = None
    ) -> list[SampleMap | Failure]:
        """The heatmap of each of these samples of the dataset at that path, in their order; all workers take part.

        Raises:
            DatasetError: the dataset cannot be read or was changed.
        """
        request = request or MapRequest()
        size = SLOW_SAMPLES_A_TASK if request.is_slow else SAMPLES_A_TASK
        futures = [
            self._submit("explain_samples", version, request, dataset, chunk) for chunk in in_chunks(samples, size)
        ]
        return [answer for future in futures for answer in future.result()]

    def _submit(
        self, task: str, version: ModelVersion, request: MapRequest, *arguments: Any, slow: bool = False
    ) -> Future[Any]:
        if request.target is not None and request.target not in version.class_names:
            raise ValueError(f"{request.target!r} is no class of {version.ref}")
        limit_s = self._slow_task_s if slow or request.is_slow else None
        return self._engine.submit(task, version, *arguments, request, urgent=True, timeout_s=limit_s)
