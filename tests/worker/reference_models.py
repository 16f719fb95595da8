"""Tiny models of many kinds, and a NumPy version of what they compute.

The reference shares no code with what it checks: every layer is computed in NumPy, in float64, and derivatives are
central differences.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

K = 5
Array = np.ndarray


def images(channels: int = 3, n: int = 2, side: int = 12) -> Array:
    return np.random.default_rng(1).normal(size=(n, side, side, channels)).astype(np.float32)


def features(prefix: str = "") -> list[layers.Layer]:
    """Layers up to a grid of 6 x 6. They use silu, because the kink of relu would spoil finite differences."""
    return [
        layers.Conv2D(6, 3, padding="same", activation="silu", name=f"{prefix}conv1"),
        layers.BatchNormalization(name=f"{prefix}norm"),
        layers.AveragePooling2D(2, name=f"{prefix}pool"),
        layers.Conv2D(7, 3, padding="same", activation="silu", name=f"{prefix}conv2"),
    ]


def heads(kind: str, width: int = K) -> list[layers.Layer]:
    """Layers from features to the output; those before the softmax give the logits."""
    pool = (
        [layers.Flatten(name="flatten")] if kind.startswith("flatten") else [layers.GlobalAveragePooling2D(name="gap")]
    )
    hidden = [layers.Dense(9, activation="tanh", name="hidden"), layers.Dropout(0.5, name="drop")]
    end = {
        "fused": [layers.Dense(width, activation="softmax", name="out")],
        "activation": [layers.Dense(width, name="logits"), layers.Activation("softmax", name="out")],
        "layer": [layers.Dense(width, name="logits"), layers.Softmax(name="out")],
        "logits": [layers.Dense(width, name="out")],
    }[kind.split("-")[-1]]
    return [*pool, *hidden, *end]


def scramble(model: keras.Model) -> None:
    """Sets random weights that neither saturate nor vanish, and moving averages that change the output."""
    rng = np.random.default_rng(2)
    for weight in model.weights:
        noise = rng.normal(0, 2 / np.sqrt(np.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.5, weight.shape)
        weight.assign(np.abs(noise) + 0.5 if "variance" in weight.path else noise)


def as_sequential(parts: list[layers.Layer], channels: int = 3) -> keras.Model:
    return keras.Sequential([keras.Input((12, 12, channels)), *parts])


def as_functional(parts: list[layers.Layer], channels: int = 3) -> keras.Model:
    inputs = x = keras.Input((12, 12, channels))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def in_numpy(part: layers.Layer, x: Array, squash: bool) -> Array:
    """The output of a layer at inference, in float64; softmax or sigmoid are applied only with `squash`."""
    weights = [np.asarray(keras.ops.convert_to_numpy(w), np.float64) for w in part.weights]
    match type(part).__name__:
        case "Conv2D":
            rim = part.kernel_size[0] // 2 if part.padding == "same" else 0
            padded = np.pad(x, ((0, 0), (rim, rim), (rim, rim), (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, part.kernel_size, axis=(1, 2))
            x = np.einsum("nhwcij,ijco->nhwo", windows, weights[0], optimize=True) + weights[1]
        case "Dense":
            x = x @ weights[0] + weights[1]
        case "BatchNormalization":
            gamma, beta, mean, variance = weights
            return (x - mean) / np.sqrt(variance + part.epsilon) * gamma + beta
        case "AveragePooling2D":
            return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
        case "MaxPooling2D":
            return np.maximum.reduce([x[:, ::2, ::2], x[:, 1::2, ::2], x[:, ::2, 1::2], x[:, 1::2, 1::2]])
        case "GlobalAveragePooling2D":
            return x.mean(axis=(1, 2))
        case "Rescaling":
            return x * part.scale + part.offset
        case "Flatten":
            return x.reshape(len(x), -1)
        case "Dropout" | "Softmax":
            return x
    match part.activation.__name__:
        case "silu":
            return x / (1 + np.exp(-x))
        case "relu":
            return np.maximum(x, 0)
        case "tanh":
            return np.tanh(x)
        case "linear":
            return x
        case "softmax" | "sigmoid" if not squash:
            return x
    raise NotImplementedError(part)


def logits_in_numpy(parts: list[layers.Layer], x: Array) -> Array:
    """The logits (N, K); a single unit gives those of class 0 and class 1."""
    for part in parts:
        x = in_numpy(part, x, False)
    return np.concatenate([-x / 2, x / 2], axis=1) if x.shape[1] == 1 else x


def split_at(parts: list[layers.Layer], name: str) -> tuple[list[layers.Layer], list[layers.Layer]]:
    """The layers up to and including `name`, and the layers after it."""
    cut = [part.name for part in parts].index(name) + 1
    return parts[:cut], parts[cut:]


def differences(parts: list[layers.Layer], x: Array, target: int, places: Array | None = None) -> Array:
    """The derivative of a target logit with respect to the input (H, W, C) of `parts`, by central differences.

    Args:
        places: flat indices of the input; None for all.

    Returns:
        (H, W, C), or (P,) for P places.
    """
    step = 1e-4
    flat = x.astype(np.float64).ravel()
    moves = np.eye(flat.size)[np.arange(flat.size) if places is None else places] * step
    moved = np.concatenate([flat + moves, flat - moves]).reshape(-1, *x.shape)
    values = logits_in_numpy(parts, moved)[:, target]
    slopes = (values[: len(moves)] - values[len(moves) :]) / (2 * step)
    return slopes.reshape(x.shape) if places is None else slopes


def reference(parts: list[layers.Layer], upto: str, x: Array, target: Array) -> tuple[Array, Array, Array]:
    """Logits, activations of layer `upto`, and d target logit / d activations."""
    before, behind = split_at(parts, upto)
    activations = x.astype(np.float64)
    for part in before:
        activations = in_numpy(part, activations, True)
    gradients = [differences(behind, a, int(t)) for a, t in zip(activations, target, strict=True)]
    return logits_in_numpy(behind, activations), activations, np.stack(gradients)
