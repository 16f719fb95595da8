"""What the server can ask of a worker. Arguments and results are plain records; every task may be done twice."""

from __future__ import annotations

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

from dashboard.core.datasets import Sample, open_unchanged
from dashboard.core.errors import DashboardError, DependencyError
from dashboard.core.foreign_model import ForeignModel, ForeignModelFacts
from dashboard.core.images import decode_image
from dashboard.core.model_input import enough_pixels, read_model_input
from dashboard.core.preprocessing import fit_image, normalize
from dashboard.core.records import (
    ChunkAnswers,
    ConvLayer,
    Explanation,
    Failure,
    ModelFacts,
    Prediction,
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
        cpu_features=_cpu_features(),
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


def _cpu_features() -> tuple[str, ...]:
    """Instruction sets of this CPU that oneDNN, which TensorFlow calls, chooses its kernels by. Linux only."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return ()
    wanted = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    return tuple(flag for flag in wanted if flag in flags)


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
    dataset = open_unchanged(path, samples)
    enough = enough_pixels(version.preprocessing)
    return _predict(version, [partial(dataset.image, s.index, enough) for s in samples], with_thumbnails)


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


def explain(version: ModelVersion, file: bytes, layer: str | None, target_class: int | None) -> Explanation:
    """Grad-CAM of one image file.

    Args:
        layer: name of a layer in `Explanation.layers`; None for the default.
        target_class: class id; None for the predicted class.

    Raises:
        DependencyError, ModelError, ImageError.
    """
    model = _load(version)
    import tensorflow as tf

    from dashboard.worker.grad_cam import grad_cam, to_unit_range

    image = read_model_input(file, version.preprocessing)
    [prediction] = model.predict(image[None])
    target = prediction.class_id if target_class is None else target_class
    chosen: ConvLayer = model.taps.layer(layer)
    _, activations, gradients = model.taps.gradients(
        tf.constant(normalize(image[None], version.preprocessing)), tf.constant([target], tf.int32), chosen
    )
    heatmaps, empty = to_unit_range(grad_cam(activations.numpy(), gradients.numpy()))
    return Explanation(prediction, heatmaps[0], bool(empty[0]), "grad-cam", chosen, target, model.taps.conv_layers)


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
        inspect_model_file,
        measure_run,
    )
}
