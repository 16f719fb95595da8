"""A separate worker process for one external model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import ModelError, WorkerError
from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.foreign import BATCH, ForeignModel, ForeignModelFacts
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

TASK_S = 120.0  # for a small model
STRUCTURE_S = 20.0  # for everything but the weights; a whole file takes less than a second
BYTES_PER_S = 2**20  # of the file, in addition: loading, tracing and trying a large model takes minutes


class Quarantine:
    """A worker that ends with the `with` block. If the model crashes it, no other worker is affected."""

    def __init__(self, order: ForeignModel, worker_start_s: float) -> None:
        self._order = order
        self._pool = WorkerPool(1, worker_start_s)
        self._task_s = TASK_S

    def __enter__(self) -> Quarantine:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    def inspect(self) -> ForeignModelFacts:
        """Loads, tries and converts the model. This also limits the worker's memory from now on."""
        paths = order.rglob("*") if (order := self._order.file).is_dir() else [order]
        self._task_s = TASK_S + sum(path.stat().st_size for path in paths if path.is_file()) / BYTES_PER_S
        self._pool.submit("probe_tensorflow").result()  # first alone, because a fault of TensorFlow is not the model's
        if self._order.file.is_file():
            self._run("read_model_structure", self._order, limit_s=STRUCTURE_S)
        facts: ForeignModelFacts = self._run("inspect_model_file", self._order)
        return facts

    def describe(self, version: ModelVersion) -> ModelFacts:
        """Loads the converted file as it will be served."""
        facts: ModelFacts = self._run("describe_model", version)
        return facts

    def predict(self, version: ModelVersion, files: Sequence[bytes]) -> list[Prediction | Failure]:
        """One answer per image file, as `Inference.predict` gives."""
        parts = [list(files[i : i + BATCH]) for i in range(0, len(files), BATCH)]
        return [answer for part in parts for answer in self._run("predict_files", version, part)]

    def _run(self, task: str, *args: object, limit_s: float | None = None) -> Any:
        try:
            # a single attempt: the worker that replaces a dead one has no memory limit
            return self._pool.submit(task, *args, timeout_s=limit_s or self._task_s, attempts=1).result()
        except WorkerError as error:
            ran_out = error.code == "out_of_memory"
            if error.code == "task_failed":  # the process is alive, so memory is not the cause
                message = f"{self._order.shown_as} cannot be used. {error.message}"
                raise ModelError(message, "The way it is built is not supported. Please report this.") from error
            if error.code == "worker_hung" and limit_s:
                raise ModelError(
                    f"{self._order.shown_as} is damaged: reading what it says about the model, without the weights, took "
                    f"longer than {limit_s:.0f} s. A whole file takes less than a second.",
                    "Copy or download the file again.",
                    "model_damaged",
                ) from error
            if error.code == "worker_failed" and limit_s:
                raise ModelError(
                    f"{self._order.shown_as} is damaged: reading it ends the process. {error.message}",
                    "Copy or download the file again.",
                    "model_damaged",
                ) from error
            if error.code == "worker_hung":
                raise ModelError(
                    f"{self._order.shown_as} was given up: loading and trying it took longer than {self._task_s:.0f} s.",
                    'The file may be damaged: copy it again, or save the model again with `model.save("x.keras")`.',
                    "model_damaged",
                ) from error
            limit = self._order.memory_bytes / 2**30
            raise ModelError(
                f"{self._order.shown_as} {'could not be tried' if ran_out else 'ended the process that loaded it'}. "
                f"{error.message}",
                f"It may need more than the {limit:.3g} GB of memory that a new model may use. If you trust the file, "
                "allow more with --memory-gb.",
                "model_kills_worker",
            ) from error
