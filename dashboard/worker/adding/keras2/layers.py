"""Makes Keras 3 layers from the configs that Keras 2 wrote. Only Keras' own layers are made, and only by their names."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from dashboard.core.errors import ModelError
from dashboard.worker.models.archive import custom_layer, without_code
from dashboard.worker.models.loading import OF_CONVNEXT

# Layers that run code from the file, or that no classifier of images needs.
_REFUSED = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Layer", "Wrapper"}
_READ_FILES = {"StringLookup", "IntegerLookup", "TextVectorization", "Hashing", "HashedCrossing", "Discretization"}
LAYERS: dict[str, type[keras.Layer]] = {
    name: thing
    for name, thing in vars(keras.layers).items()
    if isinstance(thing, type) and issubclass(thing, keras.Layer) and name not in _REFUSED | _READ_FILES
} | OF_CONVNEXT
# Names of Keras 2 and of packages on top of it -> the layer that computes the same in inference.
_SAME_AS = {
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
    "FixedDropout": "Dropout",  # of the package efficientnet
    "SyncBatchNormalization": "BatchNormalization",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
}
_NEW_NAMES = {("LeakyReLU", "alpha"): "negative_slope", ("InputLayer", "batch_input_shape"): "batch_shape"}
_ACTIVATIONS = {"swish": "silu"}
_LEFT_OUT = {  # values that do not change what the layer computes in inference
    "batch_input_shape", "input_dtype", "input_shape", "dynamic", "ragged", "sparse", "optional", "fused", "momentum",
    "virtual_batch_size", "seed", "implementation", "input_dim", "input_length", "rng_type",
}  # fmt: skip
_ENDS_LEFT_OUT = ("_initializer", "_regularizer", "_constraint")


def make_layer(class_name: str, config: dict[str, Any], what: str) -> keras.Layer:
    """The Keras 3 layer of a config that Keras 2, or Keras 3 in an .h5 file, wrote.

    Raises:
        ModelError: the layer is none of Keras' own, or computes something that Keras 3 cannot.
    """
    name = config.get("name", class_name)
    layer_class = LAYERS.get(_SAME_AS.get(class_name, class_name))
    if class_name in _REFUSED:
        raise ModelError(
            f"{what} was refused: its layer {name!r} is a {class_name}, which can run any code.",
            without_code(class_name), "model_refused",
        )  # fmt: skip
    if layer_class is None:
        raise custom_layer(what, class_name, name)
    wanted: dict[str, Any] = {"name": new_name(name)}
    if (dtype := _dtype(config.get("dtype"))) is not None:
        wanted["dtype"] = dtype
    accepted = inspect.signature(layer_class.__init__).parameters
    for key, value in config.items():
        key = _NEW_NAMES.get((class_name, key), key)
        if key in wanted or key in ("dtype", "trainable") or key.endswith(_ENDS_LEFT_OUT):
            continue
        if key in accepted:
            wanted[key] = _value(class_name, key, value, what, name)
        elif class_name not in _SAME_AS and not _is_neutral(key, value):
            raise ModelError(
                f"{what} cannot be converted: its layer {name!r} ({class_name}) has {key}={value!r}, which Keras 3 "
                "does not offer.",
                "Build the model without it, then save it again.", "model_unreadable",
            )  # fmt: skip
    try:
        layer = layer_class(**wanted)
        layer.trainable = config.get("trainable", True)  # not every layer takes it as an argument
        return layer
    except Exception as error:  # a layer can raise any exception
        raise ModelError(
            f"{what} cannot be converted: its layer {name!r} ({class_name}) is not accepted by Keras "
            f"{keras.__version__}: {str(error)[:200]}",
            "Load it with the version of Keras that saved it, then save it again.", "model_unreadable",
        ) from error  # fmt: skip


def new_name(name: str) -> str:
    """The name as Keras 3 takes it, without slashes."""
    return name.replace("/", "_")


def _value(class_name: str, key: str, value: Any, what: str, name: str) -> Any:
    if key in ("activation", "recurrent_activation"):
        return activation(value, what, name)
    if key == "axis" and class_name in (*_SAME_AS, "BatchNormalization") and isinstance(value, (list, tuple, dict)):
        values = list(value.values()) if isinstance(value, dict) else list(value)
        return int(values[-1][0] if isinstance(values[-1], list) else values[-1])
    if isinstance(value, dict) and {"class_name", "config"} <= set(value):  # a number as NumPy wrote it
        inner = value["config"].get("value", value["config"]) if isinstance(value["config"], dict) else value["config"]
        return float(inner) if isinstance(inner, (int, float)) else inner
    if isinstance(value, dict) and value.get("type") == "ndarray":
        return value["value"]
    return value


def activation(value: Any, what: str, name: str) -> Any:
    """The name of an activation function, or a layer that works as one. Raises ModelError for code of the file's own."""
    if isinstance(value, dict):
        inner, class_name = value.get("config"), str(value.get("class_name"))
        if isinstance(inner, dict) and class_name in LAYERS:
            return make_layer(class_name, {"name": f"{name}_activation", **inner}, what)
        value = inner if isinstance(inner, str) else class_name
    if value is None:
        return None
    value = _ACTIVATIONS.get(value, value)
    known = isinstance(value, str) and value.islower() and callable(getattr(keras.activations, value, None))
    if not known or value in ("get", "serialize", "deserialize"):
        raise ModelError(
            f"{what} uses an activation function of its own, {value!r}, in the layer {name!r}. Its code is not in the "
            "file, and code from files is not run here.",
            "Build the model with an activation function of Keras, then save it again.", "custom_layer",
        )  # fmt: skip
    return value


def _dtype(value: Any) -> str | None:
    """The name of a dtype. Mixed precision becomes float32, which is at least as exact; the weights are float32 anyway."""
    if isinstance(value, dict):
        config = value.get("config")
        value = config.get("name") if isinstance(config, dict) else None
    if not isinstance(value, str):
        return None
    return "float32" if value.startswith("mixed_") else value


def _is_neutral(key: str, value: Any) -> bool:
    usual = (key, value) in (("groups", 1), ("data_format", "channels_last"))
    return key in _LEFT_OUT or value in (None, False, [], {}) or usual
