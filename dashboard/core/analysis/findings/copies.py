"""Rules about images that occur more than once."""

from __future__ import annotations

import numpy as np

from dashboard.core.analysis.duplicates import are_comparable
from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted, listed_and
from dashboard.core.metrics.intervals import proportion

_LABELS_NAMED = 3  # of an example


def repeated_images(evidence: Evidence) -> Search:
    """The same image occurs more than once."""
    groups = evidence.copies
    if not groups:
        return Search(not_measured=_unknown(evidence))
    rows = np.concatenate(groups)
    share = proportion(len(rows), len(evidence.run.evaluated))
    images, twice = counted(len(groups), "image"), len(rows) == 2 * len(groups)
    appear = "appears" if len(groups) == 1 else "appear"
    often = "twice" if twice else f"more than once, {len(rows):,} times in all"
    finding = Finding(
        "repeated_images",
        f"{images} {appear} {often} ({len(rows):,} of {counted(share.n, 'row')}: {in_words(share)}). "
        "All figures count each copy as an image of its own, so their intervals are too narrow.",
        share.value, share.low, share.high, share.n,
        "Remove the copies from the dataset, so that each image counts once.",
        len(rows) - len(groups), np.sort(rows),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def conflicting_labels(evidence: Evidence) -> Search:
    """The same image occurs with different labels."""
    labels = evidence.run.evaluated["true_label"].cat.codes
    groups = [group for group in evidence.copies if len({*labels.loc[group].tolist()} - {-1}) > 1]
    if not groups:
        return Search(not_measured=_unknown(evidence))
    given = [labels.loc[group] for group in groups]
    given = [each[each >= 0] for each in given]  # a copy without a label says nothing
    wrong = sum(len(each) - int(each.value_counts().max()) for each in given)
    rows = np.sort(np.concatenate(groups))
    share = proportion(len(rows), len(evidence.run.evaluated))
    images = f"{len(groups):,} image{' appears' if len(groups) == 1 else 's appear'}"
    finding = Finding(
        "conflicting_labels",
        f"{images} more than once with different labels ({len(rows):,} of {counted(share.n, 'row')}: {in_words(share)}), "
        f"so at least {counted(wrong, 'label')} must be wrong. For example, these are one image: "
        f"{_example(evidence, given[0].index.to_numpy())}.",
        share.value, share.low, share.high, share.n,
        "Decide which label is right, and keep each image once.",
        float(wrong), rows,
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def _unknown(evidence: Evidence) -> str:
    """Why copies could not be found; "" if they could."""
    if are_comparable(evidence.run, evidence.thumbnails):
        return ""
    return "nothing is stored of these images by which copies could be recognised"


def _example(evidence: Evidence, positions: np.ndarray) -> str:
    """The files of one image with their labels: one file for each of its first labels."""
    rows = evidence.run.evaluated.loc[positions].drop_duplicates("true_label")[:_LABELS_NAMED]
    files = evidence.run.detail(rows, ["file"])["file"]
    return listed_and([f"{file} ({label})" for file, label in zip(files, rows["true_label"], strict=True)])
