"""Miniatures of the architectures that people use, with random weights: made by Keras 2 (`tf_keras`) or Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

SIZE = 32
CLASSES = 3


def _narrow(lib: Any, model: Any, by: int = 16) -> Any:
    """The same layers with fewer filters."""
    config = model.get_config()
    for layer in config["layers"]:
        layer.pop("build_config", None)  # the shape of the weights before
        if "filters" in layer["config"]:
            layer["config"]["filters"] = max(2, layer["config"]["filters"] // by)
    return lib.Model.from_config(config)


def _source(lib: Any, module: str) -> Any:
    """The file of `lib` whose functions take widths and depths; `lib` itself offers only the published sizes."""
    return import_module(f"{lib.__name__}.src.applications.{module}")


def _options(size: int = SIZE) -> dict[str, Any]:
    return {"weights": None, "include_top": False, "input_shape": (size, size, 3)}


def _resnet(lib: Any, version: int) -> Any:
    source = _source(lib, "resnet")
    new = lib.__name__ == "keras"
    stack = getattr(source, f"stack_residual_blocks_v{version}" if new else f"stack{version}")

    def stacks(x: Any) -> Any:
        x = stack(x, 64, 2, stride1=1, name="conv2")
        return stack(x, 128, 2, name="conv3")

    name = {"name" if new else "model_name": "resnet50"}
    return _narrow(lib, source.ResNet(stacks, version == 2, True, **name, **_options()))


def _efficientnet(lib: Any) -> Any:
    return _source(lib, "efficientnet").EfficientNet(0.2, 0.3, SIZE, **_options())


def _efficientnet_v2(lib: Any) -> Any:
    named = {"name" if lib.__name__ == "keras" else "model_name": "efficientnetv2-b0"}
    return _source(lib, "efficientnet_v2").EfficientNetV2(0.2, 0.3, SIZE, min_depth=4, **named, **_options())


def _nasnet(lib: Any) -> Any:
    return _source(lib, "nasnet").NASNet(
        input_shape=(SIZE, SIZE, 3), penultimate_filters=96, num_blocks=1, stem_block_filters=8, skip_reduction=False,
        filter_multiplier=2, include_top=False, weights=None,
    )  # fmt: skip


def _convnext(lib: Any) -> Any:
    return _source(lib, "convnext").ConvNeXt([1, 1, 1, 1], [4, 8, 8, 16], default_size=SIZE, **_options())


BACKBONES: dict[str, Callable[[Any], Any]] = {
    "mobilenet": lambda lib: lib.applications.MobileNet(alpha=0.25, **_options()),
    "mobilenet_v2": lambda lib: lib.applications.MobileNetV2(alpha=0.35, **_options()),
    "mobilenet_v3": lambda lib: lib.applications.MobileNetV3Small(alpha=0.35, **_options()),
    "efficientnet_b0": _efficientnet,
    "efficientnet_v2": _efficientnet_v2,
    "resnet50": lambda lib: _resnet(lib, 1),
    "resnet50_v2": lambda lib: _resnet(lib, 2),
    "vgg16": lambda lib: _narrow(lib, lib.applications.VGG16(**_options())),
    "xception": lambda lib: _narrow(lib, lib.applications.Xception(**_options(71))),
    "inception_v3": lambda lib: _narrow(lib, lib.applications.InceptionV3(**_options(75))),
    "densenet121": lambda lib: _narrow(lib, _source(lib, "densenet").DenseNet([1, 2, 2, 1], **_options()), 4),
    "nasnet_mobile": _nasnet,
    "convnext": _convnext,
}


def miniature(lib: Any, name: str, nested: bool) -> Any:
    """A classifier on top of a backbone: one graph, or the backbone nested in a Sequential model."""
    backbone = BACKBONES[name](lib)
    _scramble(backbone)
    head = [lib.layers.GlobalAveragePooling2D(), lib.layers.Dense(CLASSES, activation="softmax")]
    if nested:
        return lib.Sequential([lib.Input(backbone.input_shape[1:]), backbone, *head])
    x = backbone.output
    for layer in head:
        x = layer(x)
    return lib.Model(backbone.input, x, name=name)


def _scramble(model: Any) -> None:
    """Gives every weight another value, so that none can be exchanged for another without a difference."""
    rng = np.random.default_rng(0)
    values = []
    for weight in model.weights:
        value = weight.numpy()
        plain = any(word in weight.name for word in ("variance", "gamma"))
        noise = rng.uniform(0.8, 1.2, value.shape) if plain else value + rng.normal(0, 0.02, value.shape)
        values.append(noise.astype(value.dtype))
    for weight, value in zip(model.weights, values, strict=True):
        weight.assign(value)
