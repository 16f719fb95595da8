"""The training loop. It writes a checkpoint after each epoch and resumes from the last one."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dashboard.core.files import write_json
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.training import network
from dashboard.training.cached import cached
from dashboard.training.pruning import draw_epoch
from dashboard.training.recipes import Recipe, shape
from dashboard.training.targets import Teachers
from dashboard.training.views import Views


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The learning rate: rises linearly from 0.2 of the peak to the peak, then falls linearly to zero.

    Args:
        progress: the finished share of the training, in [0, 1].
    """
    rising = 0.2 + 0.8 * progress / recipe.rise_share
    falling = (1 - progress) / (1 - recipe.rise_share)
    return recipe.peak_lr * min(rising, falling)


class SampleLosses(keras.metrics.Metric):
    """Keeps the last loss of each training image: -log p of the class with the highest target, in nats.

    The targets are (N, K + 1): K probabilities, then the index of the image.
    """

    def __init__(self, n: int) -> None:
        super().__init__(name="mean_loss")
        self.losses = self.add_variable((n,), "zeros", name="losses")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Keeps the losses of one batch."""
        numbers = keras.ops.cast(y_true[:, -1:], "int32")
        chances = keras.ops.take_along_axis(
            keras.ops.log_softmax(keras.ops.cast(y_pred, "float32")),
            keras.ops.argmax(y_true[:, :-1], axis=1)[:, None],
            axis=1,
        )
        self.losses.assign(keras.ops.scatter_update(self.losses, numbers, -chances[:, 0]))

    def result(self) -> Any:
        """The mean of the last losses of all images."""
        return keras.ops.mean(self.losses)

    def reset_state(self) -> None:
        """Does nothing: the next epoch needs the losses."""


def _loss(y_true: Any, y_pred: Any) -> Any:
    return keras.losses.categorical_crossentropy(y_true[:, :-1], y_pred, from_logits=True)


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """(N,) bool: whether the most probable class of each image is the class with the highest target."""
    return keras.ops.equal(keras.ops.argmax(y_true[:, :-1], axis=1), keras.ops.argmax(y_pred, axis=1))


def _compile(model: keras.Model, recipe: Recipe, losses: SampleLosses) -> None:
    optimizer = keras.optimizers.SGD(recipe.peak_lr, recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    model.compile(optimizer, _loss, metrics=[accuracy, losses])
    optimizer.build(model.trainable_variables)


def _train_epoch(
    model: keras.Model,
    preprocessing: Preprocessing,
    images: np.ndarray,
    wanted: np.ndarray,
    weight: np.ndarray,
    batch_size: int,
    verbose: int,
) -> None:
    as_seen = preprocessing.for_size_of(images)
    starts = range(0, len(images), batch_size)
    cuts = (slice(start, start + batch_size) for start in starts)
    batches = ((normalize(images[of], as_seen), wanted[of], weight[of]) for of in cuts)
    if keras.backend.backend() != "tensorflow":  # `fit` prepares a batch while the GPU works on the previous one
        model.fit(batches, steps_per_epoch=len(starts), shuffle=False, verbose=verbose)
        return
    # not `model.fit`: at the end of a long `fit` or `predict`, TensorFlow waits for its tuning thread of the input
    # pipeline, for up to a minute
    progress = keras.utils.Progbar(len(starts), verbose=verbose)
    for step, (x, y, of_each) in enumerate(batches, start=1):
        told = model.train_on_batch(x, y, sample_weight=of_each, return_dict=True)
        progress.update(step, list(told.items()))


def state_of(checkpoint: Path) -> dict[str, Any]:
    """`epochs_done`, and the Keras `backend` of the last epoch; another backend may resume or publish."""
    path = checkpoint / "state.json"
    state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"epochs_done": 0}
    return state


@dataclass(frozen=True)
class TrainingData:
    """The images and targets of a training."""

    preprocessing: Preprocessing
    images: np.ndarray  # (N, S, S, 3) uint8
    photos: np.ndarray  # (N, S, S, 3) uint8, the same images as photographs, see `augment_epoch`
    targets: np.ndarray  # (N, K) probabilities to learn


def fit(
    recipe: Recipe,
    data: TrainingData,
    checkpoint: Path,
    verbose: int,
    start: keras.Model | None = None,
    teachers: Teachers | None = None,
) -> keras.Model:
    """Trains, or resumes from the checkpoint folder. Returns the uncompiled model in float32.

    Args:
        verbose: as in `keras.utils.Progbar`.
        start: a trained model; training begins with the weights of its layers, matched by name.
        teachers: predict the images of each epoch; `recipe.teacher_weight` is their weight in the targets.
    """
    num_classes = data.targets.shape[1]
    layout = shape(asdict(recipe))
    model = network.build(num_classes=num_classes, side=None, **layout)
    network.whiten(model, normalize(data.images[:5000], data.preprocessing))
    if start:
        network.copy_weights(start, model)
    losses = SampleLosses(len(data.images))
    _compile(model, recipe, losses)
    weights = checkpoint / "latest.weights.h5"
    first: int = state_of(checkpoint)["epochs_done"]
    if first:
        model.load_weights(weights)
        losses.losses.assign(np.load(checkpoint / f"losses-{first}.npy"))
        print(f"Resuming after epoch {first} of {recipe.epochs}.")

    targets = data.targets
    if teachers and recipe.clean_answers:
        answers = cached(checkpoint / "answers.npy", lambda: teachers.clean_answers(data.images))
        targets = recipe.teacher_weight * answers + (1 - recipe.teacher_weight) * targets
    views = Views(recipe, data.images, data.photos, targets)
    with closing(views.from_epoch(first)) as shown:
        for epoch, (seen, wanted) in enumerate(shown, start=first):
            chosen, weight = draw_epoch(
                keras.ops.convert_to_numpy(losses.losses),
                np.random.default_rng([recipe.seed, epoch, 1]),
                easy_kept=1.0 if epoch == 0 or recipe.shows_all(epoch) else recipe.easy_kept,
                batch_size=recipe.batch_size,
                shown_share=recipe.shown_share,
            )
            seen, wanted = seen[chosen], wanted[chosen]
            if teachers and not recipe.clean_answers:
                answers = teachers.answers(seen, np.random.default_rng([recipe.seed, epoch, 3]))
                wanted = recipe.teacher_weight * answers + (1 - recipe.teacher_weight) * wanted
            # once per epoch: the compiled step of JAX does not see a value assigned within an epoch
            model.optimizer.learning_rate.assign(learning_rate(recipe, (epoch + 0.5) / recipe.epochs))
            print(f"Epoch {epoch + 1} of {recipe.epochs}", flush=True)
            wanted = np.concatenate([wanted, chosen[:, None]], axis=1, dtype=np.float32)
            _train_epoch(model, data.preprocessing, seen, wanted, weight, recipe.batch_size, verbose)
            partial = checkpoint / "partial.weights.h5"
            checkpoint.mkdir(parents=True, exist_ok=True)
            model.save_weights(partial)
            np.save(checkpoint / f"losses-{epoch + 1}.npy", keras.ops.convert_to_numpy(losses.losses))
            partial.replace(weights)
            write_json(checkpoint / "state.json", {"epochs_done": epoch + 1, "backend": keras.backend.backend()})
            (checkpoint / f"losses-{epoch}.npy").unlink(missing_ok=True)
    return network.rebuilt(model, "float32", data.preprocessing.width, **layout)
