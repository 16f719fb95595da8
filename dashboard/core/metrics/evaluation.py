"""The metrics of a run, computed from labels and predictions.

Precision, recall and F1 are those of scikit-learn (a test compares them), which would take a second to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from dashboard.core.metrics.array_fields import IntegerMatrix
from dashboard.core.metrics.calibration import Reliability, reliability
from dashboard.core.metrics.intervals import Proportion, proportion

_SCORES = ("precision", "recall", "f1")
_COLUMNS = TypeAdapter(dict[str, list[str] | list[int] | list[float | None]])


def _per_class_from_json(columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(_COLUMNS.validate_python(columns))
    if missing := {"class", "images", *_SCORES} - set(table.columns):
        raise ValueError(f"these columns are missing: {', '.join(sorted(missing))}")
    return table.assign(**{name: table[name].astype(float) for name in _SCORES})


def _per_class_as_json(table: pd.DataFrame) -> dict[Any, list[Any]]:
    """The table as lists by column, with None for NaN, since JSON has no NaN."""
    return table.astype(object).where(table.notna(), None).to_dict("list")


PerClass = Annotated[pd.DataFrame, PlainValidator(_per_class_from_json), PlainSerializer(_per_class_as_json)]


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a run, over its images with a label."""

    accuracy: Proportion
    macro_f1: float  # over the classes that occur as labels or predictions; show `meaningful_macro_f1`
    confusion: IntegerMatrix  # (K, K) counts; rows are true labels, columns predicted
    per_class: PerClass  # one row per class: class, images, precision, recall, f1; show `meaningful_per_class`
    class_names: tuple[str, ...]
    reliability: Reliability | None = None  # None if there are no probabilities

    @property
    def meaningful_macro_f1(self) -> float | None:
        """The macro F1, in [0, 1]; None if all images have the same label, see `Definition.of_several_labels`."""
        return None if self._has_one_label else self.macro_f1

    @property
    def meaningful_per_class(self) -> pd.DataFrame:
        """`per_class`, without precision and F1 if all images have the same label: no prediction can be wrong for others."""
        return self.per_class.assign(precision=np.nan, f1=np.nan) if self._has_one_label else self.per_class

    @property
    def per_class_note(self) -> str:
        """Says why `meaningful_per_class` lacks figures; "" if it lacks none."""
        return "Precision and F1 say nothing, because all images have the same label." if self._has_one_label else ""

    @property
    def _has_one_label(self) -> bool:
        return np.count_nonzero(self.confusion.sum(axis=1)) == 1

    @property
    def macro_f1_note(self) -> str:
        """Says that predicted classes without images lower the macro F1; "" if there are none, or it says nothing."""
        absent = self.confusion.sum(axis=1) == 0
        predicted = int(np.count_nonzero(self.confusion[:, absent].sum(axis=0)))
        if self.meaningful_macro_f1 is None or not predicted:
            return ""
        n = int(np.count_nonzero(absent))
        are = "class has" if n == 1 else "classes have"
        were = (
            "1 of them was predicted, and counts"
            if predicted == 1
            else f"{predicted:,} of them were predicted, and count"
        )
        if predicted == n:
            were = "It was predicted, and counts" if n == 1 else "Each was predicted, and counts"
        return f"{n:,} {are} no images here. {were} as 0 in the macro F1."

    @property
    def ece15(self) -> float | None:
        """Expected calibration error over 15 equal-width bins, in [0, 1]; None if there are no probabilities."""
        return self.reliability.ece if self.reliability else None


def evaluate_labels(
    true_ids: np.ndarray, predicted_ids: np.ndarray, class_names: Sequence[str], confidence: np.ndarray | None = None
) -> Evaluation:
    """Computes accuracy, macro F1, confusion matrix, calibration and the metrics per class.

    Args:
        true_ids, predicted_ids: (N,) class ids in [0, K), N >= 1.
        confidence: (N,), calibrated probability of the predicted class.

    Raises:
        ValueError: there are no images.
    """
    if len(true_ids) == 0:
        raise ValueError("there are no labelled images to evaluate")
    k = len(class_names)
    confusion = np.bincount(np.asarray(true_ids) * k + predicted_ids, minlength=k * k).reshape(k, k)
    hits, images, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: not defined
        precision, recall = hits / predicted, hits / images
        occurring_f1 = 2 * hits / (images + predicted)
        f1 = np.where(images > 0, occurring_f1, np.nan)
    per_class = pd.DataFrame(
        {"class": list(class_names), "images": images, "precision": precision, "recall": recall, "f1": f1}
    )
    return Evaluation(
        accuracy=proportion(int((true_ids == predicted_ids).sum()), len(true_ids)),
        macro_f1=float(np.nanmean(occurring_f1)),
        confusion=confusion,
        per_class=per_class,
        class_names=tuple(class_names),
        reliability=None if confidence is None else reliability(confidence, true_ids == predicted_ids),
    )
