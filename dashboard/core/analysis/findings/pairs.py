"""Rule: two classes that are confused with each other more often than the other classes."""

from __future__ import annotations

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.metrics.confusion import without_diagonal
from dashboard.core.metrics.intervals import proportion

_LEAST = 5  # images
_CLEARLY = 2.0  # times as many as if errors were spread evenly
_LEAST_SHARE = 0.01  # of the images of a class
_ALIKE = 3.0  # both directions are told together if neither is more than this many times the other


def confused_pair(evidence: Evidence) -> Search:
    """Images of one class that are predicted as a certain other class."""
    from scipy.stats import binom

    images, mistakes, k = evidence.images, without_diagonal(evidence.confusion), len(evidence.names)
    called = evidence.confusion.sum(axis=0)
    present, errors = int((images > 0).sum()), evidence.errors
    if not errors or k < 2:
        return Search()
    candidates = []
    for a, b in zip(*np.nonzero(mistakes >= _LEAST), strict=True):
        there, back = int(mistakes[a, b]), int(mistakes[b, a])
        if (there, a) < (back, b):
            continue  # the other direction is looked at
        alike = there <= _ALIKE * back and k > 2 and "|" not in evidence.names[a] + evidence.names[b]
        count, of = (there + back, images[a] + images[b]) if alike else (there, images[a])
        # the share of all errors, if every image was as often wrong, and wrong answers as popular as right ones
        even = float(images[a] * called[b] / (evidence.n - called[a]))
        if alike:
            even += float(images[b] * called[a] / (evidence.n - called[b]))
        even = min(1.0, even / evidence.n)
        if count < _CLEARLY * errors * even or count < _LEAST_SHARE * of:
            continue
        finding = _both_ways(evidence, *sorted((a, b))) if alike else _one_way(evidence, a, b)
        candidates.append(Candidate(finding, min(1.0, 2 * float(binom.sf(count - 1, errors, even)))))  # 2 directions
    return Search(present * (k - 1) // 2, candidates)


def _one_way(evidence: Evidence, a: int, b: int) -> Finding:
    names, count = evidence.names, int(evidence.confusion[a, b])
    share = proportion(count, int(evidence.images[a]))
    return Finding(
        "confused_pair",
        f"{count:,} of {share.n:,} images of {names[a]} are predicted as {names[b]} ({in_words(share)}).",
        share.value, share.low, share.high, share.n,
        f"Look at them: if their labels are right, add training images that tell {names[a]} from {names[b]}.",
        count, evidence.positions[(evidence.true == a) & (evidence.predicted == b)],
        (f"true_label={names[a]}", f"predicted_label={names[b]}"),
    )  # fmt: skip


def _both_ways(evidence: Evidence, a: int, b: int) -> Finding:
    names, there, back = evidence.names, int(evidence.confusion[a, b]), int(evidence.confusion[b, a])
    share = proportion(there + back, int(evidence.images[a] + evidence.images[b]))
    rows = np.isin(evidence.true, (a, b)) & np.isin(evidence.predicted, (a, b)) & ~evidence.correct
    either = f"{names[a]}|{names[b]}"
    return Finding(
        "confused_pair",
        f"{names[a]} and {names[b]} are confused with each other {there + back:,} times in {share.n:,} images "
        f"({in_words(share)}): {there:,} images of {names[a]} are predicted as {names[b]}, and {back:,} the other way.",
        share.value, share.low, share.high, share.n,
        f"Look at them: if their labels are right, add training images that tell {names[a]} from {names[b]}.",
        there + back, evidence.positions[rows],
        (f"true_label={either}", f"predicted_label={either}", "correct=no"),
    )  # fmt: skip
