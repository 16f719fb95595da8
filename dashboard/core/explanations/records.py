"""Records for heatmaps: the request, the result, and the tests of a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.core.explanations.methods import DEFAULT_METHOD, get_method
from dashboard.core.metrics.percent import decimals_apart
from dashboard.core.models.facts import ConvLayer
from dashboard.core.models.prediction import Prediction

Verdict = Literal["better", "mixed", "unsure", "chance", "unmoved", "empty"]
# of the rank correlation with maps of shuffled weights; both limits are our choice, since the paper gives none
PASSES_BELOW = 0.2  # below, the maps differ
ALIKE_FROM = 0.8  # from here on, the maps look almost the same


@dataclass(frozen=True)
class MapRequest:
    """The heatmaps to make, for one image or for many."""

    methods: tuple[str, ...] = (DEFAULT_METHOD,)  # names in `methods.METHODS`
    layer: str | None = None  # a name from `Explanation.layers`; None for the default layer
    target: str | None = None  # a class name; None for each image's predicted class
    faithfulness: bool = False  # also test each map

    @property
    def method(self) -> str:
        """The only method. Raises ValueError if there are several."""
        [name] = self.methods
        return name

    @property
    def is_slow(self) -> bool:
        """True if the maps or their tests need dozens to hundreds of passes per image."""
        return self.faithfulness or any(get_method(name).cost == "seconds" for name in self.methods)


@dataclass(frozen=True)
class MapScores:
    """How the class's probability p changes when pixels are removed or inserted in a map's order, highest first."""

    deletion: np.ndarray  # (S,) p after each of `Faithfulness.shares` of the pixels is removed
    insertion: np.ndarray  # (S,) p after each share is inserted into the blurred image
    deletion_auc: float  # area under the curve, in [0, 1]; low is good
    insertion_auc: float  # high is good
    average_drop: float  # share of p that is lost if the image is multiplied by the map, in [0, 1]; low is good

    @property
    def score(self) -> float:
        """Insertion AUC minus deletion AUC, in [-1, 1]; high is good."""
        return self.insertion_auc - self.deletion_auc


@dataclass(frozen=True)
class Faithfulness:
    """The faithfulness test of one map: its scores beside those of control maps that know nothing of the model."""

    shares: np.ndarray  # (S,) shares of the pixels, from 0 to 1
    map: MapScores
    random: MapScores  # mean over several random maps on the same grid
    gaussian: MapScores  # a centred Gaussian, because most objects are in the middle of the picture
    verdict: Verdict
    random_scores: np.ndarray  # (R,) the score of each random map
    random_limit: float  # an estimate: 95% of random maps score below this, see `faithfulness.prediction_limit`

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _SENTENCES[self.verdict].format(n=len(self.random_scores))

    @property
    def score_decimals(self) -> int:
        """How many decimals, at least two, tell the score of the map from those with which it is compared."""
        compared = (self.random_limit, self.random.score, self.gaussian.score)
        return max(decimals_apart(self.map.score, other, 2) for other in compared)

    @property
    def also_when_empty(self) -> bool:
        """True if the class keeps more than half of its probability when all pixels are removed."""
        return bool(self.map.deletion[-1] > self.map.deletion[0] / 2)


_SENTENCES: dict[Verdict, str] = {
    "better": "Better than about 95% of random maps (estimated from {n}), and better than a plain spot in the picture's centre: the "
    "marked pixels "
    "matter to the model for this class, whether or not the answer is right.",
    "mixed": "Better than about 95% of random maps (estimated from {n}), but no better than a plain spot in the "
    "picture's centre.",
    "unsure": "Better than the average random map, but not better than about 95% of them (estimated from {n}): do not rely on "
    "this map alone.",
    "chance": "No better than the average random map: do not rely on this map.",
    "unmoved": "This map cannot be judged: whatever is removed, the probability of this class hardly changes.",
    "empty": "The map is empty: it shows no evidence for this class, so there is nothing to test.",
}


@dataclass(frozen=True)
class Explanation:
    """A prediction with a heatmap for one class."""

    prediction: Prediction
    heatmap: np.ndarray  # (h, w) float32 in [0, 1], on the layer's grid or in the size of the model's input
    empty: bool  # the map is all zero: no evidence for the class
    method: str  # a name in `methods.METHODS`
    layer: ConvLayer | None  # None for a method that uses no layer
    target_class: int
    layers: tuple[ConvLayer, ...]  # all layers that can be chosen, in the order of the forward pass
    faithfulness: Faithfulness | None = None  # None if no test was requested
    cached: bool = False  # True: it was made before, for the same image, model and request

    @property
    def layer_name(self) -> str | None:
        """The name of the layer; None for a method that uses no layer."""
        return self.layer.name if self.layer else None


@dataclass(frozen=True)
class RandomizationResult:
    """A map compared with maps of the same network with shuffled weights (Adebayo et al., arXiv 1810.03292)."""

    spearman: float  # mean rank correlation; near 0 if the map depends on what the model learnt
    heatmap: np.ndarray  # (h, w) in [0, 1], by one of the networks with shuffled weights
    passed: bool  # the correlation is below PASSES_BELOW and the model's own map is not empty


@dataclass(frozen=True)
class SampleMap:
    """The heatmap of one of many images."""

    heatmap: np.ndarray  # (h, w) float32 in [0, 1]
    empty: bool
    target_class: int
    prediction: Prediction
    faithfulness: Faithfulness | None = None  # None if no test was requested
