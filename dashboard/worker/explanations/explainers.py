"""All methods under one contract: images, target classes and a layer in, raw maps out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dashboard.core.records import ConvLayer
from dashboard.worker.explanations.grad_cam import grad_cam
from dashboard.worker.explanations.network import Network
from dashboard.worker.explanations.unit_range import to_unit_range

Explainer = Callable[[Network, np.ndarray, np.ndarray, ConvLayer | None], np.ndarray]


def _from_layer(method: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Explainer:
    """A method that needs a layer's activations and gradients only."""

    def run(network: Network, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None) -> np.ndarray:
        assert layer
        return method(*network.activations(images, targets, layer))

    return run


EXPLAINERS: dict[str, Explainer] = {"grad-cam": _from_layer(grad_cam)}


def heatmaps(
    network: Network, method: str, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None
) -> tuple[np.ndarray, np.ndarray]:
    """The maps of one method.

    Args:
        method: a name in `explanation_methods.METHODS`.
        images: (N, H, W, C) float32 model inputs.
        targets: (N,) class ids.
        layer: of the network; unused by methods that need none.

    Returns:
        (N, h, w) float32 in [0, 1] on the layer's grid or the input's, and which of them are empty, (N,) bool.
    """
    return to_unit_range(EXPLAINERS[method](network, images, targets, layer))
