"""Augments the training images of an epoch. It does not use Keras, so it is the same on every backend."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps


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
) -> np.ndarray:
    """One epoch's view of the training set.

    Args:
        images: (N, S, S, 3) uint8.
        photos: (N, S, S, 3) uint8, the same pictures after enlarging, JPEG and shrinking.
        crop_padding: by how many pixels an image is moved each way at most, where `side` is S.
        cutout: side in pixels of the covered square in an image of S, in proportion in a smaller one; 0 for none.
        side: of what is shown; where it is less than S, a crop from anywhere in the image.
        distorted_share: of the images that are shown distorted, in [0, 1]; see `distort`.

    Returns:
        (N, side, side, 3) uint8 in the given order; the same for the same seed and epoch.
    """
    rng = np.random.default_rng([seed, epoch])
    n, full = images.shape[:2]
    out = np.where(rng.random((n, 1, 1, 1)) < photo_share, photos, images)
    out = np.where(alternating_flip(n, epoch, seed)[:, None, None, None], out[:, :, ::-1], out)
    if distorted_share:
        at = np.random.default_rng(
            [seed, epoch, 4]
        )  # a separate generator, so that the other random choices stay the same
        for i in np.flatnonzero(at.random(n) < distorted_share):
            out[i] = distort(out[i], at)
    out = translate(out, crop_padding, rng) if side == full else crop(out, side, rng)
    cutout = cutout * side // full
    if cutout:
        corner = rng.integers(0, side - cutout + 1, (2, n))
        out[_inside(corner, corner + cutout, side)] = 127
    return out


ENHANCED = (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Sharpness)


def distort(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One change of any kind and strength (Müller and Hutter, "TrivialAugment", arXiv 2103.10158, section 3).

    The kinds and how strong they get are those of RandAugment (arXiv 1909.13719), without translation.

    Args:
        image: (S, S, 3) uint8. So is what is returned.
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
    """The image rotated (radians) and sheared about its centre, with reflection at the border."""
    turned = np.array([[np.cos(angle), shear_x - np.sin(angle)], [shear_y + np.sin(angle), np.cos(angle)]])
    middle = (np.array(image.shape[:2]) - 1) / 2
    matrix = np.column_stack([turned, middle - turned @ middle])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def mix_patches(
    images: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covers a rectangle of some images with that of another one (Yun et al., "CutMix", arXiv 1905.04899, section 3.1).

    Args:
        images: (N, S, S, C).
        share: of the images that are covered, in [0, 1].

    Returns:
        The images, for each the number of the other one, and which share of its area (N,) the other one took.
    """
    n, side = images.shape[:2]
    others = rng.permutation(n)
    half = np.sqrt(np.where(rng.random(n) < share, rng.random(n), 0)) * side / 2
    centre = rng.random((2, n)) * side
    first, last = (np.rint(np.clip(edge, 0, side)).astype(int) for edge in (centre - half, centre + half))
    mixed = np.where(_inside(first, last, side)[..., None], images[others], images)
    return mixed, others, (last - first).prod(axis=0) / side**2


def _inside(first: np.ndarray, last: np.ndarray, side: int) -> np.ndarray:
    """(N, side, side) bool: the pixels from `first` (2, N) to before `last` (2, N), rows then columns."""
    at = np.arange(side)
    rows, columns = (at >= first[..., None]) & (at < last[..., None])
    return rows[:, :, None] & columns[:, None, :]


def alternating_flip(n: int, epoch: int, seed: int) -> np.ndarray:
    """Which of n images are mirrored: random in the first epoch, then each the other way round every epoch.

    Two epochs in a row thus show every image both ways (arXiv 2404.00498, section 3.6). Returns (n,) bool.
    """
    first = np.random.default_rng(seed).random(n) < 0.5
    return first ^ (epoch % 2 == 1)


def translate(images: np.ndarray, padding: int, rng: np.random.Generator) -> np.ndarray:
    """Moves each image by up to `padding` pixels each way, reflecting at the border."""
    padded = np.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")
    return crop(padded, images.shape[1], rng)


def crop(images: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A square of `side` pixels from anywhere in each of the square images (N, S, S, C)."""
    n, full, _, channels = images.shape
    cut = np.empty((n, side, side, channels), images.dtype)
    places = full - side + 1
    offsets = rng.integers(0, places, (n, 2))
    for top in range(places):
        for left in range(places):
            chosen = (offsets[:, 0] == top) & (offsets[:, 1] == left)
            cut[chosen] = images[chosen, top : top + side, left : left + side]
    return cut
