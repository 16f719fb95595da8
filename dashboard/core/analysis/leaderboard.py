"""Ranks several runs over the images that all of them have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from dashboard.core.analysis.labelled_pairs import LabelledPairs, labelled_pairs
from dashboard.core.analysis.same_images import not_comparable
from dashboard.core.metrics.answers import Answers, note_on_classes, over_same_classes
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.paired import SIGNIFICANT, holm, mcnemar_p
from dashboard.core.metrics.scores import Score, compared, says_nothing
from dashboard.core.metrics.weighted import WeightedMetrics
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run, unfinished_notes


@dataclass(frozen=True)
class Ranked:
    """One run of a leaderboard, over the images that all runs have."""

    manifest: RunManifest
    scores: dict[str, Score]  # by name
    difference: Score | None  # of the chosen metric, this run minus the best; None for the best
    p: float | None  # McNemar's test of the accuracy against the best, after Holm; None for the best or another metric

    @property
    def may_be_best(self) -> bool:
        """True if the run cannot be told apart from the best.

        By accuracy, the corrected p-value decides. By another metric, the interval of the difference contains 0.
        """
        if self.difference is None:
            return True
        if self.p is not None:
            return self.p >= SIGNIFICANT
        return not self.difference.excludes_zero


@dataclass(frozen=True)
class Leaderboard:
    """Several runs, the best first."""

    metric: str  # the name of the metric that ranks
    n: int  # images
    ranked: tuple[Ranked, ...]
    notes: tuple[str, ...]  # which images are compared, in sentences


def leaderboard(runs: Sequence[Run], metric: str = "accuracy") -> Leaderboard:
    """Ranks runs by a metric.

    Args:
        runs: at least two different ones, loaded with `VIEW_COLUMNS`.
        metric: a name among `METRICS`.

    Raises:
        DatasetError: a run occurs twice, no image is in all runs, or the metric is not defined for one of them, with
            the code `not_comparable`; or the rows of a run cannot be read.
    """
    run_ids = [run.manifest.run_id for run in runs]
    if twice := [run_id for i, run_id in enumerate(run_ids) if run_id in run_ids[:i]]:
        raise not_comparable(f"The evaluation {twice[0]} is named twice.", "Name each evaluation once.")
    pairs = [labelled_pairs(runs[0], other) for other in runs[1:]]
    positions = reduce(np.intersect1d, (pair.positions_a for pair in pairs))
    if not len(positions):
        raise not_comparable("No image is in all of these evaluations.", "Leave out one of the evaluations.")
    both = [_at(pair, positions) for pair in pairs]
    answers = over_same_classes(both[0][0], *(of_b for _, of_b in both))
    values = [_value(each, metric) for each in answers]
    if missing := [run.manifest.model for run, value in zip(runs, values, strict=True) if math.isnan(value)]:
        raise not_comparable(f"{BY_NAME[metric].title} is not defined for {missing[0]}.", "Choose another metric.")
    if says_nothing(metric, answers[0]):
        raise not_comparable(
            f"{BY_NAME[metric].title} says nothing about images that all have the same label.", "Choose another metric."
        )
    sign = -1 if BY_NAME[metric].higher_is_better else 1
    best, *others = sorted(range(len(runs)), key=lambda i: sign * values[i])
    found = [compared(answers[best], answers[i]) for i in others]
    p_values = holm([_p(answers[best], answers[i]) for i in others]) if metric == "accuracy" else [None] * len(others)
    ranked = [Ranked(runs[best].manifest, found[0].a, None, None)]
    for i, each, p in zip(others, found, p_values, strict=True):
        ranked.append(Ranked(runs[i].manifest, each.b, each.differences[metric], p))
    notes = dict.fromkeys(note for pair in pairs for note in pair.notes)
    if classes := note_on_classes(*answers):
        notes[classes] = None
    return Leaderboard(metric, len(positions), tuple(ranked), (*unfinished_notes(*runs), *notes))


def _at(pairs: LabelledPairs, positions: np.ndarray) -> tuple[Answers, Answers]:
    """The answers of both at these positions of the first run, which are among those of the pairs."""
    places = np.searchsorted(pairs.positions_a, positions)
    return pairs.a.take(places), pairs.b.take(places)


def _value(answers: Answers, metric: str) -> float:
    """The metric without an interval; NaN if it is not defined."""
    found = WeightedMetrics(answers).values(np.ones((1, len(answers))))
    return float(found[metric][0]) if metric in found else math.nan


def _p(best: Answers, other: Answers) -> float:
    return mcnemar_p(int((best.correct & ~other.correct).sum()), int((~best.correct & other.correct).sum()))
