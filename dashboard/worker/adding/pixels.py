"""Finds out what a model itself does to pixels, by running its layers up to the first one that learns features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from dashboard.worker.models.forward import call_layer, first_argument, run_layers

_ABOUT = 1e-3  # relative difference below which two numbers are the same here
_SPREAD = (0.5, 10.0)  # what scaled pixels usually range over: 1 for 0..1, 2 for -1..1, about 4.5 for ImageNet's
_MIDDLE = 0.35  # how far from zero the middle of such a range is at most, as a share of it
_BYTES = (200.0, 300.0)  # the same for pixels of which only a mean was subtracted
_CURVE = 0.05  # how far gray may be from the line between black and white, as a share of it: more is a clipping
# Keras' own families -> the scaling that their published weights need, if the model does not contain it
_FAMILIES = {
    "mobilenet": "-1..1", "inception": "-1..1", "xception": "-1..1", "nasnet": "-1..1", "resnet50v2": "-1..1",
    "resnet101v2": "-1..1", "resnet152v2": "-1..1", "resnet": "caffe", "vgg": "caffe", "densenet": "imagenet",
}  # fmt: skip


@dataclass(frozen=True)
class Pixels:
    """What the layers before the first one that learns tell about the right scaling."""

    scaling: str | None  # a name in SCALINGS; None: they do not tell
    told_by: str  # how it is known, as a sentence; or why it is not, as a part of a sentence


class _FirstFeaturesError(Exception):
    """Carries the input of the first layer that learns features."""

    def __init__(self, inputs: Any) -> None:
        super().__init__()
        self.inputs = inputs


def scaling_of(model: keras.Model, height: int, width: int, channels: int) -> Pixels:
    """The scaling that the first layers of the model need, and how it is known."""
    if _is_teachable_machine(model):
        return Pixels(
            "-1..1", "It looks like an export of Teachable Machine, whose models take pixels from -1 to 1 (-1..1)."
        )
    levels = np.array([0, 1, 127, 255], np.float32)  # a black picture, an almost black, a gray and a white one
    numbers = _numbers_for(model, np.ones((4, height, width, channels), np.float32) * levels[:, None, None, None])
    hint = _hint(model)
    if numbers is None or np.allclose(numbers, levels[:, None], rtol=_ABOUT, atol=_ABOUT):
        return Pixels(None, f"its layers do not scale pixels{hint}")
    black, almost, gray, white = numbers
    if np.abs(gray - (black + levels[2] / 255 * (white - black))).max() > _CURVE * np.abs(white - black).max():
        return Pixels(None, f"its first layers change pixels in another way than by scaling them{hint}")
    if _is_usual(black, white) or _is_centred(black, white):
        return Pixels("raw", f"The model scales pixels itself: 0 to 255 become {_range(black, white)}.")
    if _is_usual(black, almost):
        return Pixels("1/255", f"The model takes pixels from 0 to 1: it turns them into {_range(black, almost)}.")
    ranges = f"0 to 255 into {_range(black, white)}, and 0 to 1 into {_range(black, almost)}"
    return Pixels(None, f"its layers turn {ranges}, and neither is a usual range{hint}")


def _numbers_for(model: keras.Model, images: np.ndarray) -> np.ndarray | None:
    """What the first layer that learns features gets for images of one value, (N, channels); None without one."""

    def visit(layer: Any, path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if getattr(layer, "weights", None) and not isinstance(layer, keras.layers.Normalization):
            raise _FirstFeaturesError(first_argument(args, kwargs))
        return call_layer(layer, args, kwargs)

    try:
        run_layers(model, keras.ops.convert_to_tensor(images), visit)
    except _FirstFeaturesError as found:
        if isinstance(found.inputs, (list, tuple)):
            return None
        values = np.asarray(keras.ops.cast(found.inputs, "float32"), np.float64)
        if values.ndim == 4:
            return values[:, values.shape[1] // 2, values.shape[2] // 2]  # padding adds a border of zeros
        return np.median(values.reshape(len(values), -1), axis=1, keepdims=True)
    return None


def _is_usual(low: np.ndarray, high: np.ndarray) -> bool:
    """True if scaled pixels usually range like this: from 0 to 1, or a few units around zero."""
    spread, middle = np.abs(high - low).max(), np.abs(high + low).max() / 2
    unit = np.allclose(low, 0, atol=0.01) and np.allclose(high, 1, atol=0.01)
    return unit or bool(_SPREAD[0] <= spread <= _SPREAD[1] and middle <= _MIDDLE * spread)


def _is_centred(low: np.ndarray, high: np.ndarray) -> bool:
    """True for pixels of which a mean was subtracted."""
    return bool(_BYTES[0] <= np.abs(high - low).max() <= _BYTES[1] and low.max() < -50 and high.min() > 50)


def _range(low: np.ndarray, high: np.ndarray) -> str:
    return f"{low.min():.3g} to {high.max():.3g}"


def _hint(model: keras.Model) -> str:
    """A part of a sentence on the family of keras.applications that the model belongs to by its name; may be ""."""
    names = [model.name, *(layer.name for layer in model.layers if isinstance(layer, keras.Model))]
    for name in names:
        for family, scaling in _FAMILIES.items():
            if name.lower().replace("_", "").startswith(family):
                return f" (the weights that Keras publishes for {name} need {scaling})"
    return ""


def _is_teachable_machine(model: keras.Model) -> bool:
    """True for a graph with a pooling, then a Dense layer and one without a bias, in two models, for 224x224 pixels."""
    parts = _layers(model)
    if len(parts) != 2 or not all(isinstance(part, keras.Model) for part in parts):
        return False
    body, head = map(_layers, parts)
    if not body or not isinstance(body[0], keras.Model) or model.input_shape[1:] != (224, 224, 3):
        return False
    dense = all(isinstance(layer, keras.layers.Dense) for layer in head)
    return len(body) <= 2 and dense and len(head) == 2 and not head[1].use_bias


def _layers(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
