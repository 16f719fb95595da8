"""Do the probabilities mean what they say: temperature scaling and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_COLUMNS = ("upper", "images", "confidence", "accuracy")


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in equal-width bins of confidence; (B,) each."""

    upper: np.ndarray  # edge of the bin, inclusive; its lower edge is the one before
    images: np.ndarray  # int
    confidence: np.ndarray  # mean, NaN in an empty bin
    accuracy: np.ndarray  # NaN in an empty bin

    @property
    def ece(self) -> float:
        """Mean distance of confidence and accuracy, weighted by size (1706.04599, eq. 3); in [0, 1]."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(np.nansum(gap * self.images) / self.images.sum())

    def to_dict(self) -> dict[str, list[float | None]]:
        """For JSON; `from_dict` is its inverse."""
        columns = {name: getattr(self, name).tolist() for name in _COLUMNS}
        return {name: [None if value != value else value for value in column] for name, column in columns.items()}

    @classmethod
    def from_dict(cls, record: dict[str, list[float | None]]) -> Reliability:
        """The diagram that `to_dict` wrote."""
        numbers = {name: np.asarray(record[name], np.float64) for name in _COLUMNS}
        return cls(**{**numbers, "images": numbers["images"].astype(np.int64)})


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 15) -> Reliability:
    """The reliability diagram of answers (Guo et al., arXiv 1706.04599, section 2).

    Args:
        confidence: (N,), probability of the predicted class, in [0, 1].
        correct: (N,) bool.
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # bins are (low, high]
    images = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bin_of, weights=values, minlength=bins) / images for values in (confidence, correct)]
    return Reliability(np.arange(1, bins + 1) / bins, images, *means)


def expected_calibration_error(pred_probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """See `Reliability.ece`; of probabilities (N, K) and class ids (N,)."""
    return reliability(pred_probs.max(axis=1), pred_probs.argmax(axis=1) == labels, bins).ece
