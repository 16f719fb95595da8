"""Rule: the confidence is too high or too low."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import in_percent, percent

_LEAST_GAP = 0.02  # between mean confidence and accuracy
_LEAST_IMAGES = 50


def miscalibrated(evidence: Evidence) -> Search:
    """The mean confidence differs from the accuracy."""
    n, confidence = evidence.n, evidence.confidence
    if n < _LEAST_IMAGES or np.isnan(confidence).any():
        return Search()
    sure, right = float(confidence.mean()), 1 - evidence.errors / n
    gap = sure - right
    if abs(gap) < _LEAST_GAP:
        return Search(1)
    spread = math.sqrt(max(float((confidence * (1 - confidence)).sum()), right * (1 - right) * n, 1.0))
    p_value = 2 * NormalDist().cdf(-abs(gap) * n / spread)
    ece, over = evidence.run.scores["ece15"], gap > 0
    note = BY_NAME["ece15"].chance_note(n)
    figures = f"calibration error {percent(ece.value)}, {in_percent(ece.low)} to {in_percent(ece.high)}"
    line = f"{sure:.2f}"
    surer = confidence >= float(line)
    rows = ~evidence.correct & surer if over else evidence.correct & ~surer
    finding = Finding(
        "overconfident" if over else "underconfident",
        f"The model is {'over' if over else 'under'}confident: its mean confidence is {percent(sure)}, but {percent(right)} of its "
        f"answers are right ({figures}{f'; {note}' if note else ''}).",
        ece.value, ece.low, ece.high, n,
        "Fit the temperature of the model on part of these images before you rely on its confidence.",
        abs(gap) * n * (1.0 if over else 0.5),  # doubt costs less than false certainty
        evidence.positions[rows],
        ("correct=no", f"confidence>={line}") if over else ("correct=yes", f"confidence<{line}"),
    )  # fmt: skip
    return Search(1, [Candidate(finding, p_value)])
