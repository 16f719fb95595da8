"""A version as a worker loaded it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ConvLayer:
    """A layer with a grid of activations, from which a class activation map can be made."""

    name: str  # path through nested models, joined by "/"
    grid: tuple[int, int]  # height, width
    channels: int
    activated: bool = True  # False for a convolution or normalisation that is followed by its activation function


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
    images_per_second: float  # in full batches, warm
    precision: str  # of the predictions: "float32", "bfloat16", ...
    conv_layers: tuple[ConvLayer, ...]


def stages(layers: Sequence[ConvLayer]) -> list[ConvLayer]:
    """The last activated layer of each grid size, in the order of the forward pass. Users choose among these."""
    last_of_grid: dict[tuple[int, int], ConvLayer] = {}
    for layer in layers:
        if layer.activated or not last_of_grid.get(layer.grid, layer).activated:
            last_of_grid[layer.grid] = layer
    return [layer for layer in layers if last_of_grid[layer.grid] is layer]
