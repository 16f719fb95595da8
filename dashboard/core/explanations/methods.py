"""The methods of making a heatmap, one card each. `dashboard.worker.explanations` holds a file for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.core.errors import ModelError

Source = Literal["activations", "layer", "pixels"]
LEAST_EVIDENCE = 0.01  # of the logit: less is rounding, as in a picture of one colour


@dataclass(frozen=True)
class Method:
    """One method of making a heatmap.

    `function` names a file in `dashboard.worker.explanations` and the function in it, which share one name. What the
    function gets depends on `source`; it returns maps (N, h, w) float32, not negative, not normalised:

    - "activations": function(activations, gradients), both (N, h, w, c), of one layer
    - "layer": function(network, images, targets, layer)
    - "pixels": function(network, images, targets)

    with images (N, H, W, C) float32 model inputs and targets (N,) class ids.
    """

    name: str  # as on the command line
    title: str  # as its authors write it
    paper: str
    source: Source  # what the map is made from
    cost: Literal["instant", "seconds"]  # "seconds": a hundred and more forward passes an image
    function: str
    summary: str
    evidence: Literal["any", "sum", "max"] = "any"  # a map is empty where this is below LEAST_EVIDENCE

    @property
    def uses_layer(self) -> bool:
        """The map is made from one layer; otherwise from the pixels of the model's input."""
        return self.source != "pixels"


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "grad-cam", "Grad-CAM", "arXiv 1610.02391", "activations", "instant", "grad_cam",
            "Sums a layer's channels, each weighted by how much the class rises with it on average.",
        ),
        Method(
            "grad-cam++", "Grad-CAM++", "arXiv 1710.11063", "activations", "instant", "grad_cam_plus_plus",
            "Grad-CAM with weights that count only the places where a channel speaks for the class.",
        ),
        Method(
            "layer-cam", "LayerCAM", "Jiang et al., IEEE TIP 2021", "activations", "instant", "layer_cam",
            "Weights each place of a layer by its own positive gradient; sharp in early layers too.",
        ),
        Method(
            "hires-cam", "HiResCAM", "arXiv 2011.08891", "activations", "instant", "hires_cam",
            "Multiplies activation and gradient place by place: shows only what the class's logit was computed from.",
        ),
        Method(
            "score-cam", "Score-CAM", "arXiv 1910.01279", "layer", "seconds", "score_cam",
            "Weights a layer's channels by the class's logit when only what the channel shows is left of the image.",
        ),
        Method(
            "integrated-gradients", "Integrated Gradients", "arXiv 1703.01365", "pixels", "seconds",
            "integrated_gradients",
            "Adds up each pixel's gradient on the way from the image's mean colour to the image.",
            evidence="sum",
        ),
        Method(
            "smooth-grad", "SmoothGrad", "arXiv 1706.03825", "pixels", "seconds", "smooth_grad",
            "Averages the gradient over noisy copies, times the image: where more of it would raise the class's logit.",
            evidence="sum",
        ),
        Method(
            "occlusion", "Occlusion", "arXiv 1311.2901", "pixels", "seconds", "occlusion",
            "Covers one patch after another and watches the class's logit fall.",
            evidence="max",
        ),
    )
}  # fmt: skip
DEFAULT_METHOD = "grad-cam"
PIXEL_METHODS = tuple(method.name for method in METHODS.values() if not method.uses_layer)


def get_method(name: str) -> Method:
    """The method of that name. Raises ModelError when there is none."""
    if name not in METHODS:
        raise ModelError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.", "method_unknown")
    return METHODS[name]
