"""What the server can ask of a worker. Arguments and results are plain records; every task may be done twice."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.cpu import cpu_features
from dashboard.core.datasets import Sample, open_unchanged
from dashboard.core.errors import DashboardError, DependencyError
from dashboard.core.foreign_model import ForeignModel, ForeignModelFacts
from dashboard.core.images import decode_image
from dashboard.core.model_input import enough_pixels, read_model_input
from dashboard.core.preprocessing import fit_image
from dashboard.core.records import (
    ChunkAnswers,
    Explanation,
    Failure,
    ModelFacts,
    Prediction,
    RandomizationResult,
    SampleMap,
    TensorFlowFacts,
)
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import RunStore
from dashboard.core.thumbnails import make_thumbnail

BATCH = 32  # images a forward pass, few enough that the next ones are read meanwhile
_INSTALL = "Install what the dashboard needs with `pip install -r requirements.txt`, then restart it."


@lru_cache(maxsize=1)
def _import_tensorflow() -> TensorFlowFacts | DependencyError:
    start = time.perf_counter()
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("tensorflow", "keras"):
            return _broken(error)
        absent = "Keras" if find_spec("tensorflow") else "TensorFlow"
        return DependencyError(f"{absent} is not installed.", _INSTALL, "tensorflow_missing")
    except Exception as error:  # broken builds raise anything from ImportError to TypeError
        return _broken(error)
    threads = int(os.environ.get("DASHBOARD_WORKER_THREADS", "0"))
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return TensorFlowFacts(
        version=tf.__version__,
        keras_version=keras.__version__,
        built_with_cuda=tf.test.is_built_with_cuda(),
        cpu_features=cpu_features(),
        gpus=tuple(device.name for device in tf.config.list_physical_devices("GPU")),
        threads=threads or os.cpu_count() or 1,
        import_s=time.perf_counter() - start,
    )


def _broken(error: Exception) -> DependencyError:
    return DependencyError(
        f"TensorFlow is installed but cannot be imported: {type(error).__name__}: {str(error)[:300]}.",
        "Its build and another package do not fit together: "
        "`pip install --force-reinstall -r requirements.txt`, then restart the dashboard.",
        "tensorflow_broken",
    )


def warm_up() -> None:
    """Imports TensorFlow; that it fails is kept for the first task that needs it."""
    _import_tensorflow()


def probe_tensorflow() -> TensorFlowFacts:
    """Raises DependencyError when TensorFlow is missing or broken."""
    facts = _import_tensorflow()
    if isinstance(facts, DependencyError):
        raise facts
    return facts


def _load(version: ModelVersion) -> Any:
    probe_tensorflow()
    from dashboard.worker import keras_model

    return keras_model.load(version)


def load_for_chunk(task: str, args: tuple[Any, ...]) -> None:
    """Loads the model of an evaluation's chunk, whose images have nothing to do with it; faults are left to the task."""
    if task == predict_samples.__name__:
        with contextlib.suppress(Exception):
            _load(args[0])


def describe_model(version: ModelVersion) -> ModelFacts:
    """Loads the model and tells its shape, size and speed. Raises DependencyError, ModelError."""
    facts: ModelFacts = _load(version).facts()
    return facts


def predict_files(version: ModelVersion, files: list[bytes]) -> list[Prediction | Failure]:
    """One answer a file, in the given order. Raises DependencyError, ModelError."""

    def pixels(data: bytes) -> np.ndarray:
        return decode_image(data, enough_pixels(version.preprocessing)).pixels

    answers = _predict(version, [partial(pixels, data) for data in files])
    found: dict[int, Prediction | Failure] = dict(answers.failures)
    for place, logits, pred_probs in zip(answers.places, answers.logits, answers.pred_probs, strict=True):
        found[int(place)] = Prediction(logits, pred_probs)
    return [found[place] for place in range(len(files))]


def predict_samples(
    version: ModelVersion, path: Path, samples: list[Sample], with_thumbnails: bool = False
) -> ChunkAnswers:
    """Answers for these samples of the dataset at `path`.

    Raises:
        DependencyError, ModelError; DatasetError, see `open_unchanged`.
    """
    return _predict(version, _readers(version, path, samples), with_thumbnails)


def _predict(
    version: ModelVersion, readers: Sequence[Callable[[], np.ndarray]], with_thumbnails: bool = False
) -> ChunkAnswers:
    """Reads the next pictures on a thread while the model computes; Pillow and TensorFlow let each other run."""
    model = _load(version)
    failures: dict[int, Failure] = {}

    def read(start: int) -> tuple[list[int], list[np.ndarray]]:
        places, inputs = [], []
        for place in range(start, min(start + BATCH, len(readers))):
            try:
                inputs.append(fit_image(readers[place](), version.preprocessing))
                places.append(place)
            except DashboardError as error:
                failures[place] = Failure(error.code, error.message, error.fix)
        return places, inputs

    n_classes = len(version.class_names)
    places: list[int] = []
    logits, pred_probs = [np.empty((0, n_classes), np.float32)], [np.empty((0, n_classes))]
    thumbnails: list[np.ndarray] = []
    with ThreadPoolExecutor(1, "read") as ahead:
        batches = deque([ahead.submit(read, 0)])
        for start in range(BATCH, len(readers) + BATCH, BATCH):
            readable, inputs = batches.popleft().result()
            batches.append(ahead.submit(read, start))
            if inputs:
                places += readable
                answer = model.answers(np.stack(inputs))
                logits.append(answer[0])
                pred_probs.append(answer[1])
            if with_thumbnails:
                thumbnails += [make_thumbnail(image, version.preprocessing) for image in inputs]
    return ChunkAnswers(
        np.array(places, np.int64), np.concatenate(logits), np.concatenate(pred_probs), failures,
        np.stack(thumbnails) if thumbnails else None,
    )  # fmt: skip


