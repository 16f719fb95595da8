"""Predictions by a worker, for image files and for samples of a dataset."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dashboard.core.datasets import Sample, open_unchanged
from dashboard.core.errors import DashboardError
from dashboard.core.images.decoding import DecodedImage
from dashboard.core.images.model_input import decode_with_notes, enough_pixels
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.images.properties import properties_of
from dashboard.core.images.thumbnails import make_thumbnail
from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.prediction import ChunkAnswers, Failure, Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import CHUNK_SIZE
from dashboard.worker.probe import probe_tensorflow

T = TypeVar("T")

BATCH = 64  # images per forward pass if TensorFlow has several threads; small, so that reading and computing overlap


def load_model(version: ModelVersion) -> Any:
    """The loaded model; from this worker's memory if it is there. Raises DependencyError, ModelError."""
    probe_tensorflow()
    from dashboard.worker.models import loading

    return loading.load(version)


def load_for_chunk(task: str, args: tuple[Any, ...]) -> None:
    """Loads a chunk's model before the task begins, so that the images are not blamed if loading kills the worker.

    Exceptions are ignored: the task raises them again.
    """
    if task == predict_samples.__name__:
        with contextlib.suppress(Exception):
            load_model(args[0])


def describe_model(version: ModelVersion) -> ModelFacts:
    """Loads the model and measures its shape, size and speed. Raises DependencyError, ModelError."""
    facts: ModelFacts = load_model(version).facts()
    return facts


def predict_files(version: ModelVersion, files: list[bytes]) -> list[Prediction | Failure]:
    """One answer per file, in the given order. Raises DependencyError, ModelError."""
    answers = _predict(version, [partial(decode_with_notes, data, version.preprocessing) for data in files])
    found: dict[int, Prediction | Failure] = dict(answers.failures)
    for place, logits, pred_probs in zip(answers.places, answers.logits, answers.pred_probs, strict=True):
        found[int(place)] = Prediction(logits, pred_probs, answers.notes.get(int(place), ()))
    return [found[place] for place in range(len(files))]


def predict_samples(
    version: ModelVersion, path: Path, samples: list[Sample], with_thumbnails: bool = False
) -> ChunkAnswers:
    """The answers for these samples of the dataset at `path`.

    Raises:
        DependencyError, ModelError; DatasetError, see `open_unchanged`.
    """
    dataset, enough = open_unchanged(path, samples), enough_pixels(version.preprocessing)
    return _predict(version, [partial(dataset.decoded, s.index, enough) for s in samples], with_thumbnails)


def _predict(
    version: ModelVersion, readers: Sequence[Callable[[], DecodedImage]], with_thumbnails: bool = False
) -> ChunkAnswers:
    model = load_model(version)
    alone = probe_tensorflow().threads == 1
    batch = CHUNK_SIZE if alone else BATCH
    failures: dict[int, Failure] = {}
    notes: dict[int, tuple[str, ...]] = {}
    properties: list[np.ndarray] = []  # of the images that were read, in their order

    def read(start: int) -> tuple[list[int], list[np.ndarray]]:
        places, inputs = [], []
        for place in range(start, min(start + batch, len(readers))):
            try:
                image = readers[place]()
                inputs.append(fit_image(image.pixels, version.preprocessing))
                properties.append(properties_of(image))
                places.append(place)
                if image.notes:
                    notes[place] = image.notes
            except DashboardError as error:
                failures[place] = Failure(error.code, error.message, error.fix)
        return places, inputs

    n_classes = len(version.class_names)
    places: list[int] = []
    logits, pred_probs = [np.empty((0, n_classes), np.float32)], [np.empty((0, n_classes))]
    thumbnails: list[np.ndarray] = []
    starts = range(0, len(readers), batch)
    for readable, inputs in map(read, starts) if alone else _one_ahead(read, starts):
        if inputs:
            places += readable
            answer = model.answers(np.stack(inputs))
            logits.append(answer[0])
            pred_probs.append(answer[1])
        if with_thumbnails:
            thumbnails += [make_thumbnail(image, version.preprocessing) for image in inputs]
    return ChunkAnswers(
        np.array(places, np.int64), np.concatenate(logits), np.concatenate(pred_probs), failures,
        np.stack(thumbnails) if thumbnails else None, np.stack(properties) if properties else None, notes,
    )  # fmt: skip


def _one_ahead(read: Callable[[int], T], starts: Sequence[int]) -> Iterator[T]:
    """The results of `read` in order. A thread reads the next images while the model computes.

    Only useful where a worker has several processors. On one, the two threads would just take turns.
    """
    with ThreadPoolExecutor(1, "read") as ahead:
        coming: deque[Future[T]] = deque()
        for start in starts:
            coming.append(ahead.submit(read, start))
            if len(coming) > 1:
                yield coming.popleft().result()
        if coming:
            yield coming.popleft().result()


def answer_each(
    version: ModelVersion, readers: list[Callable[[], np.ndarray]], work: Callable[[np.ndarray], Any]
) -> list[Any]:
    """One answer per reader: a Failure if it raises, otherwise the result of `work` for its image."""
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


def image_readers(version: ModelVersion, path: Path, samples: list[Sample]) -> list[Callable[[], np.ndarray]]:
    """One function per sample, which reads the sample's image. Raises DatasetError as `open_unchanged` does."""
    dataset = open_unchanged(path, samples)
    return [partial(dataset.image, s.index, enough_pixels(version.preprocessing)) for s in samples]
