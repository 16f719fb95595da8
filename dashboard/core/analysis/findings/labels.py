"""Rules about labels that are probably wrong."""

from __future__ import annotations

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.analysis.label_issues import label_issues, where_to_look
from dashboard.core.metrics.intervals import proportion

SURE = 0.9  # confidence
_LEAST = 5  # images
_LEAST_SHARE = 0.1  # of the images with a label
_LEAST_LAPSE = 0.003  # share of wrong labels
_SUSPECT = 0.01  # a p-value of no wrong labels: too large for a finding, but enough for a warning
_CLEARLY = 3.0  # times as many as the confidence allows for
_LEAST_OF_MISTAKES = 1 / 3  # share of the mistakes of which the model is sure, for a warning about all labels


def mislabelled_class(evidence: Evidence) -> Search:
    """Many images with one label are predicted as one other class, as surely as images of that class are."""
    from scipy.stats import poisson

    k, sure = len(evidence.names), evidence.confidence >= SURE
    tests = int((evidence.images > 0).sum())
    if not evidence.errors:
        return Search(tests)
    cell = (evidence.true * k + evidence.predicted)[sure]
    counts = np.bincount(cell, minlength=k * k).reshape(k, k)
    doubt = np.bincount(evidence.predicted[sure], 1 - evidence.curve.without_lapse[sure], k)  # wrong answers, expected
    candidates = []
    for a, b in zip(*np.nonzero(counts >= _LEAST), strict=True):
        count, images, expected = int(counts[a, b]), int(evidence.images[a]), float(doubt[b])
        if a == b or count < _LEAST_SHARE * images or count < _CLEARLY * expected:
            continue
        name, other = evidence.names[a], evidence.names[b]
        share = proportion(int(evidence.confusion[a, b]), images)
        finding = Finding(
            "mislabelled_class",
            f"{evidence.confusion[a, b]:,} of {images:,} images labelled {name} are predicted as {other} ({in_words(share)}), "
            f"{count:,} of them with a confidence of {SURE:.0%} or more, so their labels may be wrong.",
            share.value, share.low, share.high, images,
            f"Look at them: if they show {other}, correct their labels and evaluate again.",
            float(evidence.confusion[a, b]), evidence.positions[(evidence.true == a) & (evidence.predicted == b)],
            (f"true_label={name}", f"predicted_label={other}"),
        )  # fmt: skip
        chance = (k - 1) * float(poisson.sf(count - 1, expected))  # any of the other classes could have been it
        candidates.append(Candidate(finding, min(1.0, chance)))
    return Search(tests, candidates)


def instead_of_overconfidence(evidence: Evidence) -> str:
    """A sentence if wrong labels may be what makes the model look overconfident, even if nothing proves it; else ""."""
    if evidence.curve.lapse >= _LEAST_LAPSE and evidence.curve.p_value < _SUSPECT:
        return "Perhaps some labels are wrong, which looks like overconfidence."
    return many_sure_mistakes(evidence)


def many_sure_mistakes(evidence: Evidence) -> str:
    """A sentence with the number of mistakes whose confidence is `SURE` or more, if they are many; else ""."""
    mistakes, expected = _sure_mistakes(evidence)
    if len(mistakes) < max(_LEAST, _CLEARLY * expected, _LEAST_OF_MISTAKES * evidence.errors):
        return ""
    return (
        f"{len(mistakes):,} of the {evidence.errors:,} mistakes have a confidence of {SURE:.0%} or more. Either the model "
        "is overconfident, or their labels are wrong."
    )


def confident_mistakes(evidence: Evidence) -> Search:
    """More answers of which the model is sure differ from their labels than its confidence allows for."""
    from scipy.stats import poisson

    mistakes, expected = _sure_mistakes(evidence)
    count, n_sure = len(mistakes), int((evidence.confidence >= SURE).sum())
    if count < max(_LEAST, _CLEARLY * expected):
        return Search(1)
    share = proportion(count, n_sure)
    finding = Finding(
        "confident_mistakes",
        f"{count:,} of {n_sure:,} answers with a confidence of {SURE:.0%} or more differ from their labels "
        f"({in_words(share)}). If the confidence were right, it would be about {expected:,.0f}.",
        share.value, share.low, share.high, n_sure,
        "Look at them. Where the label is wrong, correct it. Where it is right, the model is overconfident about such images.",
        count - expected, mistakes,
        ("correct=no", f"confidence>={SURE:.2f}"),
    )  # fmt: skip
    return Search(1, [Candidate(finding, float(poisson.sf(count - 1, expected)))])


def _sure_mistakes(evidence: Evidence) -> tuple[np.ndarray, float]:
    """The positions of mistakes of which the model is sure, and how many its confidence allows for."""
    sure = evidence.confidence >= SURE
    return evidence.positions[sure & ~evidence.correct], float((1 - evidence.confidence[sure]).sum())


def label_errors(evidence: Evidence) -> Search:
    """A share of the labels contradicts the model however sure it is."""
    if evidence.errors < _LEAST:
        return Search(1)
    curve = evidence.curve
    if curve.lapse * evidence.n < _LEAST or curve.lapse < _LEAST_LAPSE:
        return Search(1)
    issues = label_issues(evidence.run)
    if issues.empty:
        return Search(1)
    share = proportion(len(issues), evidence.n)
    finding = Finding(
        "label_errors",
        f"{len(issues):,} of {evidence.n:,} labels are doubtful ({in_words(share)}), and about "
        f"{curve.lapse * evidence.n:,.0f} are probably wrong: so many answers differ from their labels however sure the "
        "model is.",
        share.value, share.low, share.high, share.n,
        f"Look through them, the most doubtful first, {where_to_look(evidence.run.manifest.run_id)}.",
        curve.lapse * evidence.n, issues.index.to_numpy(),
    )  # fmt: skip
    surest_errors = ~evidence.correct & (evidence.confidence >= np.median(evidence.confidence))
    return Search(1, [Candidate(finding, curve.p_value, evidence.positions[surest_errors])])
