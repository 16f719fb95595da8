"""The ways of making a heatmap, by name: what a caller can choose from. `dashboard.worker.explanations` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboard.core.errors import ModelError


@dataclass(frozen=True)
class Method:
    """One way of making a heatmap."""

    name: str  # as on the command line
    title: str  # as its authors write it
    paper: str
    uses_layer: bool  # made from one layer's activations; otherwise from the pixels of the model's input
    cost: Literal["instant", "seconds"]  # "seconds": a hundred and more forward passes an image
    summary: str
    signed: bool = False  # the map may hold negative values


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "grad-cam", "Grad-CAM", "arXiv 1610.02391", True, "instant",
            "Sums a layer's channels, each weighted by how much the class rises with it on average.",
        ),
        Method(
            "grad-cam++", "Grad-CAM++", "arXiv 1710.11063", True, "instant",
            "Grad-CAM with weights that count only the places where a channel speaks for the class.",
        ),
        Method(
            "layer-cam", "LayerCAM", "Jiang et al., IEEE TIP 2021", True, "instant",
            "Weights each place of a layer by its own positive gradient; sharp in early layers too.",
        ),
        Method(
            "hires-cam", "HiResCAM", "arXiv 2011.08891", True, "instant",
            "Multiplies activation and gradient place by place: shows only what the class's logit was computed from.",
        ),
        Method(
            "score-cam", "Score-CAM", "arXiv 1910.01279", True, "seconds",
            "Weights a layer's channels by the class's logit when only what the channel shows is left of the image.",
        ),
        Method(
            "integrated-gradients", "Integrated Gradients", "arXiv 1703.01365", False, "seconds",
            "Adds up each pixel's gradient on the way from the image's mean colour to the image.",
        ),
        Method(
            "smooth-grad", "SmoothGrad", "arXiv 1706.03825", False, "seconds",
            "Averages the gradient over noisy copies, times the image: where more of it would raise the class's logit.",
        ),
        Method(
            "occlusion", "Occlusion", "arXiv 1311.2901", False, "seconds",
            "Covers one patch after another and watches the class's logit fall.",
        ),
    )
}  # fmt: skip
DEFAULT_METHOD = "grad-cam"


def get_method(name: str) -> Method:
    """The method of that name. Raises ModelError when there is none such."""
    if name not in METHODS:
        raise ModelError(f"There is no method {name!r}.", f"Choose one of: {', '.join(METHODS)}.", "method_unknown")
    return METHODS[name]
