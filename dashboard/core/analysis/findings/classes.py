"""Rules about single classes: never predicted, seldom recognised, or too rare to judge."""

from __future__ import annotations

import numpy as np

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted, listed
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent

_FEW = 30  # images of a class
_WIDE = 0.2  # width of the interval of a recall
_LISTED = 3  # rare classes with a sentence each; more are one sentence
_CLEARLY = 2.0  # times as many errors as in the other classes
_LEAST = 5  # errors too many
_ONE_CLASS = "fewer than 2 classes have images"


def never_predicted(evidence: Evidence) -> Search:
    """Classes that have images but are never predicted."""
    images, names = evidence.images, evidence.names
    present = np.flatnonzero(images)
    missing = np.flatnonzero((images > 0) & (evidence.confusion.sum(axis=0) == 0))
    others = int(images.sum() - images[missing].sum())
    if len(present) < 2:
        return Search(not_measured=_ONE_CLASS)
    if not len(missing) or not others:
        return Search(len(present))
    recall = (evidence.n - evidence.errors) / others  # of the other classes
    if recall >= 1:
        recall = 1 - 1 / (others + 1)
    chances = (1 - recall) ** images[missing]
    sure = missing[chances * len(present) < 0.05]
    if not len(sure):
        return Search(len(present))
    count = int(images[sure].sum())
    share = proportion(count, evidence.n)
    which = (
        f"{names[sure[0]]} is never predicted: all {counted(count, 'image')} with this label are wrong"
        if len(sure) == 1
        else f"{len(sure)} classes are never predicted ({listed([names[i] for i in sure], 5)}): all "
        f"{counted(count, 'image')} with these labels are wrong"
    )
    one_filter = len(sure) == 1 or not any("|" in names[i] for i in sure)
    where = ("true_label=" + "|".join(names[i] for i in sure), "correct=no") if one_filter else ()
    finding = Finding(
        "never_predicted", f"{which} ({in_words(share)} of all images).", share.value, share.low, share.high, share.n,
        "Check whether the model was trained with these classes and whether their names are right.",
        count, evidence.positions[np.isin(evidence.true, sure)], where,
    )  # fmt: skip
    return Search(len(present), [Candidate(finding, float(chances[np.isin(missing, sure)].max()))])


def rare_class(evidence: Evidence) -> Search:
    """Classes with far fewer images than others, so few that their recall is uncertain."""
    from scipy.stats import binom

    images, names = evidence.images, evidence.names
    present = np.flatnonzero(images)
    if len(present) < 2:
        return Search(not_measured=_ONE_CLASS)
    usual = evidence.n / len(present)
    found: list[tuple[float, Finding]] = []
    for i in present[(images[present] < _FEW) & (images[present] < usual / 3)]:
        recall = proportion(int(evidence.confusion[i, i]), int(images[i]))
        if recall.high - recall.low < _WIDE:
            continue
        p_value = float(binom.cdf(images[i], evidence.n, 1 / len(present)))
        statement = (
            f"{names[i]} has {counted(int(images[i]), 'image')}: its recall may be anywhere from "
            f"{100 * recall.low:.0f} to {100 * recall.high:.0f}%."
        )
        finding = Finding(
            "rare_class", statement, recall.value, recall.low, recall.high, recall.n,
            f"Add images of {names[i]}: with 100, the recall would be known to about 10 points.",
            recall.n * (recall.high - recall.low) / 2, evidence.positions[evidence.true == i],
            (f"true_label={names[i]}", "status=ok"),
        )  # fmt: skip
        found.append((p_value, finding))
    if len(found) > _LISTED:
        return Search(len(present), [Candidate(_many_rare(evidence, found), max(p for p, _ in found))])
    return Search(len(present), [Candidate(finding, p_value) for p_value, finding in found])


def _many_rare(evidence: Evidence, found: list[tuple[float, Finding]]) -> Finding:
    findings = [finding for _, finding in found]
    rows = np.concatenate([finding.rows for finding in findings])
    correct = int(evidence.correct[np.isin(evidence.positions, rows)].sum())
    recall = proportion(correct, len(rows))
    return Finding(
        "rare_class",
        f"{len(found)} of {len(evidence.names):,} classes have fewer than {_FEW} images each, {len(rows):,} in all: "
        f"the recall of each is uncertain by {100 * _WIDE:.0f} points or more.",
        recall.value, recall.low, recall.high, len(rows),
        "Add images of these classes, or judge them together.",
        sum(finding.cost for finding in findings), rows,
    )  # fmt: skip


def weak_class(evidence: Evidence) -> Search:
    """Classes whose images are wrong more often than those of the other classes."""
    from scipy.stats import hypergeom

    images, names, n, errors = evidence.images, evidence.names, evidence.n, evidence.errors
    present = np.flatnonzero(images)
    if len(present) < 3:
        return Search(not_measured="fewer than 3 classes have images")
    if not errors:
        return Search()
    wrong = images - evidence.confusion.diagonal()
    found = []
    for i in present:
        if images[i] == n:
            continue
        elsewhere = (errors - wrong[i]) / (n - images[i])
        too_many = wrong[i] - images[i] * elsewhere
        if too_many < _LEAST or wrong[i] < _CLEARLY * images[i] * elsewhere:
            continue
        share = proportion(int(wrong[i]), int(images[i]))
        finding = Finding(
            "weak_class",
            f"{wrong[i]:,} of {images[i]:,} images of {names[i]} are wrong ({in_words(share)}), against "
            f"{percent(elsewhere)} of the other classes.",
            share.value, share.low, share.high, share.n,
            "Look at these images; more training images of this class would help most.",
            float(too_many), evidence.positions[(evidence.true == i) & ~evidence.correct],
            (f"true_label={names[i]}", "correct=no"),
        )  # fmt: skip
        found.append(Candidate(finding, float(hypergeom.sf(wrong[i] - 1, n, errors, images[i]))))
    return Search(len(present), found)
