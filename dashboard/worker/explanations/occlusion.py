"""Occlusion sensitivity (Zeiler and Fergus, arXiv 1311.2901, section 4.2)."""

from __future__ import annotations

from functools import partial

import numpy as np

from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.models.network import Network

PATCH = 3 / 8  # of the image's side
POSITIONS = 13  # along each side, from where the patch covers the first row of pixels to where it covers the last


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
        falls = logit - network.target_logits_of(partial(cover, image), covers, image.nbytes, target)
        maps.append(spread(falls, covers))
    return np.stack(maps)


def cover(image: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The image (H, W, C) with its mean colour in each of the patches (P, H, W): (P, H, W, C)."""
    return np.where(covers[..., None], mean_colour(image[None]), image)


def patches(height: int, width: int) -> np.ndarray:
    """Which pixels each patch covers, (P, height, width) bool.

    Patches reach over the rim, so that a pixel there is covered about as often as any other: with fewer, a single patch
    that also covers something else would decide.
    """
    rows, columns = (_covers(side) for side in (height, width))
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(-1, height, width)


def _covers(side: int) -> np.ndarray:
    """Along one side: (POSITIONS or fewer, side) bool."""
    length = max(1, round(side * PATCH))
    starts = np.unique(np.linspace(1 - length, side - 1, POSITIONS).round())[:, None]
    places = np.arange(side)[None]
    return (places >= starts) & (places < starts + length)


def spread(falls: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The mean fall (P,) over the patches (P, H, W) that cover each pixel, where it is positive: (H, W) float32."""
    return np.maximum(np.einsum("p,phw->hw", falls, covers) / covers.sum(axis=0), 0).astype(np.float32)
