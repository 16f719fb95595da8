"""A copy of a model that computes in bfloat16."""

from __future__ import annotations

from typing import Any

import keras

from dashboard.worker.models.taps import last_operation


def in_bfloat16(model: keras.Model) -> keras.Model:
    """A copy with the same weights under Keras' policy mixed_bfloat16; the last layer and its output stay float32."""
    last = last_operation(model)

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if layer is not last:
            config["dtype"] = "mixed_bfloat16"
        return type(layer).from_config(config)

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights(model.get_weights())
    return copy
