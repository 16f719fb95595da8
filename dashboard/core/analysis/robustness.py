"""How often is a model wrong about corrupted pictures, and does it know it? By kind and strength of the corruption."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from dashboard.core.images.corruptions import CORRUPTIONS, STRENGTHS, corrupt
from dashboard.core.metrics.calibration import expected_calibration_error
from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.familiarity import energy
from dashboard.core.models.version import ModelVersion

TRAINED = "trained_corruptions"  # in a version's provenance: the kinds that it saw in its training

Predict = Callable[[np.ndarray], np.ndarray]  # (N, S, S, 3) uint8 to logits (N, K)


@dataclass(frozen=True)
class Measured:
    """A model on one set of pictures."""

    error: float  # share of wrong predictions, in [0, 1]
    ece: float  # expected calibration error in 15 bins of equal width, in [0, 1]
    energy: float  # mean energy of the logits; high for unfamiliar pictures


@dataclass(frozen=True)
class Robustness:
    """A model on clean pictures and on the same pictures corrupted."""

    images: int
    seed: int
    clean: Measured
    corrupted: dict[str, tuple[Measured, ...]]  # by kind: one for each strength from 1 to 5
    trained: tuple[str, ...]  # the kinds of corruption that the model saw in its training

    def interval(self, one: Measured) -> Proportion:
        """The error of one set of pictures with its 95% Wilson interval."""
        return proportion(round(one.error * self.images), self.images)

    @property
    def half_width(self) -> float:
        """How far the 95% intervals of all errors reach to either side of them at most, in [0, 1]."""
        every = [self.interval(one) for measured in ((self.clean,), *self.corrupted.values()) for one in measured]
        return max(max(each.high - each.value, each.value - each.low) for each in every)

    def mean_error(self, kinds: Collection[str] | None = None) -> float:
        """The mean over all strengths of these kinds, or of all kinds. NaN if none of them was measured."""
        return self._mean("error", kinds)

    def mean_ece(self, kinds: Collection[str] | None = None) -> float:
        """The mean over all strengths of these kinds, or of all kinds. NaN if none of them was measured."""
        return self._mean("ece", kinds)

    @property
    def untrained(self) -> tuple[str, ...]:
        """The measured kinds that the model did not see in its training."""
        return tuple(kind for kind in self.corrupted if kind not in self.trained)

    @property
    def energies(self) -> tuple[float, ...]:
        """The mean energy of all kinds by strength: of the clean pictures, then of strengths 1 to 5."""
        by_strength = zip(*self.corrupted.values(), strict=True)
        return (self.clean.energy, *(float(np.mean([one.energy for one in column])) for column in by_strength))

    def _mean(self, figure: str, kinds: Collection[str] | None) -> float:
        chosen = [
            getattr(one, figure)
            for kind, measured in self.corrupted.items()
            if kinds is None or kind in kinds
            for one in measured
        ]
        return float(np.mean(chosen)) if chosen else float("nan")


def measure_robustness(
    predict: Predict,
    images: np.ndarray,
    labels: np.ndarray,
    temperature: float,
    *,
    kinds: Iterable[str] = tuple(CORRUPTIONS),
    trained: Iterable[str] = (),
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Robustness:
    """Measures a model on labelled pictures and on their corruptions.

    Args:
        images: (N, S, S, 3) uint8, of the size that the model takes.
        labels: (N,) class ids.
        temperature: divides the logits before the softmax.
        trained: the kinds of corruption that the model saw in its training.
        progress: called after the clean pictures and after each kind and strength.
    """

    def measured(shown: np.ndarray) -> Measured:
        logits = predict(shown)
        ece = expected_calibration_error(softmax(logits, temperature), labels)
        progress()
        return Measured(float((logits.argmax(axis=1) != labels).mean()), ece, float(energy(logits).mean()))

    clean = measured(images)
    corrupted = {
        kind: tuple(measured(corrupt(images, kind, strength, seed)) for strength in STRENGTHS) for kind in kinds
    }
    return Robustness(len(images), seed, clean, corrupted, tuple(kind for kind in corrupted if kind in set(trained)))


def trained_kinds(version: ModelVersion) -> tuple[str, ...] | None:
    """The kinds of corruption that a version saw in its training; None if its model.json does not say."""
    stated = version.provenance.get(TRAINED)
    return tuple(kind for kind in CORRUPTIONS if kind in stated) if isinstance(stated, list) else None
