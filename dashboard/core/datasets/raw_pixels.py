"""Pixels that a TFRecord holds without a format, as many tutorials write them: `image.tobytes()` beside height, width and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dashboard.core.datasets.columns import column_among
from dashboard.core.datasets.tfrecord import Feature
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import MAX_PIXELS

_SIZES = (
    ("height", "image/height", "rows", "image_height"),
    ("width", "image/width", "cols", "image_width"),
    ("depth", "channels", "image/channels", "image/depth", "image_channels", "image_depth"),
)
RAW_NOTE = (
    "The images are pixels without a format. They are read as rows of red, green and blue (or of gray), in the size that "
    "the records say."
)
_STORE_FILES = "Store image files instead, such as those of `tf.io.encode_png(image)`"


def size_features(keys: Sequence[str]) -> tuple[str, ...]:
    """The features of height, width and depth, of which each may be missing."""
    found = (column_among(keys, names) for names in _SIZES)
    return tuple(key for key in found if key)


def raw_pixels(data: bytes, features: Mapping[str, Feature], sizes: Sequence[str]) -> np.ndarray | None:
    """The pixels (H, W, 3) uint8; None unless their number is exactly the one that the record says.

    Args:
        data: the value of the feature of the image.
        sizes: from `size_features`.
    """
    shape = [value for key in sizes for value in features.get(key, []) if isinstance(value, int)]
    if len(shape) != len(_SIZES) or len(sizes) != len(_SIZES) or shape[2] not in (1, 3) or min(shape) < 1:
        return None
    height, width, depth = shape
    if height * width > MAX_PIXELS or height * width * depth != len(data):
        return None
    return np.broadcast_to(np.frombuffer(data, np.uint8).reshape(shape), (height, width, 3))


def no_image_files(file_name: str, image: str, n_bytes: int, sizes: Sequence[str]) -> DatasetError:
    """The error for records whose images all are no image files, but so many bytes.

    Args:
        image: the feature of the images.
    """
    message = (
        f"{file_name} holds no image files: each value of the feature {image} is {n_bytes:,} bytes without a format"
    )
    if len(sizes) < len(_SIZES):
        return DatasetError(
            f"{message}, and there are no features `height`, `width` and `depth` that say how to read them.",
            f"{_STORE_FILES}, or add these three features to each record.", "tfrecord_features",
        )  # fmt: skip
    return DatasetError(
        f"{message}, which is not {' x '.join(sizes)} with one byte for each value and a depth of 1 or 3.",
        f"{_STORE_FILES}, or pixels of uint8.", "tfrecord_features",
    )  # fmt: skip
