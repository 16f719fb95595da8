"""The training targets of each image: from its label, or from the predictions of better networks (teachers)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import normalize
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.version import ModelVersion
from dashboard.training import network
from dashboard.training.recipes import shape

BATCH = 500  # images per call


def load_version(version: ModelVersion, precision: str = "float32") -> keras.Model:
    """Loads the network of one of our own versions for images of any size; `precision` is a Keras dtype policy.

    Raises:
        ModelError: the version was not trained by this package.
    """
    recipe = version.provenance.get("recipe")
    if not recipe:
        raise ModelError(
            f"{version.ref} was not trained by a recipe, so its network is unknown.",
            "Name a version that was trained with `python -m dashboard.training`.",
            "other_network",
        )
    model = keras.saving.load_model(version.file, compile=False, safe_mode=True)
    return network.rebuilt(model, precision, None, **shape(recipe))


def smoothed_labels(labels: np.ndarray, num_classes: int, smoothing: float) -> np.ndarray:
    """(N, K) probabilities: `smoothing` over all classes, the rest for the label (arXiv 1512.00567, section 7)."""
    return np.eye(num_classes)[labels] * (1 - smoothing) + smoothing / num_classes


class Teachers:
    """Models whose probabilities a network learns: distillation (Hinton et al., arXiv 1503.02531)."""

    def __init__(self, versions: Sequence[ModelVersion], precision: str) -> None:
        """Loads the versions; `precision` is a Keras dtype policy."""
        self._models = [(load_version(each, precision), each.preprocessing, each.temperature) for each in versions]

    def clean_answers(self, images: np.ndarray) -> np.ndarray:
        """The mean of the teachers' calibrated probabilities, (N, K), for images (N, S, S, 3) uint8."""
        found = []
        for model, preprocessing, temperature in self._models:
            as_seen = preprocessing.for_size_of(images)
            parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
            logits = np.concatenate([np.asarray(model.predict_on_batch(normalize(part, as_seen))) for part in parts])
            found.append(softmax(logits, temperature))
        return np.asarray(np.mean(found, axis=0), np.float32)

    def answers(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The (N, K) probabilities of one random teacher per image; the image is mirrored at random.

        Cross-entropy is linear in its targets. So over many epochs the network learns the mean of all teachers on both
        orientations, but each epoch costs only one prediction per image.

        Args:
            images: (N, S, S, 3) uint8, as the student sees them.
        """
        seen = np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images, images[:, :, ::-1])
        of = rng.integers(0, len(self._models), len(images))
        answers = np.empty((len(images), self._models[0][0].output_shape[-1]), np.float32)
        for i, (model, preprocessing, _) in enumerate(self._models):
            as_seen, rows = preprocessing.for_size_of(seen), np.flatnonzero(of == i)
            for at in np.split(rows, range(BATCH, len(rows), BATCH)):  # see `fit._train_epoch`
                filled = np.resize(at, BATCH)  # always the same size, because JAX compiles again for every new size
                answers[at] = softmax(model.predict_on_batch(normalize(seen[filled], as_seen)))[: len(at)]
        return answers
