"""The network of our own models: a whitening convolution, then residual blocks that halve the resolution.

Follows the networks of K. Jordan (arXiv 2404.00498, section 3 and the 96% variant with residual blocks), ending in
global average pooling over a 4x4 grid, so that class activation maps are possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from dashboard.core.errors import ModelError

WHITENING_KERNEL = 2
WHITENING_LAYER = "whiten"
_WHITENING_EPSILON = 5e-4  # added to the variances
_SQUEEZE_RATIO = 8


def build(
    widths: Sequence[int],
    num_classes: int,
    side: int | None = 32,
    squeeze: bool = False,
) -> keras.Model:
    """Builds an untrained classifier from images (N, side, side, 3) to logits (N, num_classes), both float32.

    Args:
        side: of the images in pixels; None for a network that accepts any size.
        squeeze: add squeeze-and-excitation to each residual block.
    """
    inputs = keras.Input((side, side, 3), name="image")
    filters = 2 * WHITENING_KERNEL**2 * 3
    x = layers.Conv2D(filters, WHITENING_KERNEL, padding="same", use_bias=False, trainable=False, name=WHITENING_LAYER)(
        inputs
    )
    x = layers.Activation("silu", name="whiten_out")(x)
    for i, width in enumerate(widths, start=1):
        x = _block(x, width, f"block{i}", squeeze)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)
    model = keras.Model(inputs, logits, name="cifar10_resnet")
    _start_as_identity(model)
    return model


def rebuilt(model: keras.Model, policy: str, side: int | None, **layout: Any) -> keras.Model:
    """A copy of the model with another Keras dtype policy and another image size.

    Args:
        side: of the images in pixels; None for any size.
        layout: the other arguments with which `build` made the model.
    """
    current = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        copy = build(num_classes=model.output_shape[-1], side=side, **layout)
    finally:
        keras.config.set_dtype_policy(current)
    copy.set_weights(model.get_weights())
    return copy


def _conv(x: keras.KerasTensor, width: int, kernel: int, name: str) -> keras.KerasTensor:
    return layers.Conv2D(width, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9, name=name)(x)


def _block(x: keras.KerasTensor, width: int, name: str, squeeze: bool) -> keras.KerasTensor:
    x = _norm(layers.MaxPooling2D(2, name=f"{name}_pool")(_conv(x, width, 3, f"{name}_conv1")), f"{name}_norm1")
    x = skip = layers.Activation("silu", name=f"{name}_act1")(x)
    x = layers.Activation("silu", name=f"{name}_act2")(_norm(_conv(x, width, 3, f"{name}_conv2"), f"{name}_norm2"))
    x = _norm(_conv(x, width, 3, f"{name}_conv3"), f"{name}_norm3")
    if squeeze:
        x = _squeeze_and_excite(x, f"{name}_se")
    x = layers.Add(name=f"{name}_add")([x, skip])
    return layers.Activation("silu", name=f"{name}_out")(x)


def _squeeze_and_excite(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Weights the channels by the content of the whole image (arXiv 1709.01507, section 3). Starts as the identity."""
    width = x.shape[-1]
    gate = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    gate = layers.Dense(max(8, width // _SQUEEZE_RATIO), activation="silu", name=f"{name}_reduce")(gate)
    gate = layers.Dense(width, "sigmoid", kernel_initializer="zeros", name=f"{name}_gate")(gate)
    gate = layers.Rescaling(2.0, name=f"{name}_scale")(gate)  # sigmoid(0) = 1/2
    return layers.Multiply(name=f"{name}_excite")([x, layers.Reshape((1, 1, width), name=f"{name}_reshape")(gate)])


def _start_as_identity(model: keras.Model) -> None:
    """Makes the first filters of each 3x3 convolution the identity (Dirac initialisation, arXiv 2404.00498, 3.2)."""
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D) and layer.kernel_size == (3, 3):
            kernel = np.array(layer.kernel)
            n = min(kernel.shape[2:])
            kernel[:, :, :n, :n] = 0
            kernel[1, 1, range(n), range(n)] = 1
            layer.set_weights([kernel])


def whiten(model: keras.Model, images: np.ndarray) -> None:
    """Sets the first layer's filters to the eigenvectors of the image patches and their negatives, for unit variance.

    Args:
        images: (N, side, side, 3) float32 model inputs; a few thousand are enough.
    """
    k = WHITENING_KERNEL
    patches = np.lib.stride_tricks.sliding_window_view(images, (k, k), axis=(1, 2))  # (N, h, w, 3, k, k)
    flat = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, k * k * 3)[::7]
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    kernel = (vectors / np.sqrt(values + _WHITENING_EPSILON)).reshape(k, k, 3, -1)
    model.get_layer(WHITENING_LAYER).set_weights([np.concatenate([kernel, -kernel], axis=-1).astype(np.float32)])


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies the weights of each layer of `source` to the layer of the same name in `target`, if there is one.

    Raises:
        ModelError: layers of the same name have different shapes.
    """
    known = {layer.name: layer.get_weights() for layer in source.layers}
    for layer in target.layers:
        if layer.name in known:
            try:
                layer.set_weights(known[layer.name])
            except ValueError as error:
                raise ModelError(
                    f"The layer {layer.name} has another size, so training cannot begin with this model's weights.",
                    "Begin with a model that was trained by the same recipe.",
                    "other_network",
                ) from error


def count_flops(model: keras.Model) -> int:
    """Floating-point operations per image in convolutions and dense layers; a multiply-add counts as two."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            positions = np.prod(layer.output.shape[1:-1], dtype=np.int64)
            total += 2 * int(np.prod(layer.kernel.shape)) * int(positions)
    return total
