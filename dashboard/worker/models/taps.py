"""Gives access to the logits and inner activations of any Keras image classifier.

The model's graph is built again on a new input, also inside nested models, without the last softmax or sigmoid. It
shares all weights, and the model itself is not changed. This also works for a Sequential model that was loaded from a
file and whose layers were never called one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

from dashboard.core.errors import ModelError
from dashboard.core.models.facts import ConvLayer, stages

_SQUASHING = ("softmax", "sigmoid")


class Taps:
    """Compiled functions from a model's input to its logits, activations, gradients and embeddings."""

    def __init__(self, model: keras.Model, output: str, input_shape: tuple[int, int, int] | None = None) -> None:
        """`input_shape` (height, width, channels) is needed for a model that takes any size."""
        self._activations: dict[str, keras.KerasTensor] = {}
        self._bare: set[str] = set()  # names of layers whose activation function comes later
        # float32 even if the model takes integers, because integers have no gradient
        self._inputs = keras.Input(input_shape or model.input_shape[1:], dtype="float32")
        self._signature = (tf.TensorSpec(self._inputs.shape, tf.float32), tf.TensorSpec((None,), tf.int32))
        self._embedding: Any = None  # input of the last layer with a kernel
        self._last = last_operation(model)
        self._drop_squashing = output == "probabilities"
        if not self._drop_squashing and _squashes(self._last):
            raise ModelError(
                f"By model.json the model gives logits, but its last layer, {self._last.name}, gives probabilities.",
                'Set "output" to "probabilities" in model.json.', "no_logits",
            )  # fmt: skip
        logits = self._walk(model, self._inputs, "")
        if logits.shape[-1] == 1:  # one unit: class 1 against class 0
            logits = keras.ops.concatenate([-logits / 2, logits / 2], axis=-1)
        self._logits = logits
        try:
            to_logits = keras.Model(self._inputs, logits)
        except ValueError as error:
            raise ModelError(
                f"The layers of {model.name} and its nested models cannot be joined in one graph: {error}",
                "Give all layers different names, then save the model again.", "model_graph",
            ) from error  # fmt: skip
        self.logits: Callable[[tf.Tensor], tf.Tensor] = tf.function(
            lambda x: tf.cast(to_logits(x, training=False), tf.float32), reduce_retracing=True
        )
        self._gradients: dict[str, Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]] = {}
        self.input_gradients: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = self._trace_input(to_logits)

    @property
    def conv_layers(self) -> tuple[ConvLayer, ...]:
        """Layers with a grid of at least 2x2, from the first convolution on, in the order of the forward pass."""
        found = []
        for name, tensor in self._activations.items():
            height, width, channels = tensor.shape[1:]
            if None not in (height, width) and min(height, width) > 1:
                found.append(ConvLayer(name, (int(height), int(width)), int(channels), name not in self._bare))
        return tuple(found)

    def default_layer(self) -> ConvLayer:
        """The deepest activated layer with a grid of at least 4x4.

        If there is none, the layer with the largest grid; of several, the deepest.

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
        deep = [layer for layer in stages(layers) if min(layer.grid) >= 4]
        return deep[-1] if deep else max(reversed(layers), key=lambda layer: layer.grid)

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

    def _trace(self, name: str) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]:
        model = keras.Model(self._inputs, [self._activations[name], self._logits])

        @tf.function(input_signature=self._signature)
        def run(inputs: tf.Tensor, target_class: tf.Tensor) -> tuple[tf.Tensor, ...]:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)  # so that the tape records the activations even if no weight is trainable
                activations, logits = model(inputs, training=False)
                target = tf.gather(tf.cast(logits, tf.float32), target_class, axis=1, batch_dims=1)
            gradients = tape.gradient(target, activations, unconnected_gradients=tf.UnconnectedGradients.ZERO)
            return tuple(tf.cast(t, tf.float32) for t in (logits, activations, gradients))

        return run

    def _trace_input(self, to_logits: keras.Model) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        """A function to the derivative (N, H, W, C) float32 of each target logit with respect to the input."""

        @tf.function(input_signature=self._signature)
        def run(inputs: tf.Tensor, target_class: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inputs)
                logits = tf.cast(to_logits(inputs, training=False), tf.float32)
                target = tf.gather(logits, target_class, axis=1, batch_dims=1)
            return tape.gradient(target, inputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)

        return run

    @cached_property
    def embeddings(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """A function from inputs to embeddings (N, d) float32.

        An embedding is the input of the last layer with a kernel, averaged over its grid. If no layer has a
        kernel, it is the logits.
        """
        embedding = self._logits if self._embedding is None else self._embedding
        to_embedding = keras.Model(self._inputs, embedding)
        places = list(range(1, len(embedding.shape) - 1))

        @tf.function(input_signature=self._signature[:1])
        def run(inputs: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.cast(to_embedding(inputs, training=False), tf.float32), axis=places)

        return run

    def _walk(self, model: keras.Model, inputs: Any, prefix: str) -> Any:
        if isinstance(model, keras.Sequential):
            x = inputs
            for layer in model.layers:
                x = self._call(layer, prefix, x)
            return x
        if not hasattr(model, "_run_through_graph"):
            raise ModelError(
                f"{model.name} is a subclassed model, so its layers cannot be inspected.",
                "Save it as a functional or Sequential model.", "model_subclassed",
            )  # fmt: skip
        # not `clone_model`: it does not connect its outputs to inputs that come from another layer
        outputs = model._run_through_graph(
            inputs,
            operation_fn=lambda layer: layer,
            call_fn=lambda layer, *args, **kwargs: self._call(layer, prefix, *args, **kwargs),
        )
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def _call(self, layer: Any, prefix: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            return self._walk(layer, args[0], f"{prefix}{layer.name}/")
        if hasattr(layer, "kernel"):
            self._embedding = args[0]
        if layer is self._last and self._drop_squashing:
            return _without_squashing(layer, args[0])
        output = layer(*args, **kwargs)
        seen_convolution = bool(self._activations) or "Conv" in type(layer).__name__
        framed = isinstance(layer, (keras.layers.ZeroPadding2D, keras.layers.Cropping2D))  # these only move their input
        if isinstance(output, keras.KerasTensor) and len(output.shape) == 4 and seen_convolution and not framed:
            self._activations.pop(prefix + layer.name, None)  # if a layer is used several times, the last use counts
            self._activations[prefix + layer.name] = output
            if _is_bare(layer):
                self._bare.add(prefix + layer.name)
        return output


def last_operation(model: keras.Model) -> Any:
    """The layer or operation that gives the model's first output, also inside nested models."""
    last = model.layers[-1] if isinstance(model, keras.Sequential) else model.outputs[0]._keras_history.operation
    return last_operation(last) if isinstance(last, keras.Model) else last


