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

_INSTEAD = "Build the model with layers of Keras instead, for example Rescaling, then save it again."


def _slice(x: Any, slice_spec: list[Any]) -> Any:
    return ops.get_item(x, tuple(_index(each) for each in slice_spec))


def _index(spec: Any) -> Any:
    if isinstance(spec, dict) and "class_name" in spec:
        return Ellipsis if "llipsis" in spec["class_name"] else None
    return slice(spec["start"], spec["stop"], spec["step"]) if isinstance(spec, dict) else spec


def _resize(
    x: Any, size: Any, method: str = "bilinear", preserve_aspect_ratio: bool = False, antialias: bool = False
) -> Any:
    if preserve_aspect_ratio:
        raise ValueError("preserve_aspect_ratio is not supported")
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise ValueError(f"the method {method} is not supported")
    return image.resize(x, tuple(size), interpolation=method, antialias=antialias)


def _bias_add(value: Any, bias: Any, data_format: str | None = None) -> Any:
    if data_format in ("NCHW", "NC..."):
        raise ValueError(f"data_format {data_format} is not supported")
    return ops.add(value, bias)


def _constant(value: Any) -> Any:
    """A list of numbers as an array; tensors and lists of tensors as they are."""
    return np.asarray(value, np.float32) if isinstance(value, list) and _are_numbers(value) else value


def _are_numbers(values: list[Any]) -> bool:
    return all(_are_numbers(each) if isinstance(each, list) else isinstance(each, (int, float)) for each in values)


def _of_two(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """An operation whose second argument TensorFlow calls `y`."""
    return lambda x, y: operation(x, y)


def _over_axes(operation: Callable[..., Any]) -> Callable[..., Any]:
    """An operation over some axes, with TensorFlow's names of the arguments."""
    return lambda input_tensor, axis=None, keepdims=False: operation(input_tensor, axis, keepdims)


# TensorFlow's name -> the same in Keras 3. The first argument is a tensor, the others are as TensorFlow calls them.
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("__operators__.add", "add", "math.add"), _of_two(ops.add)),
    **dict.fromkeys(("math.divide", "math.truediv"), _of_two(ops.divide)),
    **dict.fromkeys(("math.multiply", "multiply"), _of_two(ops.multiply)),
    **dict.fromkeys(("math.subtract", "subtract"), _of_two(ops.subtract)),
    **dict.fromkeys(("math.sigmoid", "nn.sigmoid", "sigmoid"), ops.sigmoid),
    **dict.fromkeys(("nn.silu", "nn.swish"), ops.silu),
    "math.maximum": _of_two(ops.maximum),
    "math.minimum": _of_two(ops.minimum),
    "math.negative": ops.negative,
    "math.reduce_max": _over_axes(ops.max),
    "math.reduce_mean": _over_axes(ops.mean),
    "math.reduce_sum": _over_axes(ops.sum),
    "math.square": ops.square,
    "math.sqrt": ops.sqrt,
    "math.tanh": ops.tanh,
    "nn.relu": ops.relu,
    "nn.relu6": ops.relu6,
    "image.rgb_to_grayscale": image.rgb_to_grayscale,
    "__operators__.getitem": _slice,
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": lambda t, clip_value_min, clip_value_max: ops.clip(t, clip_value_min, clip_value_max),
    "concat": lambda values, axis: ops.concatenate(values, axis=axis),
    "convert_to_tensor": lambda value, dtype=None, dtype_hint=None: ops.multiply(value, 1.0),
    "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
    "identity": lambda input: ops.multiply(input, 1.0),
    "image.resize": _resize,
    "math.l2_normalize": lambda x, axis=None, epsilon=1e-12: ops.normalize(x, axis=axis, epsilon=epsilon),
    "nn.bias_add": _bias_add,
    "nn.gelu": lambda features, approximate=False: ops.gelu(features, approximate),
    "nn.leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, alpha),
    "nn.softmax": lambda logits, axis=-1: ops.softmax(logits, axis),
    "reshape": lambda tensor, shape: ops.reshape(tensor, tuple(shape)),
    "squeeze": lambda input, axis=None: ops.squeeze(input, axis),
    "transpose": lambda a, perm=None: ops.transpose(a, perm),
}
# The same as nodes of a graph, which Keras 2.0 to 2.3 stored. All arguments are positional.
_NODES: dict[str, Callable[..., Any]] = {
    "Add": ops.add, "AddV2": ops.add, "BiasAdd": ops.add, "Maximum": ops.maximum, "Minimum": ops.minimum,
    "Mul": ops.multiply, "Neg": ops.negative, "RealDiv": ops.divide, "Relu": ops.relu, "Relu6": ops.relu6,
    "Sigmoid": ops.sigmoid, "Softmax": ops.softmax, "Square": ops.square, "Sub": ops.subtract, "Tanh": ops.tanh,
}  # fmt: skip
_OPERATIONS: dict[str, Any] = {
    name: thing
    for module in (core, image, math, nn, numpy)
    for name, thing in vars(module).items()
    if isinstance(thing, type) and issubclass(thing, keras.Operation) and thing is not keras.Operation
}


