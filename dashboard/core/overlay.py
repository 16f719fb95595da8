"""A heatmap laid over the picture it explains."""

from __future__ import annotations

import numpy as np

DEFAULT_OPACITY = 0.5


def overlay(image: np.ndarray, heatmap: np.ndarray, opacity: float = DEFAULT_OPACITY) -> np.ndarray:
    """Blends a heatmap in the perceptually uniform colours of Inferno over an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        heatmap: (h, w) in [0, 1], covering the whole image.
        opacity: of the heatmap, in [0, 1].

    Returns:
        (H, W, 3) uint8 RGB.
    """
    import cv2  # 40 MB that a server without explanations does not need

    [enlarged] = resize_maps(heatmap[None], image.shape[:2])
    levels = np.round(255 * np.clip(enlarged, 0, 1)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    return cv2.addWeighted(image, 1 - opacity, colours, opacity, 0)


def resize_maps(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Maps (N, h, w) enlarged bilinearly to `size` (height, width), (N, height, width) float32.

    Bicubic interpolation would overshoot below zero.
    """
    import cv2

    height, width = size
    planes = [cv2.resize(np.asarray(m, np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for m in maps]
    return np.stack(planes) if planes else np.zeros((0, height, width), np.float32)
