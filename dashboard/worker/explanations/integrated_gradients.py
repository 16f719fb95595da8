"""Integrated Gradients (Sundararajan et al., arXiv 1703.01365, sections 3 and 5)."""

from __future__ import annotations

import cv2
import numpy as np

from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.models.network import Network

STEPS = (32, 64, 128)  # tried in turn until the attributions are complete; the paper uses 20 to 300
TOLERATED = 0.01  # completeness error that is accepted
NEIGHBOURHOOD = 1 / 20  # see `gather`


def integrated_gradients(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Shows which pixels raise the class's logit from the mean colour to the image: (N, H, W) float32, not negative.

    Neighbouring pixels often get large attributions that cancel out. So the attributions of each neighbourhood are
    added up, as XRAI does with regions (Kapishnikov et al., arXiv 1906.02825).
    """
    return np.maximum(gather(attributions(network, images, targets)), 0)


def attributions(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The signed attribution of each value of the input.

    Args:
        images: (N, H, W, C) model inputs.
        targets: (N,) class ids.

    Returns:
        (N, H, W, C) float32; the attributions of an image add up to its logit minus the logit of its mean colour.
    """
    baselines = np.broadcast_to(mean_colour(images), images.shape).astype(np.float32)
    rises = network.target_logits(images, targets) - network.target_logits(baselines, targets)
    results = np.empty(images.shape, np.float32)
    for i, (image, baseline) in enumerate(zip(images, baselines, strict=True)):
        for steps in STEPS:
            places, weights = quadrature(steps)
            way = path(image, baseline, places)
            gradients = network.input_gradients(way, np.full(steps, targets[i]))
            results[i] = integrate(image, baseline, gradients, weights)
            if completeness_error(results[i], float(rises[i])) < TOLERATED:
                break
    return results


def quadrature(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in (0, 1) and their weights, (steps,) each, by Gauss-Legendre: far fewer than a Riemann sum needs."""
    places, weights = np.polynomial.legendre.leggauss(steps)
    return (places + 1) / 2, weights / 2


def path(image: np.ndarray, baseline: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The images (S, H, W, C) on the straight line from the baseline to the image, both (H, W, C)."""
    return (baseline + places[:, None, None, None] * (image - baseline)).astype(np.float32)


def integrate(image: np.ndarray, baseline: np.ndarray, gradients: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The attributions (H, W, C) from the gradients (S, H, W, C) along the path, eq. 1."""
    return (image - baseline) * np.einsum("shwc,s->hwc", gradients, weights)


def gather(attribution: np.ndarray, neighbourhood: float = NEIGHBOURHOOD) -> np.ndarray:
    """Adds up attributions (N, H, W, C) over channels and, with Gaussian weights, over neighbours: (N, H, W) float32.

    Args:
        neighbourhood: standard deviation of the weights, as a share of the image's side.
    """
    height, width = attribution.shape[1:3]
    sums = attribution.sum(axis=-1)
    blurred = [cv2.GaussianBlur(plane, (0, 0), neighbourhood * width, sigmaY=neighbourhood * height) for plane in sums]
    return np.stack(blurred)


def completeness_error(attribution: np.ndarray, rise: float) -> float:
    """How far the sum of the attributions is from the logit's rise, as a share of it (completeness, proposition 1).

    `rise` is the logit of the image minus the logit of its baseline.
    """
    return abs(float(attribution.sum(dtype=np.float64)) - rise) / max(abs(rise), 1e-6)
