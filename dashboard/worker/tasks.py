"""The tasks of a worker. Arguments and results are plain records; every task can safely run twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.core.datasets import Sample
from dashboard.core.explanations.records import Explanation, MapRequest, RandomizationResult, SampleMap
from dashboard.core.images.model_input import read_model_input
from dashboard.core.models.foreign import ForeignModel, ForeignModelFacts
from dashboard.core.models.prediction import Failure
from dashboard.core.models.version import ModelVersion
from dashboard.worker.predicting import (
    answer_each,
    describe_model,
    image_readers,
    load_model,
    predict_files,
    predict_samples,
)
from dashboard.worker.probe import probe_tensorflow

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.core.analysis.findings.finding import Finding
    from dashboard.core.runs.filters import Filter


def explain(version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
    """One explanation per method. Raises DependencyError, ModelError, ImageError."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    return explaining.explain(model, read_model_input(file, version.preprocessing), request)


def explain_layers(version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
    """One explanation per stage of the network. Raises DependencyError, ModelError, ImageError."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    return explaining.explain_layers(model, read_model_input(file, version.preprocessing), request)


def check_randomization(version: ModelVersion, file: bytes, request: MapRequest) -> RandomizationResult:
    """Compares a map with maps of networks with shuffled weights. Raises DependencyError, ModelError, ImageError."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    return explaining.check_randomization(model, read_model_input(file, version.preprocessing), request)


def explain_samples(
    version: ModelVersion, path: Path, samples: list[Sample], request: MapRequest
) -> list[SampleMap | Failure]:
    """One heatmap per sample of the dataset at `path`. Raises as `predict_samples` does."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    def work(images: np.ndarray) -> list[SampleMap]:
        return explaining.explain_many(model, images, request)

    return answer_each(version, image_readers(version, path, samples), work)


def embed_samples(version: ModelVersion, path: Path, samples: list[Sample]) -> list[np.ndarray | Failure]:
    """The embedding of each sample of the dataset at `path`, (d,) float32. Raises as `predict_samples` does."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    return answer_each(version, image_readers(version, path, samples), partial(explaining.embed, model))


def embed_file(version: ModelVersion, file: bytes) -> np.ndarray:
    """The embedding of one image file, (d,) float32. Raises DependencyError, ModelError, ImageError."""
    model = load_model(version)
    from dashboard.worker.explanations import explaining

    embedding: np.ndarray = explaining.embed(model, read_model_input(file, version.preprocessing)[None])[0]
    return embedding


def inspect_model_file(order: ForeignModel) -> ForeignModelFacts:
    """See `dashboard.worker.adding.inspecting.inspect`."""
    probe_tensorflow()
    from dashboard.worker.adding.inspecting import inspect

    return inspect(order)


def read_model_structure(order: ForeignModel) -> None:
    """See `dashboard.worker.adding.structure.read_structure`. Limits this process's memory."""
    probe_tensorflow()
    from dashboard.worker.adding.inspecting import limited
    from dashboard.worker.adding.structure import read_structure

    with limited(order):
        read_structure(order.file, order.shown_as)


def measure_run(folder: Path) -> None:
    """Computes and stores the metrics of the run in this folder. Raises as `measure`."""
    from dashboard.core.evaluation.measuring import measure
    from dashboard.core.runs.folder import RunFolder

    measure(RunFolder(folder))


def find_in_run(folder: Path, conditions: Filter) -> list[Finding]:
    """The findings of the rows of the run in this folder that a filter lets pass. Raises as `find_in`."""
    from dashboard.core.analysis.findings.find import find_in
    from dashboard.core.runs.folder import RunFolder

    return find_in(RunFolder(folder), conditions)


def label_issues_in_run(folder: Path, conditions: Filter) -> pd.DataFrame:
    """The doubtful labels of the rows of the run in this folder that a filter lets pass. Raises as `label_issues`."""
    from dashboard.core.analysis.label_issues import label_issues
    from dashboard.core.runs.folder import RunFolder
    from dashboard.core.runs.rows import VIEW_COLUMNS

    return label_issues(RunFolder(folder).load(VIEW_COLUMNS, conditions))


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
        read_model_structure,
        inspect_model_file,
        measure_run,
        find_in_run,
        label_issues_in_run,
    )
}