def is_squashing(layer: Any) -> bool:
    """True if it is only a softmax or sigmoid: a layer, or an operation such as `keras.ops.softmax` makes."""
    return isinstance(layer, keras.Operation) and type(layer).__name__.lower() in _SQUASHING


def _squashes(layer: Any) -> bool:
    return is_squashing(layer) or getattr(getattr(layer, "activation", None), "__name__", "") in _SQUASHING


def _without_squashing(layer: Any, x: Any) -> Any:
    """The output of `layer` for input `x` before its softmax or sigmoid."""
    if is_squashing(layer):
        return x
    if not _squashes(layer):
        raise ModelError(
            f"The model gives probabilities, but its last layer, {layer.name}, is not a softmax or sigmoid.",
            "Without logits it cannot be explained or calibrated: end the model with a Dense layer with softmax.",
            "no_logits",
        )
    if isinstance(layer, keras.layers.Activation):
        return x
    config = {**layer.get_config(), "activation": "linear", "name": f"{layer.name}_logits"}
    linear = type(layer).from_config(config)
    logits = linear(x)
    linear.set_weights(layer.get_weights())
    return logits


def _is_bare(layer: Any) -> bool:
    """True for a convolution or normalisation without an activation function of its own."""
    kind, activation = type(layer).__name__, getattr(layer, "activation", None)
    linear = activation is None or getattr(activation, "__name__", "") == "linear"
    return linear and ("Conv" in kind or "Normalization" in kind)
