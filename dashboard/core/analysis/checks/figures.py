"""The figures that checks compare with their limits."""

from __future__ import annotations

import math

import numpy as np

from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.run import Run

_RESAMPLES = 2000


def class_figure(run: Run, metric: str, of_class: str) -> Score | None:
    """Recall, precision or f1 of a class, with its 95% interval; None if it is not defined.

    Recall and precision have Wilson's interval, f1 a bootstrap interval over the images. Without a mistake, f1 has that of
    the recall; if no image of the class is found, it has none, and `low` and `high` are NaN. If all images have the same
    label, precision and f1 say nothing: the three are NaN.
    """
    rows = run.labelled
    if metric != "recall" and rows["true_label"].nunique() == 1:
        return Score(math.nan, math.nan, math.nan, len(rows))
    true, predicted = ((rows[c] == of_class).to_numpy() for c in ("true_label", "predicted_label"))
    hits, labelled, called = int((true & predicted).sum()), int(true.sum()), int(predicted.sum())
    of = {"recall": labelled, "precision": called, "f1": labelled + called}[metric]
    if not of or (metric == "f1" and not labelled):
        return None
    if metric != "f1":
        share = proportion(hits, of)
        return Score(share.value, share.low, share.high, of)
    if not hits:
        return Score(0.0, math.nan, math.nan, labelled)
    if 2 * hits == of:
        share = proportion(hits, labelled)
        return Score(1.0, share.low, share.high, labelled)
    n = len(rows)
    kinds = np.array([hits, labelled + called - 2 * hits, n - labelled - called + hits])  # right, half wrong, elsewhere
    drawn = np.random.default_rng(0).multinomial(n, kinds / n, _RESAMPLES)
    with np.errstate(invalid="ignore"):
        values = 2 * drawn[:, 0] / (2 * drawn[:, 0] + drawn[:, 1])
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return Score(2 * hits / of, float(low), float(high), labelled)
