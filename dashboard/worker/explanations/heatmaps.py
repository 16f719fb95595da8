"""One function for all methods, from images, target classes and a layer to heatmaps."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from dashboard.core.errors import ModelError
from dashboard.core.explanations.methods import LEAST_EVIDENCE, Method, get_method
from dashboard.core.models.facts import ConvLayer
from dashboard.worker.explanations.unit_range import to_unit_range
from dashboard.worker.models.network import Network


def function_of(method: Method) -> Callable[..., np.ndarray]:
    """The function that the method's card names."""
    function: Callable[..., np.ndarray] = getattr(
        import_module(f"dashboard.worker.explanations.{method.function}"), method.function
    )
    return function


def raw_maps(
    network: Network, method: Method, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None
) -> np.ndarray:
    """The maps of one method, before they are normalised.

    Args:
        images: (N, H, W, C) float32 model inputs.
        targets: (N,) class ids.
        layer: a layer of the network; None for a method that uses no layer.

    Returns:
        (N, h, w) float32, not negative, not normalised, on the layer's grid or in the size of the input.
    """
    function = function_of(method)
    if method.source == "pixels":
        return function(network, images, targets)
    if layer is None:
        raise ValueError(f"{method.name} needs a layer")
    if method.source == "layer":
        return function(network, images, targets, layer)
    return function(*network.activations(images, targets, layer))


def heatmaps(
    network: Network, method_name: str, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None
) -> tuple[np.ndarray, np.ndarray]:
    """Normalised maps (N, h, w) float32 in [0, 1], and which of them are empty, (N,) bool. See `raw_maps`.

    Raises:
        ModelError: the method is unknown, or the model's gradients are not finite.
    """
    method = get_method(method_name)
    raw = raw_maps(network, method, images, targets, layer)
    if not np.isfinite(raw).all():
        raise ModelError(
            "The model's gradients are not finite, so this method cannot explain it.",
            "Choose a method without gradients, such as occlusion.", "map_not_finite",
        )  # fmt: skip
    if method.evidence != "any":
        evidence = raw.max(axis=(1, 2)) if method.evidence == "max" else raw.sum(axis=(1, 2))
        raw[evidence < LEAST_EVIDENCE] = 0
    return to_unit_range(raw)
