"""Occlusion sensitivity (Zeiler and Fergus, arXiv 1311.2901, section 4.2)."""

from __future__ import annotations

import numpy as np

from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.explanations.network import Network

PATCH = 3 / 8  # of the image's side
POSITIONS = 9  # along each side


def occlusion(network: Network, images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How far the class's logit falls when a patch around each pixel is covered with the image's mean colour.

    Args:
        images: (N, H, W, C) model inputs.
        targets: (N,) class ids.

    Returns:
        (N, H, W) float32, not negative, not normalised: the mean over all patches that cover the pixel.
    """
    logits = network.target_logits(images, targets)
    covers = patches(images.shape[1], images.shape[2])
    maps = []
    for image, target, logit in zip(images, targets, logits, strict=True):
        covered = np.where(covers[..., None], mean_colour(image[None]), image).astype(np.float32)
        falls = logit - network.target_logits(covered, np.full(len(covered), target))
        maps.append(spread(falls, covers))
    return np.stack(maps)


def patches(height: int, width: int) -> np.ndarray:
    """Which pixels each patch covers, (P, height, width) bool; the patches reach every pixel."""
    tall, wide = max(1, round(height * PATCH)), max(1, round(width * PATCH))
    rows = np.unique(np.linspace(0, height - tall, POSITIONS).round().astype(int))
    columns = np.unique(np.linspace(0, width - wide, POSITIONS).round().astype(int))
    covers = np.zeros((len(rows), len(columns), height, width), bool)
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covers[i, j, top : top + tall, left : left + wide] = True
    return covers.reshape(-1, height, width)


def spread(falls: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The mean fall (P,) over the patches (P, H, W) that cover each pixel, where it is positive: (H, W) float32."""
    return np.maximum(np.einsum("p,phw->hw", falls, covers) / covers.sum(axis=0), 0).astype(np.float32)
