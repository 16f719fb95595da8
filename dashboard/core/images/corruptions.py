"""Fourteen ways in which pictures go wrong, each in five strengths: the corruptions of CIFAR-10-C.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
arXiv 1903.12261. The constants are those of the authors' CIFAR-10-C for images of 32 x 32 pixels. Frost, the fifteenth
kind, is left out, because it needs photographs of frost that cannot be distributed here. Motion blur and snow use
their own blur instead of ImageMagick's. The random numbers differ from the authors', so figures agree only on average.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from dashboard.core.images import blurs, weather

STRENGTHS = (1, 2, 3, 4, 5)
SEVERAL = 500  # images that are corrupted at a time

# From (N, S, S, 3) float32 in [0, 1] to the same; the result may leave [0, 1].
Change = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]


def corrupt(images: np.ndarray, kind: str, strength: int, seed: int = 0) -> np.ndarray:
    """Corrupts images; the same seed, images, kind and strength give the same result.

    Args:
        images: (N, S, S, 3) uint8. The constants are made for S = 32.
        kind: a key of `CORRUPTIONS`.
        strength: from 1 to 5.

    Returns:
        (N, S, S, 3) uint8. Fractions are cut off, as in CIFAR-10-C.

    Raises:
        ValueError: the images, the kind or the strength are none of these.
    """
    if kind not in CORRUPTIONS or strength not in STRENGTHS:
        raise ValueError(f"There is no corruption {kind!r} of strength {strength}.")
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise ValueError(f"Square RGB images of bytes are needed, not {images.dtype} {images.shape}.")
    out = np.empty_like(images)
    number = list(CORRUPTIONS).index(kind)
    for start in range(0, len(images), SEVERAL):
        rng = np.random.default_rng([seed, number, strength, start])
        part = images[start : start + SEVERAL].astype(np.float32) / 255
        changed = CORRUPTIONS[kind](part, strength - 1, rng)
        # the small addition keeps 0.2 * 255 = 50.999... at 51
        out[start : start + SEVERAL] = np.clip(changed * 255 + 1e-3, 0, 255)
    return out


def _of(values: Sequence[float], change: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]) -> Change:
    """A change whose strength is one number."""
    return lambda images, at, rng: change(images, values[at], rng)


def _gaussian_noise(images: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    return images + deviation * rng.standard_normal(images.shape, np.float32)


def _shot_noise(images: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(images * photons) / photons


def _impulse_noise(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Some values of single channels become 0 or 1."""
    hit = rng.random(images.shape) <= share
    return np.where(hit, rng.random(images.shape) <= 0.5, images)


def _contrast(images: np.ndarray, kept: float, rng: np.random.Generator) -> np.ndarray:
    mean = images.mean(axis=(1, 2), keepdims=True)
    return (images - mean) * kept + mean


def _brightness(images: np.ndarray, added: float, rng: np.random.Generator) -> np.ndarray:
    """Adds to the value of HSV. With hue and saturation kept, all channels grow in proportion to the largest one."""
    value = images.max(axis=-1, keepdims=True)
    brighter = np.minimum(value + added, 1)
    return np.where(value > 0, images * (brighter / np.maximum(value, 1e-6)), brighter)


def _pixelate(images: np.ndarray, scale: float, rng: np.random.Generator) -> np.ndarray:
    side = images.shape[1]
    small = int(side * scale)

    def coarse(picture: Image.Image) -> Image.Image:
        return picture.resize((small, small), Image.Resampling.BOX).resize((side, side), Image.Resampling.BOX)

    return _each(images, coarse)


def _jpeg(images: np.ndarray, quality: float, rng: np.random.Generator) -> np.ndarray:
    def compressed(picture: Image.Image) -> Image.Image:
        picture.save(data := io.BytesIO(), "JPEG", quality=int(quality))
        return Image.open(data)

    return _each(images, compressed)


def _each(images: np.ndarray, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    pictures = (Image.fromarray(image) for image in np.rint(images * 255).astype(np.uint8))
    return np.stack([np.asarray(change(picture), np.float32) for picture in pictures]) / 255


CORRUPTIONS: dict[str, Change] = {
    "gaussian noise": _of((0.04, 0.06, 0.08, 0.09, 0.10), _gaussian_noise),
    "shot noise": _of((500, 250, 100, 75, 50), _shot_noise),
    "impulse noise": _of((0.01, 0.02, 0.03, 0.05, 0.07), _impulse_noise),
    "defocus blur": blurs.defocus,
    "zoom blur": blurs.zoomed,
    "contrast": _of((0.75, 0.5, 0.4, 0.3, 0.15), _contrast),
    "pixelate": _of((0.95, 0.9, 0.85, 0.75, 0.65), _pixelate),
    "jpeg compression": _of((80, 65, 58, 50, 40), _jpeg),
    "brightness": _of((0.05, 0.1, 0.15, 0.2, 0.3), _brightness),
    "glass blur": blurs.glass,
    "motion blur": blurs.motion,
    "snow": weather.snow,
    "fog": weather.fog,
    "elastic transform": blurs.elastic,
}
NINE = tuple(CORRUPTIONS)[:9]
