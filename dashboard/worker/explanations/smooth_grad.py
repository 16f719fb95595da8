"""SmoothGrad (Smilkov et al., arXiv 1706.03825, section 3)."""

from __future__ import annotations

import numpy as np

from dashboard.worker.explanations.network import Network

COPIES = 64
NOISE = 0.05  # standard deviation, as a share of the image's range; at 32x32, the paper's 10 to 20% give worse maps


def smooth_grad(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How strongly the class's logit reacts to each pixel, averaged over noisy copies of the image.

    Args:
        images: (N, H, W, C) model inputs.
        targets: (N,) class ids.

    Returns:
        (N, H, W) float32, not negative, not normalised.
    """
    maps = []
    for image, target in zip(images, targets, strict=True):
        gradients = network.input_gradients(noisy_copies(image), np.full(COPIES, target))
        maps.append(np.abs(gradients.mean(axis=0)).sum(axis=-1))  # absolute values: section 2.1
    return np.stack(maps)


def noisy_copies(image: np.ndarray) -> np.ndarray:
    """(COPIES, H, W, C) float32 for (H, W, C); the same noise each time, so that an image has one map."""
    noise = np.random.default_rng(0).normal(0, NOISE * np.ptp(image), (COPIES, *image.shape))
    return (image + noise).astype(np.float32)
