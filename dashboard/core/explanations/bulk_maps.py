"""The maps of many images of a run, for example of all cats that the model predicts as dogs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.unchanged import changed, check_still_there
from dashboard.core.errors import ImageError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import MapRequest, SampleMap, Verdict
from dashboard.core.images.model_input import enough_pixels
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.images import was_replaced
from dashboard.core.runs.run import Run

CHUNK = 16  # images per progress report


@dataclass(frozen=True)
class BulkMaps:
    """Images of a run with their maps, in the order of the given rows."""

    pictures: np.ndarray  # (N, H, W, 3) uint8 RGB, as the model sees them
    heatmaps: np.ndarray  # (N, h, w) float32 in [0, 1]
    indices: tuple[int, ...]  # the `index` of each image
    n_empty: int  # maps that are all zero
    n_failed: int  # images that are left out because they have no map
    n_replaced: int  # images that are left out because another picture is in their place now
    verdicts: tuple[Verdict, ...]  # one per map; empty if no faithfulness test was requested

    @property
    def mean_picture(self) -> np.ndarray:
        """The mean of all pictures, (H, W, 3) uint8."""
        mean: np.ndarray = np.round(self.pictures.mean(axis=0)).astype(np.uint8)
        return mean

    @property
    def mean_map(self) -> np.ndarray:
        """The mean of all heatmaps, (h, w) in [0, 1]."""
        mean: np.ndarray = self.heatmaps.mean(axis=0)
        return mean

    def overlays(self, opacity: float, factor: int) -> np.ndarray:
        """Each image, enlarged without smoothing, under its map: (N, factor * H, factor * W, 3) uint8."""
        large = self.pictures.repeat(factor, axis=1).repeat(factor, axis=2)
        return np.stack(
            [overlay(picture, heatmap, opacity) for picture, heatmap in zip(large, self.heatmaps, strict=True)]
        )


def bulk_maps(
    explainer: Explainer,
    version: ModelVersion,
    run: Run,
    rows: pd.DataFrame,
    request: MapRequest,
    on_progress: Callable[[int], None] = lambda done: None,
) -> BulkMaps | None:
    """Makes the maps for these rows of a run; None if no map could be made.

    Args:
        rows: rows of `Run.evaluated`, with the column `file`.
        on_progress: called with the number of images done.

    Raises:
        DependencyError, ModelError, WorkerError; DatasetError if the dataset is missing or was changed since the run,
            or if each of the pictures was replaced.
    """
    dataset_path, thumbnails = Path(run.manifest.dataset), run.find_thumbnails()
    dataset = open_dataset(dataset_path)
    for index, file in zip(rows["index"], rows["file"], strict=True):
        check_still_there(dataset, int(index), file)
    samples = []
    for index in rows["index"]:
        with suppress(ImageError):  # it has no map
            if was_replaced(dataset, run.manifest, thumbnails, int(index)):
                continue
        samples.append(dataset.samples[index])
    if not samples and len(rows):
        raise changed(dataset.path.name, "since it was evaluated: each of these images is another picture now.")
    preprocessing = version.preprocessing
    pictures, maps, indices = [], [], []
    for start in range(0, len(samples), CHUNK):
        chunk = samples[start : start + CHUNK]
        answers = explainer.explain_samples(version, dataset_path, chunk, request)
        for sample, answer in zip(chunk, answers, strict=True):
            if isinstance(answer, SampleMap):
                maps.append(answer)
                indices.append(sample.index)
                pictures.append(fit_image(dataset.image(sample.index, enough_pixels(preprocessing)), preprocessing))
        on_progress(start + len(chunk))
    if not maps:
        return None
    heatmaps = np.stack([each.heatmap for each in maps])
    verdicts = tuple(each.faithfulness.verdict for each in maps if each.faithfulness)
    n_empty = sum(each.empty for each in maps)
    return BulkMaps(
        np.stack(pictures),
        heatmaps,
        tuple(indices),
        n_empty,
        len(samples) - len(maps),
        len(rows) - len(samples),
        verdicts,
    )
