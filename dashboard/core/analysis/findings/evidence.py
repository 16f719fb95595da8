"""What the rules look at: arrays of the labelled rows of a run, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.analysis.duplicates import equal_images
from dashboard.core.analysis.findings.accuracy_curve import AccuracyCurve, accuracy_curve
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.run import Run


@dataclass(frozen=True)
class Evidence:
    """A run, and what is stored beside its rows. Arrays are (N,), one value for each labelled row with a prediction."""

    run: Run
    thumbnails: ArrayFile | None = None  # by `index`, (images, height, width, 3)
    attributes: pa.Table | None = None  # further columns of the dataset, one row for each stored row

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The labelled rows."""
        return self.run.labelled

    @cached_property
    def positions(self) -> np.ndarray:
        """Their positions, see `Run.table`."""
        return self.rows.index.to_numpy()

    @cached_property
    def true(self) -> np.ndarray:
        """Class ids of the labels."""
        return self.rows["true_label"].cat.codes.to_numpy(np.int64)

    @cached_property
    def predicted(self) -> np.ndarray:
        """Class ids of the predictions."""
        return self.rows["predicted_label"].cat.codes.to_numpy(np.int64)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether the label is predicted."""
        return self.true == self.predicted

    @cached_property
    def confidence(self) -> np.ndarray:
        """Probability of the predicted class, in [0, 1]."""
        return self.rows["confidence"].to_numpy(float)

    @property
    def names(self) -> tuple[str, ...]:
        """The K classes."""
        return self.run.manifest.class_names

    @property
    def n(self) -> int:
        """The number of labelled rows."""
        return len(self.rows)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(K, K) counts; rows are labels, columns predictions."""
        k = len(self.names)
        return np.bincount(self.true * k + self.predicted, minlength=k * k).reshape(k, k)

    @cached_property
    def images(self) -> np.ndarray:
        """(K,) the number of images with each label."""
        return self.confusion.sum(axis=1)

    @cached_property
    def copies(self) -> list[np.ndarray]:
        """Groups of positions with equal images."""
        return equal_images(self.run, self.thumbnails)

    @property
    def errors(self) -> int:
        """The number of wrong predictions."""
        return int((~self.correct).sum())

    @cached_property
    def curve(self) -> AccuracyCurve:
        """How often answers of a confidence are right in this run."""
        of_labels = self.run.answers.probabilities
        ranks = np.where(self.correct, 1, np.maximum(of_labels.rank_of_label, 2) if of_labels else 2)
        return accuracy_curve(self.confidence, ranks, len(self.names) if of_labels else 2)
