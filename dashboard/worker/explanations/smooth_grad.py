"""SmoothGrad (Smilkov et al., arXiv 1706.03825, section 3), multiplied by the image."""

from __future__ import annotations

import numpy as np

from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.explanations.integrated_gradients import gather
from dashboard.worker.models.network import Network

COPIES = 64
NOISE = (
    0.035  # standard deviation, as a share of the image's value range; at 32x32 the paper's 10 to 20% give worse maps
)
NEIGHBOURHOOD = 1 / 32  # see `gather`


def smooth_grad(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Shows where more contrast to the mean colour would raise the class's logit: (N, H, W) float32, not negative."""
    return np.maximum(gather(attributions(network, images, targets), NEIGHBOURHOOD), 0)


def attributions(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The gradient averaged over noisy copies of the image, times the image's difference from its mean colour.

    The gradient alone is signed. Its absolute value is the same for many classes and, as the randomization check finds,
    much the same for shuffled weights. The product with the image (section 3.1) has neither problem.

    Args:
        images: (N, H, W, C) model inputs.
        targets: (N,) class ids.

    Returns:
        (N, H, W, C) float32, signed.
    """
    gradients = [
        network.input_gradients(noisy_copies(image), np.full(COPIES, target)).mean(axis=0)
        for image, target in zip(images, targets, strict=True)
    ]
    return ((images - mean_colour(images)) * np.stack(gradients)).astype(np.float32)


def noisy_copies(image: np.ndarray) -> np.ndarray:
    """Noisy copies (COPIES, H, W, C) float32 of an image (H, W, C); the noise is fixed, so an image has one map."""
    noise = np.random.default_rng(0).normal(0, NOISE * np.ptp(image), (COPIES, *image.shape))
    return (image + noise).astype(np.float32)
