"""Measures an image: its size, and how bright, contrasty, sharp and colourful it is.

The last four are measured on the picture reduced to at most `SIDE` pixels on its longer side. So they hardly depend on
the size of the file, nor on the scale at which a JPEG was decoded for a model.
"""

from __future__ import annotations

import math

import numpy as np

from dashboard.core.images.decoding import DecodedImage

NAMES = ("width", "height", "file_size", "brightness", "contrast", "sharpness", "colourfulness")
SIDE = 128  # pixels
_ENOUGH = 3 * SIDE  # of a larger picture, only every second, third ... pixel is looked at, which saves time
_PLANES = np.array([
    (0.299, 0.587, 0.114),  # luma, ITU-R BT.601, as Pillow's "L"
    (1.0, -1.0, 0.0),  # red against green
    (0.5, 0.5, -1.0),  # yellow against blue
])  # fmt: skip


def properties_of(image: DecodedImage) -> np.ndarray:
    """The properties (7,) float64 of an image in the order of `NAMES`: its size and bytes, and what its pixels show.

    Width and height are in pixels, `file_size` in bytes; NaN if the image is not a file.
    """
    size = np.nan if image.file_size is None else image.file_size
    return np.array([*image.size, size, *measured(image.pixels)])


def measured(pixels: np.ndarray) -> tuple[float, float, float, float]:
    """Brightness, contrast, sharpness and colourfulness of an image.

    Brightness is the mean luma, in [0, 1]. Contrast is the standard deviation of luma, in [0, 0.5]. Sharpness is the
    variance of the Laplacian of luma from 0 to 255: 0 for a plain area, below about 100 for a blurred photograph.
    Colourfulness is 0 for gray, about 33 for a moderately and 82 for an extremely colourful photograph.

    Source of sharpness: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    Source of colourfulness: Hasler and Suesstrunk, Measuring colourfulness in natural images, 2003, equation 14.

    Args:
        pixels: (H, W, 3) uint8 RGB.
    """
    import cv2  # it takes 40 MB, which processes that decode no images do without

    planes = cv2.transform(_reduced(pixels).astype(np.float32), _PLANES)
    means, deviations = (each.ravel().tolist() for each in cv2.meanStdDev(planes))
    _, edges = cv2.meanStdDev(cv2.Laplacian(cv2.extractChannel(planes, 0), cv2.CV_32F))
    colourfulness = math.hypot(*deviations[1:]) + 0.3 * math.hypot(*means[1:])
    return means[0] / 255, deviations[0] / 255, float(edges[0, 0]) ** 2, colourfulness


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """The picture, at most SIDE pixels on its longer side.

    Each pixel is the mean of several, at first of squares of a whole number of pixels, which is several times quicker.
    """
    import cv2

    longer = max(pixels.shape[:2])
    if longer <= SIDE:
        return pixels
    height, width = (max(1, round(side * SIDE / longer)) for side in pixels.shape[:2])
    step = max(1, longer // _ENOUGH)
    fewer = pixels[::step, ::step]
    square = max(fewer.shape[:2]) // SIDE
    if square > 1 and min(fewer.shape[:2]) >= square:
        rows, columns = fewer.shape[0] // square, fewer.shape[1] // square
        whole = np.ascontiguousarray(fewer[: rows * square, : columns * square])
        fewer = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(np.ascontiguousarray(fewer), (width, height), interpolation=cv2.INTER_LINEAR))
