"""Augments the training images of an epoch. It does not use Keras, so every backend gets the same images."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from dashboard.training.robustness_views import add_noise, mix_chains, resample


def augment_epoch(
    images: np.ndarray,
    photos: np.ndarray,
    epoch: int,
    seed: int,
    *,
    photo_share: float,
    crop_padding: int,
    cutout: int,
    side: int,
    distorted_share: float = 0.0,
    chained_share: float = 0.0,
    resampled_share: float = 0.0,
    noisy_share: float = 0.0,
    most_noise: float = 0.0,
) -> np.ndarray:
    """Augments the training set for one epoch.

    Args:
        images: (N, S, S, 3) uint8.
        photos: (N, S, S, 3) uint8, the same images after enlarging, JPEG compression and shrinking.
        photo_share: share of the images that are taken from `photos`, in [0, 1].
        crop_padding: the most pixels by which an image is moved in each direction, if `side` is S.
        cutout: side in pixels of the covered square in an image of side S, smaller in proportion if `side` is less;
            0 for none.
        side: side in pixels of the augmented images; if it is less than S, each is a random crop of its image.
        distorted_share: share of the images that are distorted, in [0, 1]; see `distort`.
        chained_share, resampled_share, noisy_share: shares of the images that `mix_chains`, `resample` and `add_noise`
            change, in [0, 1], each drawn independently.
        most_noise: the greatest standard deviation of the noise, where 1 is the range of a pixel.

    Returns:
        (N, side, side, 3) uint8 in the given order. The same seed and epoch give the same images.
    """
    rng = np.random.default_rng([seed, epoch])
    n, full = images.shape[:2]
    out = np.where(rng.random((n, 1, 1, 1)) < photo_share, photos, images)
    out = np.where(alternating_flip(n, epoch, seed)[:, None, None, None], out[:, :, ::-1], out)
    if distorted_share:
        # a separate generator, so that the other augmentations do not depend on `distorted_share`
        at = np.random.default_rng([seed, epoch, 4])
        for i in np.flatnonzero(at.random(n) < distorted_share):
            out[i] = distort(out[i], at)
    out = translate(out, crop_padding, rng) if side == full else crop(out, side, rng)
    cutout = cutout * side // full
    if cutout:
        corner = rng.integers(0, side - cutout + 1, (2, n))
        out[_inside(corner, corner + cutout, side)] = 127
    for number, (share, change) in enumerate([(chained_share, mix_chains), (resampled_share, resample)], start=5):
        if share:
            at = np.random.default_rng([seed, epoch, number])
            for i in np.flatnonzero(at.random(n) < share):
                out[i] = change(out[i], at)
    return add_noise(out, noisy_share, most_noise, np.random.default_rng([seed, epoch, 7])) if noisy_share else out


ENHANCED = (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Sharpness)


def distort(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Applies one change of random kind and strength (Müller and Hutter, TrivialAugment, arXiv 2103.10158, section 3).

    The kinds and their greatest strengths are those of RandAugment (arXiv 1909.13719), without translation.

    Args:
        image: (S, S, 3) uint8.

    Returns:
        (S, S, 3) uint8.
    """
    kind, strength = rng.integers(12), rng.random()
    signed = 2 * strength - 1
    picture = Image.fromarray(image)
    match kind:
        case 0:
            return _turn(image, np.deg2rad(30 * signed), 0, 0)
        case 1:
            return _turn(image, 0, 0.3 * signed, 0)
        case 2:
            return _turn(image, 0, 0, 0.3 * signed)
        case 3 | 4 | 5 | 6:
            picture = ENHANCED[kind - 3](picture).enhance(1 + 0.9 * signed)
        case 7:
            picture = ImageOps.posterize(picture, 8 - round(4 * strength))
        case 8:
            picture = ImageOps.solarize(picture, 256 - round(256 * strength))
        case 9:
            picture = ImageOps.autocontrast(picture)
        case 10:
            picture = ImageOps.equalize(picture)
    return np.asarray(picture)


def _turn(image: np.ndarray, angle: float, shear_x: float, shear_y: float) -> np.ndarray:
    """Rotates (angle in radians) and shears the image about its centre; the border is reflected."""
    turned = np.array([[np.cos(angle), shear_x - np.sin(angle)], [shear_y + np.sin(angle), np.cos(angle)]])
    middle = (np.array(image.shape[:2]) - 1) / 2
    matrix = np.column_stack([turned, middle - turned @ middle])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def mix_patches(
    images: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Copies a rectangle of another image into some images (Yun et al., "CutMix", arXiv 1905.04899, section 3.1).

    Args:
        images: (N, S, S, C).
        share: share of the images that are changed, in [0, 1].

    Returns:
        The images; the index of the other image for each, (N,); the share of the area that it covers, (N,).
    """
    n, side = images.shape[:2]
    others = rng.permutation(n)
    half = np.sqrt(np.where(rng.random(n) < share, rng.random(n), 0)) * side / 2
    centre = rng.random((2, n)) * side
    first, last = (np.rint(np.clip(edge, 0, side)).astype(int) for edge in (centre - half, centre + half))
    mixed = np.where(_inside(first, last, side)[..., None], images[others], images)
    return mixed, others, (last - first).prod(axis=0) / side**2


def _inside(first: np.ndarray, last: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side) bool: True from `first` (2, N) up to but excluding `last` (2, N), rows then columns."""
    at = np.arange(side)
    rows, columns = (at >= first[..., None]) & (at < last[..., None])
    return rows[:, :, None] & columns[:, None, :]


def alternating_flip(n: int, epoch: int, seed: int) -> np.ndarray:
    """Which of n images are mirrored: random in the first epoch, then inverted in every epoch. Returns (n,) bool.

    Two epochs in a row thus show every image in both orientations (arXiv 2404.00498, section 3.6).
    """
    first = np.random.default_rng(seed).random(n) < 0.5
    return first ^ (epoch % 2 == 1)


def translate(images: np.ndarray, padding: int, rng: np.random.Generator) -> np.ndarray:
    """Moves each image by up to `padding` pixels in each direction; the border is reflected."""
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")
    return crop(padded, images.shape[1], rng)


def crop(images: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random square crop with sides of `side` pixels from each of the square images (N, S, S, C)."""
    n, full, _, channels = images.shape
    cut = np.empty((n, side, side, channels), images.dtype)
    places = full - side + 1
    offsets = rng.integers(0, places, (n, 2))
    for top in range(places):
        for left in range(places):
            chosen = (offsets[:, 0] == top) & (offsets[:, 1] == left)
            cut[chosen] = images[chosen, top : top + side, left : left + side]
    return cut
