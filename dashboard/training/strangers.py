"""Makes images that show none of CIFAR-10's classes, to test whether a model notices it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dashboard.core.images.preprocessing import Preprocessing, fit_image


def strangers(recipe: Preprocessing, n: int, seed: int) -> dict[str, np.ndarray]:
    """Sets of images, (n, height, width, 3) uint8 each, by name. The same seed gives the same images."""
    rng = np.random.default_rng(seed)
    shape = (recipe.height, recipe.width)
    return {
        "uniform noise": rng.integers(0, 256, (n, *shape, 3), np.uint8),
        "textures": np.stack([_texture(rng, *shape) for _ in range(n)]),
        "handwritten digits": _digits(rng, n, recipe),
        "tiles of photographs": _tiles(rng, n, recipe),
    }


def _texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Two gratings, smooth or hard, between two colours."""
    y, x = np.mgrid[:height, :width]
    wave = np.zeros((height, width))
    for _ in range(2):
        angle, period = rng.uniform(0, np.pi), rng.uniform(2.5, 16)
        along = np.cos(angle) * x + np.sin(angle) * y
        wave += np.sin(2 * np.pi * along / period + rng.uniform(0, 2 * np.pi))
    share = (wave > 0).astype(float) if rng.random() < 0.5 else (wave + 2) / 4
    low, high = rng.uniform(0, 255, (2, 3))
    return np.rint(low + share[..., None] * (high - low)).astype(np.uint8)


def _digits(rng: np.random.Generator, n: int, recipe: Preprocessing) -> np.ndarray:
    """Digits from the Optical Recognition of Handwritten Digits set in scikit-learn (8x8 pixels, enlarged)."""
    from sklearn.datasets import load_digits

    gray = np.rint(load_digits().images[rng.integers(0, 1797, n)] * (255 / 16)).astype(np.uint8)
    return np.stack([fit_image(np.repeat(image[..., None], 3, axis=2), recipe) for image in gray])


def _tiles(rng: np.random.Generator, n: int, recipe: Preprocessing) -> np.ndarray:
    """Squares from the two photographs in scikit-learn (a Chinese temple, a flower), 48 to 160 pixels wide."""
    from sklearn.datasets import load_sample_images

    photos = load_sample_images().images
    tiles = []
    for _ in range(n):
        photo, side = photos[rng.integers(len(photos))], int(rng.integers(48, 161))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        tile = Image.fromarray(photo).crop((left, top, left + side, top + side))
        tiles.append(fit_image(np.asarray(tile), recipe))
    return np.stack(tiles)
