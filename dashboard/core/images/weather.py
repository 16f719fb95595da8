"""The snow and the fog of CIFAR-10-C; see `corruptions`.

Each function takes (N, S, S, 3) float32 in [0, 1], the strength from 0 to 4 and a random generator.
"""

from __future__ import annotations

import numpy as np

from dashboard.core.images.blurs import along, middle


def snow(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """Whitens the image and adds flakes that fall at an angle, and the same flakes turned by 180 degrees."""
    import cv2

    mean, deviation, size, least, radius, sigma, kept = (
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    )[at]
    flakes = middle(rng.normal(mean, deviation, (*images.shape[:3], 1)).astype(np.float32), size)[..., 0]
    flakes = np.clip(np.where(flakes < least, 0, flakes), 0, 1)
    flakes = np.stack([along(layer, radius, sigma, rng.uniform(-135, -45)) for layer in flakes])[..., None]
    gray = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])[..., None]
    whiter = kept * images + (1 - kept) * np.maximum(images, gray * 1.5 + 0.5)
    return whiter + flakes + flakes[:, ::-1, ::-1]


def fog(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """Adds a cloud and darkens the sum, so that the brightest value stays where it was."""
    amount, decay = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))[at]
    n, side = images.shape[:2]
    cloud = plasma(n, 1 << (side - 1).bit_length(), decay, rng)[:, :side, :side, None]
    brightest = images.max(axis=(1, 2, 3), keepdims=True)
    return (images + amount * cloud) * brightest / (brightest + amount)


def plasma(n: int, side: int, decay: float, rng: np.random.Generator) -> np.ndarray:
    """Clouds by the diamond-square algorithm, (n, side, side) in [0, 1], that continue across their borders.

    Args:
        side: a power of two, in pixels.
        decay: by how much the deviations shrink from one level to the next finer one.
    """
    cloud, step, deviation = np.zeros((n, side, side)), side, 100.0

    def disturbed(total: np.ndarray) -> np.ndarray:
        return total / 4 + deviation * rng.uniform(-deviation, deviation, total.shape)

    while step >= 2:
        half = step // 2
        corners = cloud[:, ::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=1)
        cloud[:, half::step, half::step] = centres = disturbed(pairs + np.roll(pairs, -1, axis=2))
        above = centres + np.roll(centres, 1, axis=1) + corners + np.roll(corners, -1, axis=2)
        beside = centres + np.roll(centres, 1, axis=2) + corners + np.roll(corners, -1, axis=1)
        cloud[:, ::step, half::step], cloud[:, half::step, ::step] = disturbed(above), disturbed(beside)
        step, deviation = half, deviation / decay
    cloud -= cloud.min(axis=(1, 2), keepdims=True)
    return cloud / cloud.max(axis=(1, 2), keepdims=True)
