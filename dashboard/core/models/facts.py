"""What a worker finds out about TensorFlow and about a model version that it loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ConvLayer:
    """A layer whose activations form a grid, so that a class activation map can be computed from it."""

    name: str  # path through nested models, separated by "/"
    grid: tuple[int, int]  # height, width
    channels: int
    activated: bool = True  # False for a convolution or normalisation whose activation function is a later layer


@dataclass(frozen=True)
class TensorFlowFacts:
    """TensorFlow and the hardware that it uses, as found by a worker."""

    version: str
    keras_version: str
    built_with_cuda: bool
    cpu_features: tuple[str, ...]  # instruction sets of the CPU, see `precision.cpu_features`
    gpus: tuple[str, ...]
    threads: int
    import_s: float


@dataclass(frozen=True)
class ModelFacts:
    """Properties and speed of a model version, as found by the worker that loaded it."""

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
    """The last activated layer of each grid size, in the order of the forward pass: the layers offered to a user."""
    last_of_grid: dict[tuple[int, int], ConvLayer] = {}
    for layer in layers:
        if layer.activated or not last_of_grid.get(layer.grid, layer).activated:
            last_of_grid[layer.grid] = layer
    return [layer for layer in layers if last_of_grid[layer.grid] is layer]
