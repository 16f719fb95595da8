"""Gives access to the logits and inner activations of any Keras image classifier.

The model is run layer by layer, also inside nested models, without the last softmax or sigmoid. It shares all weights,
and the model itself is not changed. This also works for a Sequential model that was loaded from a file and whose layers
were never called one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

from dashboard.core.errors import ModelError
from dashboard.core.models.facts import ConvLayer, default_layer
from dashboard.worker.models.forward import call_layer, first_argument, run_layers

_SQUASHING = ("softmax", "sigmoid")
_SPATIAL = ("Conv", "Pool", "UpSampling", "Resiz")  # in the names of layers and operations whose output is a grid
_ABOUT_SHAPES = ("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike")  # operations that read no values
_CROPPING = ("CenterCrop", "CropImages", "Cropping2D", "GetItem", "Slice")


@dataclass
class _Pass:
    """What one forward pass computed."""

    # path of a layer -> its output: a grid (N, h, w, c), or the tokens (N, h * w, c) of a transformer
    activations: dict[str, tf.Tensor] = field(default_factory=dict)
    earlier: dict[str, list[tf.Tensor]] = field(default_factory=dict)  # its outputs before, if it is used several times
    grids: dict[str, tuple[int, int]] = field(default_factory=dict)  # path of a layer -> (h, w)
    channels_first: set[str] = field(default_factory=set)  # paths of layers whose grid is (N, c, h, w)
    bare: set[str] = field(default_factory=set)  # paths of layers whose activation function comes later
    is_channels_first: bool = False  # at this point of the pass
    is_cropped: bool = False  # from here on, grids lie over a part of the picture only
    embedding: Any = None  # input of the last layer with a kernel
    logits: Any = None  # (N, K) float32


class Taps:
    """Compiled functions from a model's input to its logits, activations, gradients and embeddings."""

    def __init__(self, model: keras.Model, output: str, input_shape: tuple[int, int, int] | None = None) -> None:
        """`input_shape` (height, width, channels) is needed for a model that takes any size."""
        self._model = model
        # float32 even if the model takes integers, because integers have no gradient
        inputs = tf.TensorSpec((None, *(input_shape or model.input_shape[1:])), tf.float32)
        self._signature = (inputs, tf.TensorSpec((None,), tf.int32))
        self._last = last_operation(model)
        if output != "probabilities" and _squashes(self._last):
            raise ModelError(
                f"By model.json the model gives logits, but its last layer, {self._last.name}, gives probabilities.",
                'Set "output" to "probabilities" in model.json.', "no_logits",
            )  # fmt: skip
        self._to_logits = _without_squashing(self._last) if output == "probabilities" else None
        self.logits: Callable[[tf.Tensor], tf.Tensor] = tf.function(
            lambda x: self._run(x).logits, reduce_retracing=True
        )
        self._gradients: dict[str, Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]] = {}

    @tf.autograph.experimental.do_not_convert  # it has no control flow on tensors, and AutoGraph knows no `:=`
    def _run(self, inputs: tf.Tensor) -> _Pass:
        """Runs the model on inputs (N, H, W, C). The logits are (N, K) float32."""
        found = _Pass()

        def visit(layer: Any, path: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
            if hasattr(layer, "kernel"):
                found.embedding = first_argument(args, kwargs)
            if layer is self._last and self._to_logits:
                return self._to_logits(first_argument(args, kwargs))
            output = call_layer(layer, args, kwargs)
            if not found.activations and _crops(layer, first_argument(args, kwargs), output):
                found.is_cropped = True
            seen_convolution = bool(found.activations) or "Conv" in type(layer).__name__
            framed = isinstance(layer, (keras.layers.ZeroPadding2D, keras.layers.Cropping2D))  # only move their input
            if seen_convolution and not framed and not found.is_cropped and (grid := _grid_of(layer, output, found)):
                if (before := found.activations.pop(path, None)) is not None:  # the last use of a layer counts
                    found.earlier.setdefault(path, []).append(before)
                found.activations[path], found.grids[path] = output, grid
                if found.is_channels_first and len(output.shape) == 4:
                    found.channels_first.add(path)
                if _is_bare(layer):
                    found.bare.add(path)
            return output

        with tf.name_scope("network"):  # within one, names of layers may also begin with _ or -
            logits = tf.cast(run_layers(self._model, inputs, visit), tf.float32)
        if logits.shape[-1] == 1:  # one unit: class 1 against class 0
            logits = tf.concat([-logits / 2, logits / 2], axis=-1)
        elif self._to_logits and _squashed_by(self._last) == "sigmoid":  # the softmax divides sigmoids by their sum
            logits = tf.math.log_sigmoid(logits)
        found.logits = logits
        return found

    @cached_property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """The layers from the first convolution on whose output is a grid of at least 2x2, in the order of the forward pass.

        The tokens of a transformer count too, if there is one for each place of a grid. Grids over a cropped picture do
        not count: their maps would be laid over the whole one.
        """
        found: list[ConvLayer] = []

        def look(inputs: tf.Tensor) -> tf.Tensor:
            run = self._run(inputs)
            maps = {path: tensor for path, tensor in run.activations.items() if min(run.grids[path]) > 1}
            unseen = _unseen_branches(maps, run)
            for path, tensor in maps.items():
                channels = int(tensor.shape[1 if path in run.channels_first else -1])
                is_reused = _leads_around(run.earlier.get(path, ()), tensor, run)
                found.append(ConvLayer(path, run.grids[path], channels, path not in run.bare, unseen[path], is_reused))
            return run.logits

        tf.function(look, autograph=False).get_concrete_function(self._signature[0])  # traces: nothing is computed
        return tuple(found)

    def default_layer(self) -> ConvLayer:
        """See `facts.default_layer`.

        Raises:
            ModelError: the model has no layer with a grid.
        """
        layers = self.conv_layers
        if not layers:
            raise ModelError(
                "This model has no layer with a grid to make a map from.",
                "Choose a method that looks at pixels: integrated-gradients, smooth-grad or occlusion.",
                "no_conv_layer",
            )
        return default_layer(layers)

    def layer(self, name: str | None) -> ConvLayer:
        """The layer of this name; the default layer for None. Raises ModelError if there is no such layer."""
        if name is None:
            return self.default_layer()
        for layer in self.conv_layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.conv_layers)
        raise ModelError(f"This model has no layer {name!r} with a grid.", f"Choose one of: {names}.", "layer_unknown")

    def gradients(self, inputs: tf.Tensor, target_class: tf.Tensor, layer: ConvLayer) -> tuple[tf.Tensor, ...]:
        """The logits, a layer's activations, and the derivative of each target logit with respect to them.

        Args:
            inputs: (N, H, W, C) model inputs.
            target_class: (N,) int32.

        Returns:
            logits (N, K), activations (N, h, w, c), gradients (N, h, w, c); float32.
        """
        if layer.name not in self._gradients:
            self._gradients[layer.name] = self._trace(layer.name)
        return self._gradients[layer.name](inputs, target_class)

    def _trace(self, path: str) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]:
        @tf.function(input_signature=self._signature)
        def run(inputs: tf.Tensor, target_class: tf.Tensor) -> tuple[tf.Tensor, ...]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)  # so that the tape records the activations even if no weight is trainable
                found = self._run(inputs)
                target = tf.gather(found.logits, target_class, axis=1, batch_dims=1)
            activations = found.activations[path]
            gradients = tape.gradient(target, activations, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            if path in found.channels_first:
                activations, gradients = (tf.transpose(t, (0, 2, 3, 1)) for t in (activations, gradients))
            shape = (-1, *found.grids[path], activations.shape[-1])
            in_grid = (tf.reshape(tf.cast(t, tf.float32), shape) for t in (activations, gradients))
            return (found.logits, *in_grid)

        return run

    @cached_property
    def input_gradients(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """A function to the derivative (N, H, W, C) float32 of each target logit with respect to the input."""

        @tf.function(input_signature=self._signature)
        def run(inputs: tf.Tensor, target_class: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)
                target = tf.gather(self._run(inputs).logits, target_class, axis=1, batch_dims=1)
            return tape.gradient(target, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)

        return run

    @cached_property
    def embeddings(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """A function from inputs to embeddings (N, d) float32.

        An embedding is the input of the last layer with a kernel, averaged over its grid. If no layer has a
        kernel, it is the logits.
        """

        @tf.function(input_signature=self._signature[:1])
        def run(inputs: tf.Tensor) -> tf.Tensor:
            found = self._run(inputs)
            embedding = found.logits if found.embedding is None else found.embedding
            return tf.reduce_mean(tf.cast(embedding, tf.float32), axis=list(range(1, len(embedding.shape) - 1)))

        return run


def _unseen_branches(maps: dict[str, tf.Tensor], run: _Pass) -> dict[str, tuple[str, ...]]:
    """For each layer, the last ones of the branches that it does not lead to. The pass must be a symbolic one.

    A branch ends where a grid becomes something else, as in a pooling over all places, on the way to the logits. So
    branches that meet in a grid, as in Inception or behind a skip connection, are one.

    Args:
        maps: the outputs of the layers, by path, in the order of the forward pass.
    """
    with_grid = {tensor.op.name: tensor.op for tensor in run.activations.values()}
    reached = _leading_to(run.logits.op, with_grid)
    unseen: dict[str, tuple[str, ...]] = dict.fromkeys(maps, ())
    for end in (operation for name, operation in with_grid.items() if name in reached):
        before = _leading_to(end)
        lead_to_it = [path for path, tensor in maps.items() if tensor.op.name in before]
        for path in unseen.keys() - lead_to_it:
            unseen[path] += (*lead_to_it[-1:],)
    return unseen


def _leads_around(earlier: Sequence[tf.Tensor], last: tf.Tensor, run: _Pass) -> bool:
    """Whether an earlier output of a layer leads to the logits otherwise than through its last one."""
    reached = _leading_to(run.logits.op, {last.op.name}) if earlier else set()
    return any(tensor.op.name in reached for tensor in earlier)


def _leading_to(last: tf.Operation, until: Container[str] = ()) -> set[str]:
    """The names of an operation and of those before it, back to the input or to the first ones in `until`."""
    found: set[str] = set()
    waiting = [last]
    while waiting:
        operation = waiting.pop()
        if operation.name in found or operation.type in _ABOUT_SHAPES:
            continue
        found.add(operation.name)
        if operation.name not in until:
            waiting += [tensor.op for tensor in operation.inputs]
    return found


def _crops(layer: Any, before: Any, after: Any) -> bool:
    """True if the layer cuts the sides off a picture. `before` and `after` are what it gets and gives."""
    if type(layer).__name__ not in _CROPPING or not isinstance(before, tf.Tensor) or not isinstance(after, tf.Tensor):
        return False
    return len(before.shape) == len(after.shape) == 4 and before.shape[1:3] != after.shape[1:3]


def _grid_of(layer: Any, output: Any, found: _Pass) -> tuple[int, int] | None:
    """The height and width of a layer's output, also of tokens that are a grid, row by row; None if it has none.

    Four axes alone are no grid, because the heads of an attention have them too: the layer must be a convolution or the
    like, or the grid must be as large as an earlier one.
    """
    if not isinstance(output, tf.Tensor) or None in output.shape[1:]:
        return None
    is_spatial = any(part in type(layer).__name__ for part in _SPATIAL)
    if is_spatial and hasattr(layer, "data_format"):
        found.is_channels_first = layer.data_format == "channels_first"
    if len(output.shape) == 4:
        height, width = output.shape[2:] if found.is_channels_first else output.shape[1:3]
        grid = (int(height), int(width))
        return grid if is_spatial or grid in found.grids.values() else None
    before = found.grids[next(reversed(found.grids))] if found.grids else None
    if len(output.shape) == 3 and before and output.shape[1] == before[0] * before[1]:
        return before
    return None


def last_operation(model: keras.Model, output: int = 0) -> Any:
    """The layer or operation that gives the model's output with this index, also inside nested models."""
    if isinstance(model, keras.Sequential):
        last, index = model.layers[-1], 0
    else:
        last, _, index = model.outputs[output]._keras_history
    return last_operation(last, index) if isinstance(last, keras.Model) else last


def is_squashing(layer: Any) -> bool:
    """True if it is only a softmax or sigmoid: a layer, or an operation such as `keras.ops.softmax` makes."""
    return isinstance(layer, keras.Operation) and type(layer).__name__.lower() in _SQUASHING


def _squashed_by(layer: Any) -> str:
    """The name of the layer itself if it is only a softmax or sigmoid, else of its activation; "" without one."""
    if is_squashing(layer):
        return type(layer).__name__.lower()
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _squashes(layer: Any) -> bool:
    return _squashed_by(layer) in _SQUASHING


def _without_squashing(layer: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """The last layer without its softmax or sigmoid, as a function of its input. Raises ModelError if it has none."""
    if not _squashes(layer):
        raise ModelError(
            f"By model.json the model gives probabilities, but its last layer, {layer.name}, is not a softmax or sigmoid.",
            "Add the original file with `python -m dashboard models add`, which gives it logits.",
            "no_logits",
        )
    if is_squashing(layer) or isinstance(layer, keras.layers.Activation):
        return lambda x: x
    linear = type(layer).from_config({**layer.get_config(), "activation": "linear"})
    linear.build_from_config(layer.get_build_config())
    linear.set_weights(layer.get_weights())
    return linear


def _is_bare(layer: Any) -> bool:
    """True for a convolution or normalisation without an activation function of its own."""
    kind, activation = type(layer).__name__, getattr(layer, "activation", None)
    linear = activation is None or getattr(activation, "__name__", "") == "linear"
    return linear and ("Conv" in kind or "Normalization" in kind)
