"""Heatmaps: what is asked for, what comes back, and whether it can be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.core.explanations.methods import DEFAULT_METHOD, get_method
from dashboard.core.models.facts import ConvLayer
from dashboard.core.models.prediction import Prediction

Verdict = Literal["better", "mixed", "unsure", "chance", "unmoved", "empty"]
PASSES_BELOW = 0.2  # rank correlation with maps of shuffled weights: from here on the maps are alike


@dataclass(frozen=True)
class MapRequest:
    """Which heatmaps are asked for, of one image or of many."""

    methods: tuple[str, ...] = (DEFAULT_METHOD,)  # names in `methods.METHODS`
    layer: str | None = None  # a name from `Explanation.layers`; None for the default layer
    target: str | None = None  # a class name; None for the class that is predicted for each image
    faithfulness: bool = False  # test each map as well

    @property
    def method(self) -> str:
        """The only method. Raises ValueError when there are several."""
        [name] = self.methods
        return name

    @property
    def is_slow(self) -> bool:
        """Takes some hundred forward passes an image."""
        return self.faithfulness or any(get_method(name).cost == "seconds" for name in self.methods)


@dataclass(frozen=True)
class MapScores:
    """What happens to the class's probability p when pixels go or come in the order of a map, highest first."""

    deletion: np.ndarray  # (S,) p with `Faithfulness.shares` of the pixels removed
    insertion: np.ndarray  # (S,) p with that share shown on the blurred image
    deletion_auc: float  # area under the curve, in [0, 1]; low is good
    insertion_auc: float  # high is good
    average_drop: float  # share of p that is lost when the image is multiplied by the map, in [0, 1]; low is good

    @property
    def score(self) -> float:
        """Insertion minus deletion, in [-1, 1]; high is good."""
        return self.insertion_auc - self.deletion_auc


@dataclass(frozen=True)
class Faithfulness:
    """Whether a map says anything about the model, for this image: beside two maps that know nothing of it."""

    shares: np.ndarray  # (S,) of the pixels, from 0 to 1
    map: MapScores
    random: MapScores  # mean over several random maps of the same grid
    gaussian: MapScores  # a centred Gaussian, for most objects are in the middle
    verdict: Verdict
    random_scores: np.ndarray  # (R,) insertion minus deletion of each random map

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _SENTENCES[self.verdict].format(beaten=self.beaten, of=len(self.random_scores))

    @property
    def beaten(self) -> int:
        """How many of the random maps it is better than."""
        return int((self.map.score > self.random_scores).sum())


_SENTENCES: dict[Verdict, str] = {
    "better": "Better than every random map and than a spot in the middle: the marked pixels matter to the model.",
    "mixed": "Better than every random map, but no better than a spot in the middle of the picture.",
    "unsure": "Better than {beaten} of {of} random maps, not than all: do not rely on this map alone.",
    "chance": "No better than chance: do not rely on this map.",
    "unmoved": "This cannot be judged: whatever is taken away, the probability of this class hardly moves.",
    "empty": "The map is empty: nothing speaks for this class, and there is nothing to check.",
}


@dataclass(frozen=True)
class Explanation:
    """A prediction with a heatmap for one class."""

    prediction: Prediction
    heatmap: np.ndarray  # (h, w) float32 in [0, 1]: the layer's own grid, or the size of the model's input
    empty: bool  # nothing speaks for the class: the map is all zero
    method: str  # a name in `methods.METHODS`
    layer: ConvLayer | None  # None for a method that uses none
    target_class: int
    layers: tuple[ConvLayer, ...]  # all that could have been chosen, in the order of the forward pass
    faithfulness: Faithfulness | None = None  # None when it was not asked for

    @property
    def layer_name(self) -> str | None:
        """Name of the layer, where there is one."""
        return self.layer.name if self.layer else None


@dataclass(frozen=True)
class RandomizationResult:
    """A map of the model against maps of the same network with shuffled weights (Adebayo et al., arXiv 1810.03292)."""

    spearman: float  # mean rank correlation; near 0 when the map depends on what the model learnt
    heatmap: np.ndarray  # (h, w) in [0, 1], of one of the networks with shuffled weights
    passed: bool  # the correlation is below PASSES_BELOW and the model's own map not empty


@dataclass(frozen=True)
class SampleMap:
    """The heatmap of one of many images."""

    heatmap: np.ndarray  # (h, w) float32 in [0, 1]
    empty: bool
    target_class: int
    prediction: Prediction
    faithfulness: Faithfulness | None = None  # None when it was not asked for
