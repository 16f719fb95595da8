"""The image files in the tensor of an inference request, see `api.inference_protocol`."""

from __future__ import annotations

import struct
from base64 import b64decode
from typing import Any

import numpy as np

from dashboard.core.errors import DashboardError
from dashboard.core.images.drawing import encode_png


def files_of(order: dict[str, Any], binary: bytes, most: int) -> list[bytes]:
    """The image files of a request."""
    inputs = order.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise wrong("`inputs` must be a list of one tensor")
    tensor = inputs[0]
    kind, shape, data = tensor.get("datatype"), tensor.get("shape"), tensor.get("data")
    if not isinstance(shape, list) or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise wrong("`shape` must be a list of whole numbers")
    size = parameters_of(tensor).get("binary_data_size")
    if size is not None and (not isinstance(size, int) or size != len(binary)):
        raise wrong("`binary_data_size` differs from the binary data")
    if kind not in ("BYTES", "UINT8"):
        raise wrong(f"`image` must be BYTES or UINT8, not {str(kind)[:20]}")
    if kind == "BYTES":
        return _checked(_of_base64(data) if size is None else _of_strings(binary, most), shape, most)
    return _of_pixels(_pixels(data) if size is None else np.frombuffer(binary, np.uint8), shape, most)


def parameters_of(of: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a request or of a tensor."""
    found = of.get("parameters")
    return found if isinstance(found, dict) else {}


def wrong(what: str) -> DashboardError:
    """The error about a request that breaks the protocol."""
    return DashboardError(
        f"The inference request cannot be used: {what}.", "See the Open Inference Protocol.", "request"
    )


def _of_base64(data: object) -> list[bytes]:
    try:
        return [b64decode(each, validate=True) for each in _flat(data)]
    except (ValueError, TypeError, RecursionError) as error:
        raise wrong("`data` of BYTES must be base64 of image files") from error


def _pixels(data: object) -> np.ndarray:
    """Pixels in JSON as (N,) uint8."""
    try:
        pixels = np.asarray(data)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise wrong("`data` must be numbers") from error
    # pixels between 0 and 1 must not become a black image
    if pixels.size and (pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 255):
        raise wrong("UINT8 pixels must be whole numbers within 0 and 255")
    return pixels.astype(np.uint8).ravel()


def _of_strings(binary: bytes, most: int) -> list[bytes]:
    """BYTES as binary data: each with its length, 4 bytes little endian, before it. Stops when they are too many."""
    found: list[bytes] = []
    at = 0
    while at < len(binary) and len(found) <= most:
        if at + 4 > len(binary):
            raise wrong("the binary data ends within a length")
        [length] = struct.unpack_from("<I", binary, at)
        if at + 4 + length > len(binary):
            raise wrong("the binary data ends within an image")
        found.append(binary[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def _check_count(images: int, most: int) -> None:
    if images > most:
        raise DashboardError(f"{images:,} images; {most:,} are allowed.", "Send fewer at a time.", "too_large")


def _checked(images: list[bytes], shape: list[int], most: int) -> list[bytes]:
    _check_count(len(images), most)
    if not images or shape not in ([len(images)], [len(images), 1]):
        raise wrong("the number of images differs from the shape, or there is none")
    return images


def _of_pixels(pixels: np.ndarray, shape: list[int], most: int) -> list[bytes]:
    if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
        raise wrong("`image` must be BYTES of shape (N), or UINT8 of shape (N, H, W, 3)")
    if pixels.size != int(np.prod(shape, dtype=object)):
        raise wrong("the number of values differs from the shape")
    _check_count(shape[0], most)  # before any image is made
    return [encode_png(image) for image in pixels.reshape(shape)]


def _flat(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError
    return [each for part in data for each in _flat(part)] if data and isinstance(data[0], list) else data
