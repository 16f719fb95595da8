"""Are a method's maps faithful on many images? Means with intervals, and one verdict per method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.core.explanations.faithfulness import measure
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.records import PASSES_BELOW, Faithfulness, Verdict
from dashboard.core.images.preprocessing import normalize
from dashboard.core.metrics.intervals import Mean, mean
from dashboard.worker.explanations.explaining import probability
from dashboard.worker.explanations.heatmaps import heatmaps
from dashboard.worker.explanations.randomization import compare, shuffled_networks
from dashboard.worker.models.loading import LoadedModel
from dashboard.worker.models.network import Network

CHUNK = 16  # images between two reports of progress

Progress = Callable[[int], None]


@dataclass(frozen=True)
class MethodStudy:
    """The result of the study for one method."""

    method: str
    images: int
    score: Mean  # insertion minus deletion
    over_random: Mean  # how much higher than the mean of the random maps on the same image (paired)
    over_gaussian: Mean  # how much higher than the centred Gaussian (paired)
    average_drop: float
    better: float  # share of the images where the map beats all controls, in [0, 1]
    spearman: float | None  # mean rank correlation with maps of shuffled weights, over the first `randomized` images
    randomized: int

    @property
    def verdict(self) -> Verdict:
        """The verdict, as for one image; an advantage counts if its interval is above 0."""
        if self.over_random.low <= 0:
            return "chance"
        return "better" if self.over_gaussian.low > 0 else "mixed"

    @property
    def needs_what_was_learnt(self) -> bool | None:
        """True if the maps change when the weights are shuffled; None if that was not measured."""
        return None if self.spearman is None else self.spearman < PASSES_BELOW


def study(
    model: LoadedModel,
    images: np.ndarray,
    targets: np.ndarray,
    methods: Sequence[str] = tuple(METHODS),
    randomized: int = 0,
    progress: Progress = lambda steps: None,
) -> list[MethodStudy]:
    """Measures each method on the same images.

    Args:
        images: (N, height, width, 3) uint8, as `fit_image` gives them.
        targets: (N,) class ids to explain.
        randomized: how many of the images are also explained with shuffled weights.
        progress: called with the number of images done since, for `len(images) + randomized` in all.
    """
    inputs = normalize(images, model.version.preprocessing)
    found: dict[str, list[Faithfulness]] = {method: [] for method in methods}
    maps: dict[str, list[np.ndarray]] = {method: [] for method in methods}
    for start in range(0, len(inputs), CHUNK):
        part, classes = inputs[start : start + CHUNK], targets[start : start + CHUNK]
        for method in methods:
            maps[method] += list(_maps(model, model.network, method, part, classes))
        for i, (image, target) in enumerate(zip(part, classes, strict=True), start=start):
            results = measure(image, [maps[method][i] for method in methods], probability(model, int(target)))
            for method, result in zip(methods, results, strict=True):
                found[method].append(result)
            progress(1)
    correlations = _correlations(model, inputs[:randomized], targets[:randomized], maps)
    progress(randomized)
    return [_summary(method, found[method], correlations[method]) for method in methods]


def _maps(model: LoadedModel, network: Network, method: str, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    layer = model.taps.default_layer() if METHODS[method].uses_layer else None
    return heatmaps(network, method, inputs, targets, layer)[0]


def _correlations(
    model: LoadedModel, inputs: np.ndarray, targets: np.ndarray, maps: dict[str, list[np.ndarray]]
) -> dict[str, np.ndarray]:
    """The scores of each image, (N,), for each method."""
    if not len(inputs):
        return {method: np.zeros(0) for method in maps}
    networks = list(shuffled_networks(model.model, model.version.output, model.version.input_shape))
    return {
        method: compare(
            iter(networks),
            np.stack(own[: len(inputs)]),
            lambda network, method=method: _maps(model, network, method, inputs, targets),  # type: ignore[misc]
        )[0]
        for method, own in maps.items()
    }


def _summary(method: str, results: Sequence[Faithfulness], correlations: np.ndarray) -> MethodStudy:
    own = np.array([result.map.score for result in results])
    random = np.array([result.random.score for result in results])
    centred = np.array([result.gaussian.score for result in results])
    return MethodStudy(
        method,
        len(results),
        mean(own),
        mean(own - random),
        mean(own - centred),
        float(np.mean([result.map.average_drop for result in results])),
        float(np.mean([result.verdict == "better" for result in results])),
        float(correlations.mean()) if len(correlations) else None,
        len(correlations),
    )
