"""Measures an image: its size, and how bright, contrasty, sharp and colourful it is.

The last four are measured on the picture reduced to at most `SIDE` pixels on its longer side. So they hardly depend on
the size of the file, nor on the scale at which a JPEG was decoded for a model.
"""

from __future__ import annotations

import numpy as np

from dashboard.core.images.decoding import DecodedImage

NAMES = ("width", "height", "file_size", "brightness", "contrast", "sharpness", "colourfulness")
SIDE = 128  # pixels
_ENOUGH = 3 * SIDE  # of a larger picture, only every second, third ... pixel is looked at, which saves time
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's "L"
_RED_GREEN, _YELLOW_BLUE = (1.0, -1.0, 0.0), (0.5, 0.5, -1.0)


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

    planes = cv2.transform(_reduced(pixels).astype(np.float32), np.array([_LUMA, _RED_GREEN, _YELLOW_BLUE]))
    means, deviations = (each.ravel() for each in cv2.meanStdDev(planes))
    edges = cv2.Laplacian(np.ascontiguousarray(planes[..., 0]), cv2.CV_32F)
    sharpness = float(cv2.meanStdDev(edges)[1][0, 0]) ** 2
    colourfulness = float(np.hypot(*deviations[1:]) + 0.3 * np.hypot(*means[1:]))
    return float(means[0]) / 255, float(deviations[0]) / 255, sharpness, colourfulness


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """The picture, at most SIDE pixels on its longer side; each pixel is the mean of those that it stands for."""
    import cv2

    longer = max(pixels.shape[:2])
    if longer <= SIDE:
        return pixels
    step = max(1, longer // _ENOUGH)
    fewer = np.ascontiguousarray(pixels[::step, ::step])
    height, width = (max(1, round(side * SIDE / longer)) for side in pixels.shape[:2])
    return np.asarray(cv2.resize(fewer, (width, height), interpolation=cv2.INTER_AREA))
