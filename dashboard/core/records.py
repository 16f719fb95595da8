"""What travels between server and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Failure:
    """An image that got no prediction."""

    code: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Prediction:
    """A model version's answer for one image."""

    logits: np.ndarray  # (K,) float32, before temperature and softmax
    pred_probs: np.ndarray  # (K,) float64, calibrated, sums to 1

    @property
    def class_id(self) -> int:
        """The predicted class."""
        return int(self.pred_probs.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the predicted class, in [0, 1]."""
        return float(self.pred_probs.max())


@dataclass(frozen=True)
class ChunkAnswers:
    """A model version's answers for a chunk of images, column by column, so that a million of them stay cheap."""

    places: np.ndarray  # (M,) int64, ascending: positions in the chunk of the images that were predicted
    logits: np.ndarray  # (M, K) float32, before temperature and softmax
    pred_probs: np.ndarray  # (M, K) float64, calibrated, each sums to 1
    failures: dict[int, Failure]  # the other positions
    thumbnails: np.ndarray | None = None  # (M, h, w, 3) uint8, see `make_thumbnail`


@dataclass(frozen=True)
class ConvLayer:
    """A layer whose activation is a grid, so that a class activation map can be made from it."""

    name: str  # path through nested models, joined by "/"
    grid: tuple[int, int]  # height, width
    channels: int
    activated: bool = True  # False for a bare convolution or normalisation, whose activation function comes later


@dataclass(frozen=True)
class Explanation:
    """A prediction with a heatmap for one class."""

    prediction: Prediction
    heatmap: np.ndarray  # (h, w) float32 in [0, 1], the layer's own grid
    empty: bool  # nothing in this layer speaks for the class: the map is all zero
    method: str
    layer: ConvLayer
    target_class: int
    layers: tuple[ConvLayer, ...]  # all that could have been chosen, in the order of the forward pass


@dataclass(frozen=True)
class TensorFlowFacts:
    """TensorFlow as a worker found it."""

    version: str
    keras_version: str
    built_with_cuda: bool
    cpu_features: tuple[str, ...]  # instruction sets that the CPU has and this build can use
    gpus: tuple[str, ...]
    threads: int
    import_s: float


@dataclass(frozen=True)
class ModelFacts:
    """A model version as a worker loaded it."""

    input_shape: tuple[int | None, ...]
    output_shape: tuple[int | None, ...]
    parameters: int
    layers: int
    load_s: float
    latency_ms: float  # median of a warm prediction of one image
    conv_layers: tuple[ConvLayer, ...]


def stages(layers: Sequence[ConvLayer]) -> list[ConvLayer]:
    """The last activated layer of each grid size, in the order of the forward pass: the ones worth choosing from."""
    last_of_grid: dict[tuple[int, int], ConvLayer] = {}
    for layer in layers:
        if layer.activated or not last_of_grid.get(layer.grid, layer).activated:
            last_of_grid[layer.grid] = layer
    return [layer for layer in layers if last_of_grid[layer.grid] is layer]
