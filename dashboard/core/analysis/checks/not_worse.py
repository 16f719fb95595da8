"""Whether a run is significantly less accurate than another one on the images that both have."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dashboard.core.metrics.answers import Answers
from dashboard.core.metrics.scores import Score, differences
from dashboard.core.runs.run import Run

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """The accuracy of a run minus that of an earlier one, on the same images."""

    score: Score
    only_now: int  # images that only the run answers rightly
    only_before: int
    p_value: float  # of equal accuracy, exact McNemar test

    @property
    def is_worse(self) -> bool:
        """The run is significantly less accurate."""
        return self.only_now < self.only_before and (self.score.high < 0 or self.p_value < SIGNIFICANT)


def accuracy_difference(run: Run, earlier: Run) -> Difference | None:
    """Compares the labelled images of `run` with those of `earlier` of the same file name; None if there are none.

    File names that occur more than once in a run are left out. The labels are those of `run`, which may have been
    corrected since.
    """
    from scipy.stats import binomtest

    shared = _by_file(run).join(_by_file(earlier)["predicted_label"].rename("before"), how="inner")
    if shared.empty:
        return None
    names = pd.Index([*dict.fromkeys((*run.manifest.class_names, *earlier.manifest.class_names))])
    true, now, before = (names.get_indexer(shared[c].astype(str)) for c in ("true_label", "predicted_label", "before"))
    answers = [Answers(true, predicted, len(names), None) for predicted in (before, now)]
    only_before, only_now = (int((a.correct & ~b.correct).sum()) for a, b in (answers, answers[::-1]))
    discordant = only_before + only_now
    p_value = float(binomtest(only_now, discordant).pvalue) if discordant else 1.0
    return Difference(differences(*answers)["accuracy"], only_now, only_before, p_value)


def _by_file(run: Run) -> pd.DataFrame:
    """Labels and predictions by file name."""
    rows = run.labelled
    table = rows[["true_label", "predicted_label"]].set_index(run.detail(rows, ["file"])["file"])
    return table[~table.index.duplicated(keep=False)]
