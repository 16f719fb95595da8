"""The maps of many images of a run together: what do all cats that are taken for dogs look at?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.unchanged import check_still_there
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import MapRequest, SampleMap, Verdict
from dashboard.core.images.model_input import enough_pixels
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.models.version import ModelVersion

CHUNK = 16  # images between two reports of progress


@dataclass(frozen=True)
class BulkMaps:
    """Some images with their maps, in the order of the given rows."""

    pictures: np.ndarray  # (N, H, W, 3) uint8 RGB: what the model sees
    heatmaps: np.ndarray  # (N, h, w) float32 in [0, 1]
    n_empty: int  # maps that are all zero
    n_failed: int  # images without a map, left out
    verdicts: tuple[Verdict, ...]  # of each map; none when they were not asked for

    @property
    def mean_picture(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        mean: np.ndarray = np.round(self.pictures.mean(axis=0)).astype(np.uint8)
        return mean

    @property
    def mean_map(self) -> np.ndarray:
        """(h, w) in [0, 1]."""
        mean: np.ndarray = self.heatmaps.mean(axis=0)
        return mean

    def overlays(self, opacity: float, factor: int) -> np.ndarray:
        """(N, factor * H, factor * W, 3) uint8: each image, enlarged with hard pixels, under its map."""
        large = self.pictures.repeat(factor, axis=1).repeat(factor, axis=2)
        return np.stack(
            [overlay(picture, heatmap, opacity) for picture, heatmap in zip(large, self.heatmaps, strict=True)]
        )


def bulk_maps(
    explainer: Explainer,
    version: ModelVersion,
    dataset_path: Path,
    rows: pd.DataFrame,
    request: MapRequest,
    on_progress: Callable[[int], None] = lambda done: None,
) -> BulkMaps | None:
    """The maps of these rows of a run; None when not one could be made.

    Args:
        rows: of `Run.evaluated`.
        on_progress: gets the number of images done.

    Raises:
        DependencyError, ModelError, WorkerError; DatasetError when the dataset is gone or was changed.
    """
    dataset = open_dataset(dataset_path)
    for index, file in zip(rows["index"], rows["file"], strict=True):
        check_still_there(dataset, int(index), file)
    samples = [dataset.samples[index] for index in rows["index"]]
    recipe = version.preprocessing
    pictures, maps = [], []
    for start in range(0, len(samples), CHUNK):
        chunk = samples[start : start + CHUNK]
        answers = explainer.explain_samples(version, dataset_path, chunk, request)
        for sample, answer in zip(chunk, answers, strict=True):
            if isinstance(answer, SampleMap):
                maps.append(answer)
                pictures.append(fit_image(dataset.image(sample.index, enough_pixels(recipe)), recipe))
        on_progress(start + len(chunk))
    if not maps:
        return None
    heatmaps = np.stack([each.heatmap for each in maps])
    verdicts = tuple(each.faithfulness.verdict for each in maps if each.faithfulness)
    n_empty = sum(each.empty for each in maps)
    return BulkMaps(np.stack(pictures), heatmaps, n_empty, len(samples) - len(maps), verdicts)
