"""The mean of a network's weights over many epochs (Izmailov et al., arXiv 1803.05407).

The statistics of the normalisations are averaged with them. Measured anew on the mean network (section 3.2 there), they
are better only where the learning rate was high.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np


class MeanWeights:
    """The weights of one network, each time it was added counting equally."""

    def __init__(self) -> None:
        """Of nothing yet."""
        self.count = 0
        self._sums: list[np.ndarray] = []

    def add(self, model: keras.Model) -> None:
        """Counts the model's weights as they are now."""
        weights = [np.asarray(weight, np.float64) for weight in model.get_weights()]
        self._sums = [a + b for a, b in zip(self._sums, weights, strict=True)] if self.count else weights
        self.count += 1

    def give_to(self, model: keras.Model) -> None:
        """Sets the model's weights to the mean."""
        model.set_weights([total / self.count for total in self._sums])

    def save(self, path: Path) -> None:
        """As an .npz file."""
        np.savez(path, *self._sums, count=self.count)

    @classmethod
    def load(cls, path: Path) -> MeanWeights:
        """What `save` has written."""
        mean = cls()
        with np.load(path, allow_pickle=False) as saved:
            mean.count = int(saved["count"])
            mean._sums = [saved[f"arr_{i}"] for i in range(len(saved.files) - 1)]
        return mean
