"""Predictions and explanations for callers: the page, the command line. Work is done by an engine's workers."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.core.engine import Engine
from dashboard.core.records import Explanation, Failure, ModelFacts, Prediction, TensorFlowFacts
from dashboard.core.registry import ModelVersion


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
        self, version: ModelVersion, file: bytes, layer: str | None = None, target: str | None = None
    ) -> Explanation:
        """A prediction with its Grad-CAM map.

        Args:
            layer: a name from `Explanation.layers`; None for the default.
            target: a class name; None for the predicted class.

        Raises:
            DependencyError, ModelError, ImageError, WorkerError; ValueError for a target the model does not know.
        """
        class_id = None if target is None else version.class_names.index(target)
        explanation: Explanation = self._engine.submit("explain", version, file, layer, class_id, urgent=True).result()
        return explanation

    def tensorflow(self) -> TensorFlowFacts:
        """Raises DependencyError, WorkerError."""
        facts: TensorFlowFacts = self._engine.submit("probe_tensorflow", urgent=True).result()
        return facts

    def describe(self, version: ModelVersion) -> ModelFacts:
        """Loads the model in a worker. Raises DependencyError, ModelError, WorkerError."""
        facts: ModelFacts = self._engine.submit("describe_model", version, urgent=True).result()
        return facts
