"""The methods of explanation, one card per method. Each method has a file in `dashboard.worker.explanations`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.core.errors import ModelError

Source = Literal["activations", "layer", "pixels"]
LEAST_EVIDENCE = 0.01  # in units of the logit; less is only rounding error, as in a picture of one colour


@dataclass(frozen=True)
class Method:
    """One method of making a heatmap.

    `function` is the name of a file in `dashboard.worker.explanations` and of the function in it. The arguments depend
    on `source`; the function returns maps (N, h, w) float32, not negative, not normalised:

    - "activations": function(activations, gradients), both (N, h, w, c), of one layer
    - "layer": function(network, images, targets, layer)
    - "pixels": function(network, images, targets)

    with images (N, H, W, C) float32 model inputs and targets (N,) class ids.
    """

    name: str  # as on the command line
    title: str  # as the authors of the method write it
    paper: str
    source: Source  # what the map is made from
    cost: Literal["instant", "seconds"]  # "seconds": dozens to hundreds of passes per image
    function: str
    summary: str
    evidence: Literal["any", "sum", "max"] = "any"  # a map is empty if this figure of it is below LEAST_EVIDENCE

    @property
    def uses_layer(self) -> bool:
        """True if the map is made from one layer; otherwise it is made from the pixels of the model's input."""
        return self.source != "pixels"


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "grad-cam", "Grad-CAM", "arXiv 1610.02391", "activations", "instant", "grad_cam",
            "Sums a layer's channels, each weighted by the mean gradient of the class's logit.",
        ),
        Method(
            "grad-cam++", "Grad-CAM++", "arXiv 1710.11063", "activations", "instant", "grad_cam_plus_plus",
            "Grad-CAM with weights that count only the places where a channel raises the class's logit.",
        ),
        Method(
            "layer-cam", "LayerCAM", "Jiang et al., IEEE TIP 2021", "activations", "instant", "layer_cam",
            "Weights each place of a layer by its own positive gradient; its maps are sharp in early layers too.",
        ),
        Method(
            "hires-cam", "HiResCAM", "arXiv 2011.08891", "activations", "instant", "hires_cam",
            "Multiplies activations and gradients place by place: shows only places that the class's logit depends on.",
        ),
        Method(
            "score-cam", "Score-CAM", "arXiv 1910.01279", "layer", "seconds", "score_cam",
            "Weights each channel of a layer by the class's logit for the image masked with this channel.",
        ),
        Method(
            "integrated-gradients", "Integrated Gradients", "arXiv 1703.01365", "pixels", "seconds",
            "integrated_gradients",
            "Adds up each pixel's gradients along the path from the image's mean colour to the image.",
            evidence="sum",
        ),
        Method(
            "smooth-grad", "SmoothGrad", "arXiv 1706.03825", "pixels", "seconds", "smooth_grad",
            "Averages the gradients of noisy copies: shows where more contrast would raise the class's logit.",
            evidence="sum",
        ),
        Method(
            "occlusion", "Occlusion", "arXiv 1311.2901", "pixels", "seconds", "occlusion",
            "Covers one patch after another and measures how far the class's logit falls.",
            evidence="max",
        ),
    )
}  # fmt: skip
DEFAULT_METHOD = "grad-cam"
PIXEL_METHODS = tuple(method.name for method in METHODS.values() if not method.uses_layer)


def get_method(name: str) -> Method:
    """The method of this name. Raises ModelError if there is none."""
    if name not in METHODS:
        raise ModelError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.", "method_unknown")
    return METHODS[name]