def _answer(
    version: ModelVersion, readers: list[Callable[[], np.ndarray]], work: Callable[[np.ndarray], Any]
) -> list[Any]:
    """One answer a reader: what `work` makes of its image among the others, or a Failure in its place."""
    answers: list[Any] = [None] * len(readers)
    inputs, places = [], []
    for place, read in enumerate(readers):
        try:
            inputs.append(fit_image(read(), version.preprocessing))
            places.append(place)
        except DashboardError as error:
            answers[place] = Failure(error.code, error.message, error.fix)
    if inputs:
        for place, answer in zip(places, work(np.stack(inputs)), strict=True):
            answers[place] = answer
    return answers


def _readers(version: ModelVersion, path: Path, samples: list[Sample]) -> list[Callable[[], np.ndarray]]:
    dataset = open_unchanged(path, samples)
    return [partial(dataset.image, s.index, enough_pixels(version.preprocessing)) for s in samples]


def explain(
    version: ModelVersion,
    file: bytes,
    layer: str | None,
    target_class: int | None,
    methods: list[str],
    faithfulness: bool,
) -> list[Explanation]:
    """One explanation a method, see `dashboard.worker.explaining.explain`. Raises DependencyError, ModelError, ImageError."""
    model = _load(version)
    from dashboard.worker import explaining

    image = read_model_input(file, version.preprocessing)
    return explaining.explain(model, image, layer, target_class, methods, faithfulness)


def explain_layers(
    version: ModelVersion, file: bytes, target_class: int | None, method: str, faithfulness: bool
) -> list[Explanation]:
    """One explanation a stage of the network. Raises DependencyError, ModelError, ImageError."""
    model = _load(version)
    from dashboard.worker import explaining

    image = read_model_input(file, version.preprocessing)
    return explaining.explain_layers(model, image, target_class, method, faithfulness)


def check_randomization(
    version: ModelVersion, file: bytes, method: str, layer: str | None, target_class: int | None
) -> RandomizationResult:
    """A map against those of networks with shuffled weights. Raises DependencyError, ModelError, ImageError."""
    model = _load(version)
    from dashboard.worker import explaining

    image = read_model_input(file, version.preprocessing)
    return explaining.check_randomization(model, image, method, layer, target_class)


def explain_samples(
    version: ModelVersion,
    path: Path,
    samples: list[Sample],
    target_class: int | None,
    method: str,
    layer: str | None,
    faithfulness: bool,
) -> list[SampleMap | Failure]:
    """One heatmap for each of these samples of the dataset at `path`. Raises as `predict_samples`."""
    model = _load(version)
    from dashboard.worker import explaining

    def work(images: np.ndarray) -> list[SampleMap]:
        return explaining.explain_many(model, images, target_class, method, layer, faithfulness)

    return _answer(version, _readers(version, path, samples), work)


def embed_samples(version: ModelVersion, path: Path, samples: list[Sample]) -> list[np.ndarray | Failure]:
    """What the model's last layer is given for each of these samples, (d,) float32. Raises as `predict_samples`."""
    model = _load(version)
    from dashboard.worker import explaining

    return _answer(version, _readers(version, path, samples), partial(explaining.embed, model))


def embed_file(version: ModelVersion, file: bytes) -> np.ndarray:
    """The same of one image file. Raises DependencyError, ModelError, ImageError."""
    model = _load(version)
    from dashboard.worker import explaining

    embedding: np.ndarray = explaining.embed(model, read_model_input(file, version.preprocessing)[None])[0]
    return embedding


def inspect_model_file(order: ForeignModel) -> ForeignModelFacts:
    """See `dashboard.worker.new_model.inspect`."""
    probe_tensorflow()
    from dashboard.worker.new_model import inspect

    return inspect(order)


def measure_run(runs: Path, run_id: str) -> None:
    """See `RunStore.measure`."""
    RunStore(runs).measure(run_id)


TASKS: dict[str, Callable[..., Any]] = {
    task.__name__: task
    for task in (
        probe_tensorflow,
        describe_model,
        predict_files,
        predict_samples,
        explain,
        explain_layers,
        check_randomization,
        explain_samples,
        embed_samples,
        embed_file,
        inspect_model_file,
        measure_run,
    )
}
