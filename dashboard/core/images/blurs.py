"""The blurs and the elastic transform of CIFAR-10-C; see `corruptions`.

Each function takes (N, S, S, 3) float32 in [0, 1], the strength from 0 to 4 and a random generator.
"""

from __future__ import annotations

import numpy as np


def defocus(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """Blurs with a disk that is itself blurred a little."""
    import cv2

    radius, softness = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[at]
    reach = np.arange(-8, 9)
    disk = (reach**2 + reach[:, None] ** 2 <= radius**2).astype(np.float32)
    disk = cv2.GaussianBlur(disk / disk.sum(), (3, 3), softness)
    return np.stack([cv2.filter2D(image, -1, disk) for image in images])


def glass(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """Copies a random neighbour over each pixel, between two weak blurs.

    The authors' code means to swap the two pixels, but it copies, and CIFAR-10-C was made like that.
    """
    sigma, rounds = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))[at]
    out, (n, side) = gaussian(images, sigma), images.shape[:2]
    every = np.arange(n)
    for _ in range(rounds):
        for row in range(side - 1, 1, -1):
            for column in range(side - 1, 1, -1):
                up, left = rng.integers(0, 2, (2, n))
                out[:, row, column] = out[every, row - up, column - left]
    return gaussian(out, sigma)


def motion(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """Blurs along a line at an angle of up to 45 degrees from the horizontal."""
    radius, sigma = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))[at]
    return np.stack([along(image, radius, sigma, rng.uniform(-45, 45)) for image in images])


def zoomed(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """The mean of the image and of several enlargements of its middle."""
    factors = np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[at], 0.01)
    return (images + sum(middle(images, factor) for factor in factors)) / (len(factors) + 1)


def elastic(images: np.ndarray, at: int, rng: np.random.Generator) -> np.ndarray:
    """A random affine map, then a smooth random displacement of every pixel."""
    import cv2
    from scipy.ndimage import gaussian_filter, map_coordinates

    side = images.shape[1]
    shares = ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))[at]
    push, smoothness, moved = (side * share for share in shares)
    centre, part = side // 2, side // 3
    corners = centre + part * np.array([(1, 1), (1, -1), (-1, -1)], np.float32)
    rows, columns = np.mgrid[:side, :side]
    out = np.empty_like(images)
    for i, image in enumerate(images):
        to = corners + rng.uniform(-moved, moved, corners.shape).astype(np.float32)
        turned = cv2.warpAffine(
            image, cv2.getAffineTransform(corners, to), (side, side), borderMode=cv2.BORDER_REFLECT_101
        )
        across, down = (
            push * gaussian_filter(rng.uniform(-1, 1, (side, side)), smoothness, mode="reflect", truncate=3)
            for _ in range(2)
        )
        for channel in range(3):
            where = (rows + down, columns + across)
            out[i, ..., channel] = map_coordinates(turned[..., channel], where, order=1, mode="reflect")
    return out


def gaussian(images: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur of each image, `sigma` in pixels."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest"))


def middle(images: np.ndarray, factor: float) -> np.ndarray:
    """The middle of each image (N, S, S, C), enlarged `factor` times by linear interpolation to the same size."""
    side = images.shape[1]
    cut = int(np.ceil(side / factor))
    enlarged = round(cut * factor)
    top, trim = (side - cut) // 2, (enlarged - side) // 2
    at = np.arange(trim, trim + side) * (cut - 1) / (enlarged - 1)
    # the rows and columns of the cut-out, weighted by their nearness to each pixel of the result
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(cut))).astype(images.dtype)
    part = np.moveaxis(images[:, top : top + cut, top : top + cut], -1, 1)
    return np.moveaxis(weights @ part @ weights.T, 1, -1)


def along(image: np.ndarray, radius: int, sigma: float, angle: float) -> np.ndarray:
    """Blurs (S, S) or (S, S, C) to one side along a line, as ImageMagick's motion blur does.

    Args:
        radius: half of the number of pixels on the line, which has 2 `radius` + 1 of them.
        sigma: of the Gaussian weights along the line, in pixels.
        angle: in degrees, clockwise from the horizontal.
    """
    import cv2

    steps = np.arange(2 * radius + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    kernel = np.zeros((4 * radius + 1, 4 * radius + 1), np.float32)
    turn = np.deg2rad(angle)
    places = tuple(
        2 * radius + np.ceil(steps * direction - 0.5).astype(int) for direction in (np.sin(turn), np.cos(turn))
    )
    np.add.at(kernel, places, weights / weights.sum())
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE))
