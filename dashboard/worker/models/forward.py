"""Runs a Keras model layer by layer, also inside nested models.

Nothing is added to the model's graph. So names never collide, and it does not matter what was loaded before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from dashboard.core.errors import ModelError

# (layer or operation, its path, what it is called with) -> its output
Visit = Callable[[Any, str, Sequence[Any], dict[str, Any]], Any]


def run_layers(model: keras.Model, inputs: Any, visit: Visit, prefix: str = "") -> Any:
    """The output of the model for `inputs`, a tensor, where `visit` computes the output of each layer.

    Args:
        visit: is called for each layer and operation in the order of the forward pass; `call_layer` is what Keras does.
            A path is the names of the nested models and of the layer, separated by "/".

    Raises:
        ModelError: the model, or a model inside it, is subclassed.
    """

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            return run_layers(layer, first_argument(args, kwargs), visit, f"{prefix}{layer.name}/")
        return visit(layer, prefix + layer.name, args, kwargs)

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = call(layer, inputs)
        return inputs
    if not hasattr(model, "_run_through_graph"):
        raise ModelError(
            f"{model.name} is a subclassed model, so its layers cannot be inspected.",
            "Save it as a functional or Sequential model.", "model_subclassed",
        )  # fmt: skip
    outputs = model._run_through_graph(inputs, operation_fn=lambda layer: layer, call_fn=call)
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs


def first_argument(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What a layer is called with, also if it was called by keyword."""
    return args[0] if args else next(iter(kwargs.values()))


def call_layer(layer: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """The output of one layer or operation in inference."""
    if isinstance(layer, keras.Layer):
        kwargs = {**kwargs, "training": False}  # also if the model was built with training=True
    return layer(*args, **kwargs)
