"""What a worker finds out about TensorFlow and about a model version that it loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.core.errors import listed_and


@dataclass(frozen=True)
class ConvLayer:
    """A layer whose activations form a grid, so that a class activation map can be computed from it."""

    name: str  # path through nested models, separated by "/"
    grid: tuple[int, int]  # height, width
    channels: int
    activated: bool = True  # False for a convolution or normalisation whose activation function is a later layer
    unseen: tuple[str, ...] = ()  # the last layers with a grid of the branches that this layer does not lead to
    is_reused: bool = False  # the model uses it several times, and not only its last use leads to the logits


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


def left_out_in_words(unseen: Sequence[str], is_reused: bool, pixel_methods: Sequence[str]) -> str:
    """What maps of a layer leave out, and how to see it; "" if nothing.

    Args:
        unseen, is_reused: see `ConvLayer`.
        pixel_methods: what the methods are called that use no layer, at least one.
    """
    said = []
    if unseen:
        which, choose = ("branch that ends", "that layer") if len(unseen) == 1 else ("branches that end", "one of them")
        said.append(
            f"The network splits into branches, and maps of this layer show nothing of the {which} in {listed_and(unseen)}: "
            f"choose {choose} to see it."
        )
    if is_reused:
        said.append("The model uses this layer several times, and maps of it show its last use only.")
    return " ".join((*said, f"{listed_and(pixel_methods)} look at the whole network.")) if said else ""


def default_layer(layers: Sequence[ConvLayer]) -> ConvLayer:
    """The deepest activated layer with a grid of at least 4x4, of at least one layer.

    If there is none, the layer with the largest grid; of several, the deepest.
    """
    deep = [layer for layer in _last_of_grids(layers) if min(layer.grid) >= 4]
    return deep[-1] if deep else max(reversed(layers), key=lambda layer: layer.grid)


def stages(layers: Sequence[ConvLayer]) -> list[ConvLayer]:
    """The layers offered to a user: the last activated one of each grid size, and the last one of each branch.

    They are in the order of the forward pass.
    """
    offered = {layer.name for layer in _last_of_grids(layers)}.union(*(layer.unseen for layer in layers))
    return [layer for layer in layers if layer.name in offered]


def _last_of_grids(layers: Sequence[ConvLayer]) -> list[ConvLayer]:
    last_of_grid: dict[tuple[int, int], ConvLayer] = {}
    for layer in layers:
        if layer.activated or not last_of_grid.get(layer.grid, layer).activated:
            last_of_grid[layer.grid] = layer
    return [layer for layer in layers if last_of_grid[layer.grid] is layer]
