"""Whether a run is significantly less accurate than another one on the images that both have."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.core.analysis.comparison import compare
from dashboard.core.metrics.paired import SIGNIFICANT
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.run import Run


@dataclass(frozen=True)
class Difference:
    """The accuracy of a run minus that of an earlier one, on the same images."""

    score: Score
    only_now: int  # images that only the run answers rightly
    only_before: int
    p_value: float  # of equal accuracy, exact McNemar test
    notes: tuple[str, ...]  # which images are compared, in sentences

    @property
    def is_worse(self) -> bool:
        """The run is significantly less accurate, by McNemar's test as in every comparison of two runs."""
        return self.only_now < self.only_before and self.p_value < SIGNIFICANT


def accuracy_difference(run: Run, earlier: Run) -> Difference:
    """Compares `run` with another run, `earlier`, on the images that `compare` finds in both.

    Raises:
        DatasetError: they have no labelled image in common, with the code `not_comparable`; or the rows of a run cannot
            be read.
    """
    found = compare(earlier, run)
    outcomes = found.outcomes
    assert outcomes is not None, "one run under two filters has no pairs"
    return Difference(
        found.differences["accuracy"], outcomes.only_b_right, outcomes.only_a_right, outcomes.mcnemar_p, found.notes
    )
