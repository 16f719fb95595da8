"""Heatmaps, computed by an engine's workers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.core.engine.contract import Engine
from dashboard.core.explanations.records import Explanation, MapRequest, RandomizationResult, SampleMap
from dashboard.core.models.inference import SAMPLES_A_TASK, in_chunks
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion

if TYPE_CHECKING:
    from dashboard.core.datasets import Sample

SLOW_SAMPLES_A_TASK = 8
SLOW_TASK_S = 900.0  # a large model on few cores needs minutes for hundreds of forward passes per image


class Explainer:
    """Asks workers for heatmaps. A user waits for them, so these tasks go before running evaluations.

    Every method raises DependencyError, ModelError or WorkerError if no map can be made, and ValueError if the target
    is not a class of the model.
    """

    def __init__(self, engine: Engine, slow_task_s: float = SLOW_TASK_S) -> None:
        """`slow_task_s` is the time limit in seconds for a task with hundreds of forward passes per image."""
        self._engine, self._slow_task_s = engine, slow_task_s

    def explain(self, version: ModelVersion, file: bytes, request: MapRequest | None = None) -> Explanation:
        """The prediction for an image file, with the heatmap of one method. Also raises ImageError."""
        [explanation] = self.explain_all(version, file, request or MapRequest())
        return explanation

    def explain_all(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """One explanation per method, all with the same prediction.

        If several methods are requested and the model has no layer with a grid, the methods that need one are left out.

        Raises:
            ImageError: the file is not a readable image.
            ModelError: with the code `no_conv_layer` if all methods need a layer and the model has none.
        """
        explanations: list[Explanation] = self._submit("explain", version, request, file).result()
        return explanations

    def explain_layers(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """One explanation by the same method per layer in `facts.stages`, in the order of the forward pass."""
        explanations: list[Explanation] = self._submit("explain_layers", version, request, file).result()
        return explanations

    def randomization_check(
        self, version: ModelVersion, file: bytes, request: MapRequest | None = None
    ) -> RandomizationResult:
        """Tests whether a map depends on what the model learnt."""
        result: RandomizationResult = self._submit(
            "check_randomization", version, request or MapRequest(), file
        ).result()
        return result

    def explain_samples(
        self, version: ModelVersion, dataset: Path, samples: Sequence[Sample], request: MapRequest | None = None
    ) -> list[SampleMap | Failure]:
        """The heatmap of each sample of the dataset at this path, in the given order; all workers take part.

        Raises:
            DatasetError: the dataset cannot be read or was changed.
        """
        request = request or MapRequest()
        size = SLOW_SAMPLES_A_TASK if request.is_slow else SAMPLES_A_TASK
        futures = [
            self._submit("explain_samples", version, request, dataset, chunk) for chunk in in_chunks(samples, size)
        ]
        return [answer for future in futures for answer in future.result()]

    def _submit(self, task: str, version: ModelVersion, request: MapRequest, *arguments: Any) -> Future[Any]:
        if request.target is not None and request.target not in version.class_names:
            raise ValueError(f"{request.target!r} is not a class of {version.ref}")
        slow = request.is_slow or task != "explain"
        limit_s = self._slow_task_s if request.is_slow or task == "check_randomization" else None
        return self._engine.submit(task, version, *arguments, request, urgent=True, slow=slow, timeout_s=limit_s)
