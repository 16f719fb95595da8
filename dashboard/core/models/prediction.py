"""The answers of a model version: predictions and failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard.core.errors import Code


@dataclass(frozen=True)
class Failure:
    """Why an image has no prediction."""

    code: Code
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Prediction:
    """A model version's answer for one image."""

    logits: np.ndarray  # (K,) float32, before temperature and softmax
    pred_probs: np.ndarray  # (K,) float64, calibrated, sums to 1
    notes: tuple[str, ...] = ()  # for people, see `decode_with_notes`

    @property
    def class_id(self) -> int:
        """The predicted class."""
        return int(self.pred_probs.argmax())

    @property
    def confidence(self) -> float:
        """Probability of the predicted class, in [0, 1]."""
        return float(self.pred_probs.max())


def most_probable(class_names: Sequence[str], pred_probs: np.ndarray, most: int) -> tuple[tuple[str, float], ...]:
    """Labels and probabilities of the most probable classes. The predicted class is the first one, also after a tie."""
    order = (-pred_probs).argsort(kind="stable")[:most]
    return tuple((class_names[k], float(pred_probs[k])) for k in order)


@dataclass(frozen=True)
class ChunkAnswers:
    """A model version's answers for a chunk of images. Columns keep a million answers small in memory."""

    places: np.ndarray  # (M,) int64, ascending: positions of the predicted images in the chunk
    logits: np.ndarray  # (M, K) float32, before temperature and softmax
    pred_probs: np.ndarray  # (M, K) float64, calibrated, each sums to 1
    failures: dict[int, Failure]  # by position in the chunk: all other images
    thumbnails: np.ndarray | None = None  # (M, h, w, 3) uint8, see `make_thumbnail`
    properties: np.ndarray | None = None  # (M, 7) float64, see `properties_of`; None if not measured
    notes: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by position: on the pixels of some images
