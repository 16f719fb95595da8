"""What an array of images must look like, and how to make one of what was found instead."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from dashboard.core.datasets.npy import StoredArray
from dashboard.core.datasets.read_instead import if_predictions
from dashboard.core.errors import DatasetError
from dashboard.core.images.decoding import MAX_PIXELS

_CHANNELS = (1, 3)
_FEW = 4  # so many columns are rather the channels of one image than the width of many
_WANTED = "Save the images as (N, height, width, channels)."
_OF_PREDICTIONS = (
    "They have to be probabilities, called pred_probs: numbers from 0 to 1 that sum to 1 in each row, such as the softmax of "
    "logits."
)
_OF_ROWS = {  # by the numbers in a row
    784: "Save x.reshape(-1, 28, 28).",
    3072: "Save x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1) if a row has all its reds first, as CIFAR-10 has, or "
    "x.reshape(-1, 32, 32, 3) if the three colours of a pixel stand together.",
}


def check_images(images: StoredArray) -> None:
    """Raises DatasetError unless the array is uint8 of the shape (N, H, W) or (N, H, W, C), with 1 or 3 channels."""
    shape, dtype = images.header.shape, images.header.dtype
    what = f"{images.name} has the shape {shape} of {dtype}"
    if len(shape) == 4 and shape[3] not in _CHANNELS and shape[1] in _CHANNELS:
        raise DatasetError(
            f"{what}: the colour channels come first.", "Save x.transpose(0, 2, 3, 1): (N, height, width, channels).",
            "array_channels_first",
        )  # fmt: skip
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] not in _CHANNELS) or 0 in shape:
        raise DatasetError(
            f"{what}; images (N, height, width, channels) with 1 or 3 channels are needed.",
            f"{_advice_on_shape(shape)}{about_predictions([images])}", "array_shape",
        )  # fmt: skip
    if len(shape) == 3 and shape[2] <= _FEW:
        one = {1: "x[None]", 3: "x[None]"}.get(shape[2], f"x[None, ..., :{shape[2] - 1}], without transparency")
        raise DatasetError(
            f"{what}: it may be one image, or many gray images {shape[2]} pixels wide.",
            f"For one image, save {one}.", "array_shape",
        )  # fmt: skip
    if dtype != np.uint8:
        raise DatasetError(
            f"{what}, not uint8, so it is not known which numbers mean black and white.",
            _advice_on_numbers(dtype), "array_type",
        )  # fmt: skip
    if shape[1] * shape[2] > MAX_PIXELS:
        raise DatasetError(
            f"{what}: more than {MAX_PIXELS // 10**6} megapixels each.", "Save them smaller.", "array_shape"
        )


def about_predictions(arrays: Iterable[StoredArray]) -> str:
    """What to save if one of these arrays holds predictions, with a blank before it; "" if none has their shape."""
    tables = (each.header for each in arrays if each.header.dtype.kind == "f" and len(each.header.shape) == 2)
    return (
        f" {if_predictions()} {_OF_PREDICTIONS}"
        if any(header.shape[1] > 1 and header.shape[1] not in _OF_ROWS for header in tables)
        else ""
    )


def _advice_on_shape(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "The array is empty: save one that holds images."
    if len(shape) == 2:
        return _OF_ROWS.get(shape[1], f"If it is a single gray image, save x[None]. {_WANTED}")
    if len(shape) == 4 and shape[2] in _CHANNELS:
        return "Save x.transpose(3, 0, 1, 2): the images come last."
    if len(shape) == 4 and shape[3] in (2, 4):
        return f"Save x[..., :{shape[3] - 1}], without transparency."
    if len(shape) > 4 and shape[-1] in _CHANNELS:
        return "If its last three sides are height, width and channels, save x.reshape(-1, *x.shape[-3:])."
    return _WANTED


def _advice_on_numbers(dtype: np.dtype) -> str:
    """How to make uint8 of such numbers. Only astype would wrap them around, or make them black."""
    if np.issubdtype(dtype, np.floating):
        return "Save (x * 255).round().astype('uint8') if they go from 0 to 1, or x.round().astype('uint8') if from 0 to 255."
    if dtype == np.bool_:
        return "Save x.astype('uint8') * 255."
    if dtype == np.int8:
        return "Save (x.astype('int16') + 128).astype('uint8') if -128 is black and 127 white."
    if dtype.kind == "u" and dtype.itemsize == 2:
        return (
            "Save (x >> 8).astype('uint8') if they use all 16 bits, (x >> 4).astype('uint8') if the largest is 4095, or "
            "x.astype('uint8') if the largest is at most 255."
        )
    return "Save x.astype('uint8') only if all are from 0 to 255; scale them to that range first if they are not."
