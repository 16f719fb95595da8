"""Compares two runs over the same images, or one run under two filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from dashboard.core.analysis.labelled_pairs import LabelledPairs, labelled_pairs
from dashboard.core.analysis.same_images import not_comparable
from dashboard.core.errors import DatasetError
from dashboard.core.images.preprocessing import FIT_NAMES, RESAMPLE_NAMES
from dashboard.core.metrics.answers import Answers, note_on_classes
from dashboard.core.metrics.bin_table import bin_table
from dashboard.core.metrics.calibration import reliability
from dashboard.core.metrics.intervals import Proportion, proportion
from dashboard.core.metrics.paired import SIGNIFICANT, kappa, mcnemar_p
from dashboard.core.metrics.scores import Score, compared
from dashboard.core.runs.filters import Filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run, unfinished_notes


@dataclass(frozen=True)
class Side:
    """One of the two, over the compared images."""

    manifest: RunManifest
    conditions: Filter
    n: int  # images
    scores: dict[str, Score]  # by name
    confusion: np.ndarray  # (K, K) counts over `Comparison.class_names`; rows are labels, columns predicted
    bins: pd.DataFrame | None  # of confidence, see `bin_table`; None if there are no probabilities
    images_per_second: float | None  # of the whole run, see `RunManifest`
    state: str  # of the run, see `RunFolder.state`


@dataclass(frozen=True)
class Outcomes:
    """How the two answer the same images."""

    both_right: int
    only_a_right: int
    only_b_right: int
    both_wrong: int
    mcnemar_p: float  # exact, two-sided
    same_class: Proportion  # share of images for which both predict the same class
    kappa: float  # between the two predictions; NaN if both always predict one and the same class
    changed: pd.DataFrame  # images for which the two predict different classes, see `LabelledPairs.rows`

    @cached_property
    def rows_only_b_right(self) -> pd.DataFrame:
        """The images that only B has right, as in `changed`."""
        return self._where(self.changed["predicted_b"] == self.changed["true_label"])

    @cached_property
    def rows_only_a_right(self) -> pd.DataFrame:
        """The images that only A has right, as in `changed`."""
        return self._where(self.changed["predicted_a"] == self.changed["true_label"])

    def in_cell(self, true_label: str, predicted_label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The images that only A has in this cell of the confusion matrix, and those that only B has, as in `changed`."""
        same_label = self.changed["true_label"] == true_label
        by_a, by_b = (self.changed[column] == predicted_label for column in ("predicted_a", "predicted_b"))
        return self._where(same_label & by_a), self._where(same_label & by_b)

    def _where(self, mask: pd.Series) -> pd.DataFrame:
        return self.changed[mask].reset_index(drop=True)


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same images, or one run under two filters."""

    a: Side
    b: Side
    n: int  # images of both together
    class_names: tuple[str, ...]  # of both
    differences: dict[str, Score]  # b minus a, of each metric that is defined for both
    outcomes: Outcomes | None  # None if it is one run under two filters
    notes: tuple[str, ...]  # which images are compared, and what else differs, in sentences

    @cached_property
    def confusion_difference(self) -> np.ndarray:
        """(K, K): how many images more B has in each cell of the confusion matrix; shares of the label if unpaired."""
        if self.outcomes:
            return self.b.confusion - self.a.confusion
        return _shares(self.b.confusion) - _shares(self.a.confusion)

    def differs(self, name: str) -> bool:
        """True if a metric, given by its name, differs significantly at the 5% level.

        McNemar's test decides about the accuracies of two runs, the interval of the difference about all else.
        """
        if name == "accuracy" and self.outcomes:
            return self.outcomes.mcnemar_p < SIGNIFICANT
        return self.differences[name].excludes_zero


def load_side(folder: RunFolder, conditions: Filter, place: int) -> Run:
    """A run that is compared with others.

    Args:
        place: among the runs that are compared; 0 is A, and 1 is B.

    Raises:
        DatasetError: as `RunFolder.load`. If the filter does not fit this run, the message says which run it is, because the
            filter may fit the others.
    """
    try:
        return folder.load(VIEW_COLUMNS, conditions)
    except DatasetError as error:
        if error.code not in ("filter", "no_probabilities"):
            raise
        m = folder.manifest()
        which = f"{('A, ', 'B, ')[place] if place < 2 else ''}the evaluation {m.run_id} ({m.model} on {m.dataset_name})"
        raise DatasetError(f"The conditions do not fit {which}. {error.message}", error.advice, error.code) from error


def compare(a: Run, b: Run) -> Comparison:
    """Compares two runs with a label and a prediction of both for each image; or one run under two filters.

    Two different runs are compared image by image (paired). One run under two filters has other images on each side, so
    each side is resampled on its own.

    Args:
        a, b: loaded with `VIEW_COLUMNS`; only rows that their filters let pass are compared.

    Raises:
        DatasetError: they have nothing in common that can be compared, or are the same, with the code `not_comparable`;
            or the rows of a run cannot be read.
    """
    if a.manifest.run_id == b.manifest.run_id:
        if {*a.conditions} == {*b.conditions}:
            raise not_comparable(
                "A and B are the same evaluation and the same images, so nothing can differ.",
                "Choose another evaluation. `runs compare` can also give B other conditions (`--where-b`).",
            )
        return _under_two_filters(a, b)
    pairs = labelled_pairs(a, b)
    found = compared(pairs.a, pairs.b)
    side_a, side_b = _side(a, pairs.a, found.a), _side(b, pairs.b, found.b)
    notes = [
        *unfinished_notes(a, b),
        *pairs.notes,
        *_other_weights(a.manifest, b.manifest),
        *_other_fit(a.manifest, b.manifest),
    ]
    if classes := note_on_classes(pairs.a, pairs.b):
        notes.append(classes)
    return Comparison(side_a, side_b, len(pairs), pairs.class_names, found.differences, _outcomes(pairs), tuple(notes))


def _other_weights(a: RunManifest, b: RunManifest) -> Iterator[str]:
    if a.model == b.model and a.model_sha256 and b.model_sha256 and a.model_sha256 != b.model_sha256:
        yield (
            f"A and B are different models: both were {a.model}, but with other weights (SHA-256 {a.model_sha256[:8]} and "
            f"{b.model_sha256[:8]})."
        )


def _other_fit(a: RunManifest, b: RunManifest) -> Iterator[str]:
    if a.fit and b.fit and a.fit != b.fit:
        yield (
            "A and B fit pictures with other proportions to the model's input in different ways, which alone changes answers: "
            f"A “{FIT_NAMES[a.fit]}”, B “{FIT_NAMES[b.fit]}”."
        )
    if a.fit and b.fit and a.resample != b.resample:
        yield (
            "A and B resize pictures of another size in different ways, which alone changes answers: "
            f"A “{RESAMPLE_NAMES[a.resample]}”, B “{RESAMPLE_NAMES[b.resample]}”."
        )


def _outcomes(pairs: LabelledPairs) -> Outcomes:
    n, k = len(pairs), len(pairs.class_names)
    right_a, right_b = pairs.a.correct, pairs.b.correct
    counts = np.bincount(2 * right_a + right_b, minlength=4)
    both_wrong, only_b, only_a, both = (int(count) for count in counts)
    together = _together(pairs.a.predicted_ids, pairs.b.predicted_ids, k)
    return Outcomes(
        both, only_a, only_b, both_wrong,
        mcnemar_p=mcnemar_p(only_a, only_b),
        same_class=proportion(int(together.trace()), n),
        kappa=kappa(together),
        changed=pairs.rows(pairs.a.predicted_ids != pairs.b.predicted_ids),
    )  # fmt: skip


def _under_two_filters(a: Run, b: Run) -> Comparison:
    for run in (a, b):
        if run.labelled.empty:
            where = " and ".join(map(str, run.conditions)) or "no condition"
            raise not_comparable(
                f"No image with a label and a prediction is left by the filter {where}.", "Use another filter."
            )
    found = compared(a.answers, b.answers, paired=False)
    notes = [*unfinished_notes(a), "One evaluation under two filters: the images differ, so there is no paired test."]
    if shared := int(a.labelled.index.isin(b.labelled.index).sum()):
        notes.append(
            f"{shared:,} images pass both filters. The intervals of the differences treat them as different images."
        )
    if classes := note_on_classes(a.answers, b.answers):
        notes.append(classes)
    return Comparison(
        _side(a, a.answers, found.a), _side(b, b.answers, found.b), len(a.answers) + len(b.answers),
        a.manifest.class_names, found.differences, None, tuple(notes),
    )  # fmt: skip


def _side(run: Run, answers: Answers, scores: dict[str, Score]) -> Side:
    manifest, given = run.manifest, answers.probabilities
    return Side(
        manifest,
        run.conditions,
        len(answers),
        scores,
        _together(answers.true_ids, answers.predicted_ids, answers.n_classes),
        bin_table(reliability(given.confidence, answers.correct), given.confidence) if given else None,
        manifest.images_per_second,
        run.state,
    )


def _together(rows: np.ndarray, columns: np.ndarray, k: int) -> np.ndarray:
    """(k, k): how often each id of the first occurs with each id of the second."""
    return np.bincount(rows * k + columns, minlength=k * k).reshape(k, k)


def _shares(confusion: np.ndarray) -> np.ndarray:
    totals = confusion.sum(axis=1, keepdims=True)
    return np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
