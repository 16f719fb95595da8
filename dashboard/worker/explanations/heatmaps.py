"""All methods under one contract: images, target classes and a layer in, raw maps out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dashboard.core.errors import ModelError
from dashboard.core.models.facts import ConvLayer
from dashboard.worker.explanations.grad_cam import grad_cam
from dashboard.worker.explanations.grad_cam_plus_plus import grad_cam_plus_plus
from dashboard.worker.explanations.hires_cam import hires_cam
from dashboard.worker.explanations.integrated_gradients import integrated_gradients
from dashboard.worker.explanations.layer_cam import layer_cam
from dashboard.worker.explanations.occlusion import occlusion
from dashboard.worker.explanations.score_cam import score_cam
from dashboard.worker.explanations.smooth_grad import smooth_grad
from dashboard.worker.explanations.unit_range import to_unit_range
from dashboard.worker.models.network import Network

_FROM_ACTIVATIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "layer-cam": layer_cam,
    "hires-cam": hires_cam,
}
_FROM_PIXELS: dict[str, Callable[[Network, np.ndarray, np.ndarray], np.ndarray]] = {
    "integrated-gradients": integrated_gradients,
    "smooth-grad": smooth_grad,
    "occlusion": occlusion,
}
LEAST_EVIDENCE = 0.01  # of the logit: less is rounding, as in a picture of one colour


def explain(
    network: Network, method: str, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None
) -> np.ndarray:
    """The raw maps of one method.

    Args:
        method: a name in `methods.METHODS`.
        images: (N, H, W, C) float32 model inputs.
        targets: (N,) class ids.
        layer: of the network; None for a method that uses none.

    Returns:
        (N, h, w) float32, not negative, not normalised, on the layer's grid or the input's.
    """
    if method in _FROM_PIXELS:
        return _FROM_PIXELS[method](network, images, targets)
    if layer is None:
        raise ValueError(f"{method} needs a layer")
    if method == "score-cam":
        return score_cam(network, images, targets, layer)
    return _FROM_ACTIVATIONS[method](*network.activations(images, targets, layer))


def heatmaps(
    network: Network, method: str, images: np.ndarray, targets: np.ndarray, layer: ConvLayer | None
) -> tuple[np.ndarray, np.ndarray]:
    """See `explain`: (N, h, w) float32 in [0, 1], and which of them are empty, (N,) bool.

    Raises:
        ModelError: the model's gradients are not finite.
    """
    raw = explain(network, method, images, targets, layer)
    if not np.isfinite(raw).all():
        raise ModelError(
            "The model's gradients are not finite: it cannot be explained this way.",
            "Choose a method without gradients, such as occlusion.", "map_not_finite",
        )  # fmt: skip
    if method in _FROM_PIXELS:  # of which occlusion tells a fall for each pixel, the others a share of the logit
        evidence = raw.max(axis=(1, 2)) if method == "occlusion" else raw.sum(axis=(1, 2))
        raw[evidence < LEAST_EVIDENCE] = 0
    return to_unit_range(raw)
