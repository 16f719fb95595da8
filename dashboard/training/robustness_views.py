"""Views of a training image on which the answer must stay the same: noise, coarse sampling, compression, mixed chains.

All functions take and return (N, S, S, 3) or (S, S, 3) uint8. They use OpenCV, because Pillow takes several times longer.
"""

from __future__ import annotations

import cv2
import numpy as np

CHAINS, DEEPEST = 3, 3  # arXiv 1912.02781, section 3: k = 3 chains of 1 to 3 operations
STRENGTH = 0.3  # the greatest strength of one operation: 3 of the 10 levels of the paper's code
QUALITIES = (30, 96)  # of JPEG
INTERPOLATIONS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA)


def add_noise(images: np.ndarray, share: float, most: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise to a share of the images, one half of them only within a square ("patch Gaussian").

    The standard deviation is drawn from 0 to `most`, where 1 is the range of a pixel. The squares follow Lopes et al.,
    arXiv 1906.02611, section 3: they keep the accuracy on clean images, which noise everywhere costs.
    """
    out = images.copy()
    side = images.shape[1]
    for i in np.flatnonzero(rng.random(len(images)) < share):
        noise = rng.standard_normal(images.shape[1:], np.float32) * np.float32(255 * most * rng.random())
        if rng.random() < 0.5:
            half = rng.integers(side // 4, side // 2 + 1)
            row, column = rng.integers(0, side, 2)
            where = np.zeros((side, side, 1), np.float32)
            where[max(0, row - half) : row + half, max(0, column - half) : column + half] = 1
            noise *= where
        out[i] = np.clip(np.rint(images[i] + noise), 0, 255)
    return out


def resample(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shrinks and enlarges the image again, or compresses it as JPEG, or does both."""
    kind, side = rng.integers(3), image.shape[0]
    if kind != 0:
        small = int(side * rng.uniform(0.5, 1))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (side, side), interpolation=INTERPOLATIONS[rng.integers(len(INTERPOLATIONS))])
    if kind != 1:
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*QUALITIES))))
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
    return image


def mix_chains(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mixes an image with a mean of three chains of weak operations (Hendrycks et al., AugMix, arXiv 1912.02781).

    As in the paper, no operation changes contrast, brightness, colour or sharpness, because the test corruptions do.
    """
    shares = rng.dirichlet(np.ones(CHAINS)).astype(np.float32)
    kept = np.float32(rng.beta(1, 1))
    mixed = kept * image.astype(np.float32)
    for share in shares:
        chained = image
        for _ in range(rng.integers(1, DEEPEST + 1)):
            chained = _operation(chained, rng)
        mixed += (1 - kept) * share * chained
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _operation(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One operation of random kind, strength and direction."""
    strength = STRENGTH * rng.uniform(0.03, 1)
    signed = strength if rng.random() < 0.5 else -strength
    side = image.shape[0]
    match rng.integers(9):
        case 0:
            return _stretch(image)
        case 1:
            return np.stack([cv2.equalizeHist(np.ascontiguousarray(image[..., c])) for c in range(3)], axis=-1)
        case 2:
            lost = 4 + round(4 * strength)  # bits
            return image >> lost << lost
        case 3:
            return np.where(image < 256 * (1 - strength), image, 255 - image)
        case 4:
            angle = np.deg2rad(30 * signed)
            return _move(image, np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]))
        case 5:
            return _move(image, np.array([[1, 0.3 * signed], [0, 1]]))
        case 6:
            return _move(image, np.array([[1, 0], [0.3 * signed, 1]]))
        case 7:
            return _move(image, np.eye(2), (side / 3 * signed, 0))
        case _:
            return _move(image, np.eye(2), (0, side / 3 * signed))


def _stretch(image: np.ndarray) -> np.ndarray:
    """Each channel over the whole range from 0 to 255."""
    low = image.min(axis=(0, 1)).astype(np.float32)
    span = image.max(axis=(0, 1)) - low
    return np.rint((image - low) * (255 / np.maximum(span, 1))).astype(np.uint8)


def _move(image: np.ndarray, turned: np.ndarray, by: tuple[float, float] = (0, 0)) -> np.ndarray:
    """An affine map about the image's centre; the border is reflected."""
    middle = np.array([(image.shape[0] - 1) / 2] * 2)
    matrix = np.column_stack([turned, middle - turned @ middle + by])
    return cv2.warpAffine(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
