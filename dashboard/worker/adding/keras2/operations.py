"""Functions of TensorFlow and operations of Keras 3 that a saved graph calls between its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.ops import core, image, math, nn, numpy

from dashboard.core.errors import ModelError
from dashboard.worker.adding.keras2.layers import new_name
from dashboard.worker.models.archive import custom_layer


def _slice(x: Any, slice_spec: list[Any]) -> Any:
    return ops.get_item(x, tuple(_index(each) for each in slice_spec))


def _index(spec: Any) -> Any:
    if isinstance(spec, dict) and "class_name" in spec:
        return Ellipsis if "llipsis" in spec["class_name"] else None
    return slice(spec["start"], spec["stop"], spec["step"]) if isinstance(spec, dict) else spec


def _resize(x: Any, size: Any, method: str = "bilinear", antialias: bool = False, **_: Any) -> Any:
    return image.resize(x, tuple(size), interpolation=method, antialias=antialias)


def _constant(value: Any) -> Any:
    """A list of numbers as an array; tensors and lists of tensors as they are."""
    return np.asarray(value, np.float32) if isinstance(value, list) and _are_numbers(value) else value


def _are_numbers(values: list[Any]) -> bool:
    return all(_are_numbers(each) if isinstance(each, list) else isinstance(each, (int, float)) for each in values)


# TensorFlow's name -> the same in Keras 3. The first argument is a tensor, the others are as TensorFlow calls them.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "__operators__.add": lambda x, y: ops.add(x, y),
    "__operators__.getitem": _slice,
    "add": lambda x, y: ops.add(x, y),
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(t, clip_value_min, clip_value_max),
    "concat": lambda values, axis: ops.concatenate(values, axis=axis),
    "convert_to_tensor": lambda value, **_: ops.multiply(value, 1.0),
    "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
    "identity": lambda input: ops.multiply(input, 1.0),
    "image.resize": _resize,
    "image.rgb_to_grayscale": lambda images: image.rgb_to_grayscale(images),
    "math.add": lambda x, y: ops.add(x, y),
    "math.divide": lambda x, y: ops.divide(x, y),
    "math.l2_normalize": lambda x, axis=None, epsilon=1e-12: ops.normalize(x, axis=axis, epsilon=epsilon),
    "math.maximum": lambda x, y: ops.maximum(x, y),
    "math.minimum": lambda x, y: ops.minimum(x, y),
    "math.multiply": lambda x, y: ops.multiply(x, y),
    "math.negative": lambda x: ops.negative(x),
    "math.reduce_max": lambda input_tensor, axis=None, keepdims=False: ops.max(input_tensor, axis, keepdims),
    "math.reduce_mean": lambda input_tensor, axis=None, keepdims=False: ops.mean(input_tensor, axis, keepdims),
    "math.reduce_sum": lambda input_tensor, axis=None, keepdims=False: ops.sum(input_tensor, axis, keepdims),
    "math.sigmoid": lambda x: ops.sigmoid(x),
    "math.square": lambda x: ops.square(x),
    "math.sqrt": lambda x: ops.sqrt(x),
    "math.subtract": lambda x, y: ops.subtract(x, y),
    "math.tanh": lambda x: ops.tanh(x),
    "math.truediv": lambda x, y: ops.divide(x, y),
    "multiply": lambda x, y: ops.multiply(x, y),
    "nn.bias_add": lambda value, bias, **_: ops.add(value, bias),
    "nn.gelu": lambda features, approximate=False: ops.gelu(features, approximate),
    "nn.leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, alpha),
    "nn.relu": lambda features: ops.relu(features),
    "nn.relu6": lambda features: ops.relu6(features),
    "nn.sigmoid": lambda x: ops.sigmoid(x),
    "nn.silu": lambda features: ops.silu(features),
    "nn.softmax": lambda logits, axis=-1: ops.softmax(logits, axis),
    "nn.swish": lambda features: ops.silu(features),
    "reshape": lambda tensor, shape: ops.reshape(tensor, tuple(shape)),
    "sigmoid": lambda x: ops.sigmoid(x),
    "squeeze": lambda input, axis=None: ops.squeeze(input, axis),
    "subtract": lambda x, y: ops.subtract(x, y),
    "transpose": lambda a, perm=None: ops.transpose(a, perm),
}
_OPERATIONS: dict[str, Any] = {
    name: thing
    for module in (core, image, math, nn, numpy)
    for name, thing in vars(module).items()
    if isinstance(thing, type) and issubclass(thing, keras.Operation) and thing is not keras.Operation
}


def tensorflow_function(function: str, name: str, what: str) -> Callable[..., Any]:
    """A function of TensorFlow, such as "math.truediv", made of one operation of Keras that is called `name`.

    Raises:
        ModelError: the function is not known here.
    """
    run = _FUNCTIONS.get(function)
    if run is None:
        raise ModelError(
            f"{what} calls tf.{function} between its layers ({name!r}), which cannot be converted.",
            "Build the model with layers of Keras instead, for example Rescaling, then save it again.",
            "model_unreadable",
        )

    def call(first: Any, **others: Any) -> Any:
        given = {key: _constant(value) if key in ("y", "bias") else value for key, value in others.items()}
        given.pop("name", None)
        output = run(_constant(first), **given)
        output._keras_history.operation.name = new_name(name)  # unique in the file, unlike Keras' own count
        return output

    return call


def make_operation(class_name: str, config: dict[str, Any], what: str) -> Any:
    """An operation of Keras 3 such as TrueDivide, from its config. Raises ModelError if there is no such operation."""
    known = _OPERATIONS.get(class_name)
    if known is None:
        raise custom_layer(what, class_name, str(config.get("name", class_name)))
    return known.from_config(config)