def tensorflow_function(function: str, name: str, what: str) -> Callable[..., Any]:
    """A function of TensorFlow, such as "math.truediv", made of one operation of Keras that is called `name`.

    Raises:
        ModelError: the function is not known here, or when it is called, one of its arguments is not.
    """
    run = _FUNCTIONS.get(function)
    if run is None:
        raise ModelError(
            f"{what} calls tf.{function} between its layers ({name!r}), which cannot be converted.",
            _INSTEAD,
            "model_unreadable",
        )

    def call(first: Any, **others: Any) -> Any:
        given = {key: _constant(value) if key in ("y", "bias") else value for key, value in others.items()}
        given.pop("name", None)
        try:
            output = run(_constant(first), **given)
        except (TypeError, ValueError) as error:  # an argument that would change the answers is never passed over
            raise ModelError(
                f"{what} calls tf.{function} between its layers ({name!r}) in a way that cannot be converted: "
                f"{str(error)[:200].rstrip('.')}.",
                _INSTEAD, "model_unreadable",
            ) from error  # fmt: skip
        output._keras_history.operation.name = new_name(name)  # unique in the file, unlike Keras' own count
        return output

    return call


def graph_node(config: dict[str, Any], name: str, what: str) -> Callable[..., Any]:
    """A node of TensorFlow's graph, which Keras 2.0 to 2.3 stored, as one operation of Keras that is called `name`.

    Raises:
        ModelError: the node is of a kind that is not known here.
    """
    node = config["node_def"] if isinstance(config["node_def"], dict) else {}
    constants = {int(position): _constant(value) for position, value in config.get("constants", {}).items()}
    kind = node.get("op", "")
    if kind not in _NODES and kind != "StridedSlice":
        raise ModelError(
            f"{what} calls TensorFlow's {kind or 'graph'} between its layers ({name!r}), which cannot be converted.",
            _INSTEAD,
            "model_unreadable",
        )

    def call(tensors: Any) -> Any:
        given = iter(tensors if isinstance(tensors, list) else [tensors])
        if kind == "StridedSlice":
            output = ops.get_item(next(given), _strided(node["attr"], *(constants[i].astype(int) for i in (1, 2, 3))))
        else:
            n = len(constants) + (len(tensors) if isinstance(tensors, list) else 1)
            output = _NODES[kind](*(constants[i] if i in constants else next(given) for i in range(n)))
        output._keras_history.operation.name = new_name(name)
        return output

    return call


def _strided(masks: dict[str, Any], begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> tuple[Any, ...]:
    """The index that a node StridedSlice stands for: each bit of a mask is for one axis."""

    def masked(mask: str, axis: int) -> bool:
        return bool(int(masks.get(mask, {}).get("i", 0)) >> axis & 1)

    found: list[Any] = []
    for axis in range(len(begin)):
        if masked("ellipsis_mask", axis):
            found.append(Ellipsis)
        elif masked("shrink_axis_mask", axis):
            found.append(int(begin[axis]))
        else:
            first = None if masked("begin_mask", axis) else int(begin[axis])
            last = None if masked("end_mask", axis) else int(end[axis])
            found.append(slice(first, last, int(strides[axis])))
    return tuple(found)


def make_operation(class_name: str, config: dict[str, Any], what: str) -> Any:
    """An operation of Keras 3 such as TrueDivide, from its config. Raises ModelError if there is no such operation."""
    known = _OPERATIONS.get(class_name)
    if known is None:
        raise custom_layer(what, class_name, str(config.get("name", class_name)))
    return known.from_config(config)
