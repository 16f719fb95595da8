from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest


@dataclass(frozen=True)
class Predictions:
    """Probabilities (N, K) and true class ids (N,)."""

    probs: np.ndarray
    labels: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        return self.probs.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        return self.probs.max(axis=1)

    @property
    def correct(self) -> np.ndarray:
        return self.predicted == self.labels


@pytest.fixture(scope="session")
def reference(shared_dir: Path) -> Predictions:
    """Predictions for the 10,000 test images of CIFAR-10."""
    folder = shared_dir / "oracles"
    return Predictions(np.load(folder / "cifar10_test_pred_probs.npy"), np.load(folder / "cifar10_test_labels.npy"))


@pytest.fixture(scope="session")
def made() -> Predictions:
    """3,000 predictions of four classes, one of them rare, that are right about 80% of the time."""
    rng = np.random.default_rng(5)
    labels = rng.choice(4, 3000, p=[0.5, 0.3, 0.19, 0.01])
    logits = rng.normal(0, 1.2, (3000, 4)) + 2.5 * np.eye(4)[labels]
    exponentials = np.exp(logits)
    return Predictions(exponentials / exponentials.sum(axis=1, keepdims=True), labels)
