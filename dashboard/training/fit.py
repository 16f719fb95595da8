"""The training loop: one `fit` an epoch, a checkpoint after each, resumable from the last."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from dashboard.core.files import write_json
from dashboard.core.preprocessing import Preprocessing, normalize
from dashboard.training import network
from dashboard.training.augmentation import augment_epoch
from dashboard.training.recipes import Recipe


class Triangular(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0.2 of the peak up over the first quarter of the steps, then linear down to zero."""

    def __init__(self, peak: float, total_steps: int, rise_share: float = 0.25) -> None:
        self.peak, self.total_steps, self.rise_share = peak, total_steps, rise_share

    def __call__(self, step: object) -> object:
        """The learning rate at `step`."""
        at = keras.ops.cast(step, "float32") / self.total_steps
        rising = 0.2 + 0.8 * at / self.rise_share
        falling = (1 - at) / (1 - self.rise_share)
        return self.peak * keras.ops.maximum(keras.ops.minimum(rising, falling), 0.0)


def _compile(model: keras.Model, recipe: Recipe, steps: int) -> None:
    optimizer = keras.optimizers.SGD(
        Triangular(recipe.peak_lr, steps), recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    model.compile(optimizer, loss, metrics=["accuracy"])


def fit(
    recipe: Recipe,
    preprocessing: Preprocessing,
    images: np.ndarray,
    photos: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    checkpoint: Path,
    verbose: int,
) -> keras.Model:
    """Trains, or goes on from the checkpoint folder, and returns the model in float32, uncompiled.

    Args:
        images, photos: (N, S, S, 3) uint8; see `augment_epoch`.
        labels: (N,) class ids.
        verbose: as in `keras.Model.fit`.
    """
    model = network.build(recipe.widths, num_classes, preprocessing.width)
    network.whiten(model, normalize(images[:5000], preprocessing))
    _compile(model, recipe, recipe.epochs * -(-len(images) // recipe.batch_size))
    model.optimizer.build(model.trainable_variables)
    weights, state = checkpoint / "latest.weights.h5", checkpoint / "state.json"
    first = 0
    if state.exists():
        first = json.loads(state.read_text())["epochs_done"]
        model.load_weights(weights)
        print(f"Going on after epoch {first} of {recipe.epochs}.")
    targets = keras.utils.to_categorical(labels, num_classes)

    def prepare(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng([recipe.seed, epoch, 1]).permutation(len(images))
        seen = augment_epoch(
            images,
            photos,
            epoch,
            recipe.seed,
            photo_share=recipe.photo_share,
            crop_padding=recipe.crop_padding,
            cutout=recipe.cutout,
        )
        return normalize(seen[order], preprocessing), targets[order]

    with ThreadPoolExecutor(1) as ahead:
        upcoming = ahead.submit(prepare, first)
        for epoch in range(first, recipe.epochs):
            x, y = upcoming.result()
            upcoming = ahead.submit(prepare, epoch + 1) if epoch + 1 < recipe.epochs else upcoming
            model.fit(x, y, recipe.batch_size, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=verbose)
            partial = checkpoint / "partial.weights.h5"
            checkpoint.mkdir(parents=True, exist_ok=True)
            model.save_weights(partial)
            partial.replace(weights)
            write_json(state, {"epochs_done": epoch + 1})
    return _in_float32(model, recipe, num_classes, preprocessing.width)


def _in_float32(model: keras.Model, recipe: Recipe, num_classes: int, side: int) -> keras.Model:
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        served = network.build(recipe.widths, num_classes, side)
    finally:
        keras.config.set_dtype_policy(policy)
    served.set_weights(model.get_weights())
    return served
