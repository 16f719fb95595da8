"""Occlusion sensitivity (Zeiler and Fergus, arXiv 1311.2901, section 4.2)."""

from __future__ import annotations

from functools import partial

import numpy as np

from dashboard.worker.explanations.baseline import mean_colour
from dashboard.worker.models.network import Network

PATCH = 3 / 8  # side of a patch, as a share of the image's side
POSITIONS = 13  # per side; the first patch covers only the first row of pixels, the last only the last row


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
    """One copy of the image (H, W, C) per patch (P, H, W), with its mean colour in this patch: (P, H, W, C)."""
    return np.where(covers[..., None], mean_colour(image[None]), image)


def patches(height: int, width: int) -> np.ndarray:
    """Which pixels each patch covers, (P, height, width) bool.

    Patches extend past the edge, so that a pixel there is covered about as often as any other. Otherwise the value of
    such a pixel would depend on one patch, which may also cover something else.
    """
    rows, columns = (_covers(side) for side in (height, width))
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(-1, height, width)


def _covers(side: int) -> np.ndarray:
    """Which pixels of one side each position covers, (POSITIONS or fewer, side) bool."""
    length = max(1, round(side * PATCH))
    starts = np.unique(np.linspace(1 - length, side - 1, POSITIONS).round())[:, None]
    places = np.arange(side)[None]
    return (places >= starts) & (places < starts + length)


def spread(falls: np.ndarray, covers: np.ndarray) -> np.ndarray:
    """The mean of the falls (P,) of all patches (P, H, W) that cover a pixel, zero if negative: (H, W) float32."""
    return np.maximum(np.einsum("p,phw->hw", falls, covers) / covers.sum(axis=0), 0).astype(np.float32)
