"""Draws a heatmap over the picture that it explains."""

from __future__ import annotations

import numpy as np

DEFAULT_OPACITY = 0.5
FOR_FIRST = (230, 97, 1)  # the ends of ColorBrewer's PuOr; distinct with every common colour vision deficiency
FOR_SECOND = (94, 60, 153)


def overlay(
    image: np.ndarray, heatmap: np.ndarray, opacity: float = DEFAULT_OPACITY, smooth: bool = True
) -> np.ndarray:
    """Blends a heatmap, in the perceptually uniform colours of Inferno, over an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        heatmap: (h, w) in [0, 1], covering the whole image.
        opacity: opacity of the heatmap, in [0, 1].
        smooth: interpolate between the map's cells; otherwise each cell is a rectangle.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2  # not at the top: it takes 40 MB, which a server without explanations does not need

    levels = np.round(255 * np.clip(_enlarged(heatmap, image, smooth), 0, 1)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return cv2.addWeighted(image, 1 - opacity, colours, opacity, 0)


def overlay_difference(
    image: np.ndarray, difference: np.ndarray, opacity: float = DEFAULT_OPACITY, smooth: bool = True
) -> np.ndarray:
    """Tints a gray copy of an image by the difference of two heatmaps.

    The tint is FOR_FIRST where the difference is positive and FOR_SECOND where it is negative. It is stronger where the
    difference is larger.

    Args:
        image: (H, W, 3) uint8 RGB.
        difference: (h, w) in [-1, 1], covering the whole image.
        opacity: opacity at a difference of 1 or -1, in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2

    enlarged = np.clip(_enlarged(difference, image, smooth), -1, 1)[..., None]
    tint = np.where(enlarged > 0, np.array(FOR_FIRST, np.float32), np.array(FOR_SECOND, np.float32))
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = opacity * np.abs(enlarged)
    tinted: np.ndarray = np.round((1 - share) * gray + share * tint).astype(np.uint8)
    return tinted


def resize_maps(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Enlarges maps (N, h, w) bilinearly to `size` (height, width): (N, height, width) float32.

    Bicubic interpolation could give values below zero.
    """
    import cv2

    height, width = size
    planes = [cv2.resize(np.asarray(m, np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for m in maps]
    return np.stack(planes) if planes else np.zeros((0, height, width), np.float32)


def _enlarged(values: np.ndarray, image: np.ndarray, smooth: bool) -> np.ndarray:
    """Enlarges values (h, w) to the size of the image."""
    import cv2

    height, width = image.shape[:2]
    if smooth:
        return resize_maps(values[None], (height, width))[0]
    return cv2.resize(np.asarray(values, np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
