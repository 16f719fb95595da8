"""Rule: the confidence is too high, too low, or both."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search
from dashboard.core.analysis.findings.labels import SURE, instead_of_overconfidence, many_sure_mistakes
from dashboard.core.analysis.label_issues import where_to_look
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import in_percent, percent

_LEAST_GAP = 0.02  # between mean confidence and accuracy, or beyond the calibration error of chance
_CERTAIN = 1e-5  # a p-value
_UPPER = np.round(np.arange(1, 16) / 15, 2)  # edges of bins of confidence, short enough for a filter
_LEAST_IMAGES = 50
_SATURATED, _MOST_RIGHT = 0.98, 0.6  # mean confidence and accuracy that pixels with a much too large range may give
_CHECK_PIXELS = (
    "If the model was right more often in training, first compare the scaling of pixels with that in training (see "
    "Diagnostics). "
)
_CALIBRATE = {  # by whether the predictions are imported
    True: "calibrate the model where it was made",
    False: "fit the temperature of the model on part of these images",
}


def miscalibrated(evidence: Evidence) -> Search:
    """The mean confidence differs from the accuracy, or the confidence is too high in some bins and too low in others."""
    n, confidence = evidence.n, evidence.confidence
    if n < _LEAST_IMAGES or np.isnan(confidence).any():
        return Search(not_measured=f"fewer than {_LEAST_IMAGES} images have a label and a confidence")
    sure, right = float(confidence.mean()), 1 - evidence.errors / n
    gap = sure - right
    spread = math.sqrt(max(float((confidence * (1 - confidence)).sum()), right * (1 - right) * n, 1.0))
    p_value = 2 * NormalDist().cdf(-abs(gap) * n / spread)
    if (abs(gap) < _LEAST_GAP or p_value > _CERTAIN) and (both_ways := _off_both_ways(evidence, abs(gap))):
        return Search(2, [both_ways])
    if abs(gap) < _LEAST_GAP:
        return Search(2)
    ece, over = evidence.run.scores["ece15"], gap > 0
    note = BY_NAME["ece15"].chance_note(n)
    figures = f"calibration error {percent(ece.value)}"
    if ece.has_interval:
        figures += f", {in_percent(ece.low)} to {in_percent(ece.high)}"
    line = f"{SURE if over and many_sure_mistakes(evidence) else sure:.2f}"  # shows the mistakes that the advice counts
    surer = confidence >= float(line)
    rows = ~evidence.correct & surer if over else evidence.correct & ~surer
    look_first = _CHECK_PIXELS if sure >= _SATURATED and right <= _MOST_RIGHT else ""
    calibrate = f"{_CALIBRATE[evidence.run.manifest.imported]} before you rely on its confidence."
    if over and (perhaps := instead_of_overconfidence(evidence)):
        look = where_to_look(evidence.run.manifest.run_id)
        calibrate = f"{perhaps} First look at the doubtful labels, {look}. If they are right, {calibrate}"
    finding = Finding(
        "overconfident" if over else "underconfident",
        f"The model is {'over' if over else 'under'}confident: its mean confidence is {percent(sure)}, but {percent(right)} of its "
        f"answers are right ({figures}{f'; {note}' if note else ''}).",
        ece.value, ece.low, ece.high, n,
        f"{look_first}{calibrate[0].upper()}{calibrate[1:]}",
        abs(gap) * n * (1.0 if over else 0.5),  # doubt costs less than false certainty
        evidence.positions[rows],
        ("correct=no", f"confidence>={line}") if over else ("correct=yes", f"confidence<{line}"),
    )  # fmt: skip
    return Search(2, [Candidate(finding, p_value)])


def _off_both_ways(evidence: Evidence, gap: float) -> Candidate | None:
    """The confidence is too high in some bins and too low in others; None if it is not so by much.

    Args:
        gap: distance of the mean confidence and the accuracy, in [0, 1].
    """
    from scipy.stats import binom

    n, confidence = evidence.n, evidence.confidence
    bin_of = np.minimum(np.searchsorted(_UPPER, confidence), len(_UPPER) - 1)
    images, sure, right, spread = (
        np.bincount(bin_of, weights, len(_UPPER))
        for weights in (None, confidence, evidence.correct, confidence * (1 - confidence))
    )
    # the mean of |x| is sqrt(2 / pi) for a standard normal x
    by_chance = float(np.sqrt(2 * spread / math.pi).sum()) / n
    ece = evidence.run.scores["ece15"]
    if ece.value - max(by_chance, gap) < _LEAST_GAP:
        return None
    # exact for each bin; chance makes the number of right answers vary less if the confidences in a bin differ
    expected = sure / np.maximum(images, 1)
    some = images > 0
    too_few, too_many = binom.cdf(right, images, expected)[some], binom.sf(right - 1, images, expected)[some]
    p_value = min(1.0, 2 * int(some.sum()) * float(max(too_few.min(), too_many.min())))  # both must be shown
    if p_value > _CERTAIN:
        return None
    worst = int(np.abs(sure - right).argmax())
    low, high = (f"{edge:.2f}" for edge in (_UPPER[worst - 1] if worst else 0, _UPPER[worst]))
    inside, over = bin_of == worst, bool(sure[worst] > right[worst])
    rows = inside & (evidence.correct != over)
    finding = Finding(
        "miscalibrated",
        f"The confidence is too high for some images and too low for others: it is off by {in_percent(ece.value)} points on "
        f"average ({in_percent(ece.low)} to {in_percent(ece.high)}). Where it is between {low} and {high}, it is "
        f"{percent(expected[worst])} on average, but {percent(right[worst] / images[worst])} of the answers are right.",
        ece.value, ece.low, ece.high, n,
        "Do not rely on the confidence. A new temperature seldom mends both; a curve that is fitted to part of these images may "
        "(isotonic regression).",
        0.75 * ece.value * n,  # half of it is doubt, which costs less
        evidence.positions[rows],
        (f"correct={'no' if over else 'yes'}", f"confidence>{low}", f"confidence<={high}"),
    )  # fmt: skip
    return Candidate(finding, p_value)
