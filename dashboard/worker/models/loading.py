"""Loads a model file, using only the bytes that were checked, and calls the model."""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf
from keras.src.applications.convnext import LayerScale, StochasticDepth

from dashboard.core.errors import ModelError
from dashboard.core.files import is_full
from dashboard.core.images.preprocessing import normalize
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.precision import serves_in_bfloat16
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion, how_to_restore
from dashboard.worker.models.archive import check_archive
from dashboard.worker.models.batches import PIXELS, batch_size, in_batches
from dashboard.worker.models.half_precision import in_bfloat16
from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps

# layers of keras.applications that Keras itself does not find by their names
OF_CONVNEXT = {"LayerScale": LayerScale, "StochasticDepth": StochasticDepth}
THROUGHPUT_S = 0.5  # seconds that the measurement takes
_FORWARD = 4  # a plain forward pass may use 4x larger batches: it keeps few activations in memory


def load_file(data: bytes, what: str) -> keras.Model:
    """The uncompiled Keras model in the bytes of a `.keras` file.

    Raises:
        ModelError: the bytes are damaged, not a `.keras` file, or contain things that a classifier does not need.
    """
    check_archive(data, what)
    # Windows keeps a file that an error has left open; the folder is in the worker's own, which is removed at its end
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Keras reads from a path; nobody can replace a private copy between the check and the reading
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        try:
            return keras.saving.load_model(path, custom_objects=OF_CONVNEXT, compile=False, safe_mode=True)
        except Exception as error:  # layers can raise any exception
            if isinstance(error, OSError) and is_full(error):
                raise  # Keras writes the weights into a file of their own
            raise ModelError(
                f"{what} cannot be loaded by Keras {keras.__version__}: {type(error).__name__}: {str(error)[:300]}",
                "Save the model again with this version of Keras, then add it with `python -m dashboard models add`.",
                "model_unreadable",
            ) from error


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory, ready to predict."""

    version: ModelVersion
    model: keras.Model
    load_s: float

    @cached_property
    def taps(self) -> Taps:
        """Access to the model's logits, activations and gradients, in the precision of the file."""
        return Taps(self.model, self.version.output, self.version.input_shape)

    @property
    def precision(self) -> str:
        """The number format of predictions, for example "float32" or "bfloat16"."""
        return "bfloat16" if serves_in_bfloat16(self.version) else str(self.model.compute_dtype)

    @cached_property
    def _predictor(self) -> Taps:
        if self.precision == self.model.compute_dtype:
            return self.taps
        return Taps(in_bfloat16(self.model), self.version.output, self.version.input_shape)

    @cached_property
    def network(self) -> Network:
        """The network for the methods of explanation, in the precision of the file."""
        return Network(self.taps)

    @cached_property
    def serving(self) -> Network:
        """The network in the precision of predictions."""
        return Network(self._predictor)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """The logits (N, K) float32 of images (N, height, width, 3) uint8, as `fit_image` returns them."""

        def run(batch: np.ndarray) -> tuple[np.ndarray]:
            return (self._predictor.logits(tf.constant(normalize(batch, self.version.preprocessing))).numpy(),)

        return in_batches(run, images, size=self._batch_size)[0]

    @property
    def _batch_size(self) -> int:
        p = self.version.preprocessing
        return batch_size(p.height, p.width, _FORWARD * PIXELS)

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The logits (N, K) float32 and calibrated probabilities (N, K) float64 of images; see `logits`.

        Raises:
            ModelError: the model gives numbers that are not finite.
        """
        logits = self.logits(images)
        if not np.isfinite(logits).all():
            raise ModelError(
                f"{self.version.ref} gives numbers that are not finite.",
                "Its weights are damaged or its preprocessing is wrong: add it again, or use another version.",
                "not_finite",
            )
        return logits, softmax(logits, self.version.temperature)

    def predict(self, images: np.ndarray) -> list[Prediction]:
        """One prediction per image; see `answers`."""
        return [Prediction(row, p) for row, p in zip(*self.answers(images), strict=True)]

    def facts(self) -> ModelFacts:
        """The shape, size and measured speed of the model."""
        p = self.version.preprocessing
        image = np.zeros((1, p.height, p.width, 3), np.uint8)
        self.logits(image)
        latencies = []
        for _ in range(9):
            start = time.perf_counter()
            self.logits(image)
            latencies.append(1000 * (time.perf_counter() - start))
        batch = np.zeros((self._batch_size, *image.shape[1:]), np.uint8)
        self.logits(batch)
        start, rounds = time.perf_counter(), 0
        while time.perf_counter() - start < THROUGHPUT_S:
            self.logits(batch)
            rounds += 1
        return ModelFacts(
            input_shape=tuple(self.model.input_shape),
            output_shape=tuple(self.model.output_shape),
            parameters=self.model.count_params(),
            layers=sum(1 for _ in self.model._flatten_layers(include_self=False)),
            load_s=self.load_s,
            latency_ms=median(latencies),
            images_per_second=rounds * len(batch) / (time.perf_counter() - start),
            precision=self.precision,
            conv_layers=self.taps.conv_layers,
        )


@lru_cache(maxsize=4)
def _load(version_file: Path, modified_ns: int, version_key: _Key) -> LoadedModel:
    version = version_key.version
    ref = version.ref
    start = time.perf_counter()
    data = version_file.read_bytes()
    if hashlib.sha256(data).hexdigest() != version.sha256:
        raise ModelError(
            f"{ref}: model.keras is not the file that model.json describes (its checksum does not match).",
            how_to_restore(version.folder),
            "checksum",
        )
    model = load_file(data, f"{ref}: model.keras")
    check_shapes(model, version)
    loaded = LoadedModel(version, model, time.perf_counter() - start)
    p = version.preprocessing
    loaded.predict(
        np.full((1, p.height, p.width, 3), 127, np.uint8)
    )  # raises if the outputs are not finite, and traces the function
    return loaded


class _Key:
    """Makes a ModelVersion hashable by the fields that affect predictions; its dictionaries are only for display."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self._key = version.answers_key

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._key == other._key


def load(version: ModelVersion) -> LoadedModel:
    """The model of a version; from memory if its file has not changed since it was loaded.

    Raises:
        ModelError: the file is missing or damaged, differs from model.json, or has the wrong shapes.
    """
    try:
        modified_ns = version.file.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(
            f"{version.ref}: {version.file.name} is missing.", how_to_restore(version.folder), "model_missing"
        ) from error
    return _load(version.file, modified_ns, _Key(version))


def check_shapes(model: keras.Model, version: ModelVersion) -> None:
    """Raises ModelError unless the model maps the version's input to one number per class, or one for two classes."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs:
        raise ModelError(
            f"{version.ref} has no input shape: the model was never built.",
            "Start the model with keras.Input(...), then add it again.",
            "model_shape",
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{version.ref} has several inputs or outputs.",
            "Add an image classifier with one input and one output.",
            "model_shape",
        )
    wanted, found = version.input_shape, tuple(model.input_shape[1:])
    if len(found) != 3 or any(f not in (None, w) for f, w in zip(found, wanted, strict=True)):
        raise ModelError(
            f"{version.ref} has the input shape {found}, but model.json says {wanted}.",
            "Add the model again.",
            "model_shape",
        )
    classes, numbers = len(version.class_names), tuple(model.output_shape[1:])
    if numbers != (classes,) and not (numbers == (1,) and classes == 2):
        raise ModelError(
            f"{version.ref} has the output shape {numbers}, but {classes} class names.",
            "Name as many classes as the model has outputs.", "model_shape",
        )  # fmt: skip
