"""Applies all rules to a run and ranks what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding
from dashboard.core.analysis.findings.rules import ABOUT_LABELS, FIRST, RULES, WRONG_LABELS, rule_of
from dashboard.core.analysis.label_issues import issues_in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.confidence_gap import confidence_gap
from dashboard.core.runs.array_file import ArrayFile
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.filters import Filter, as_texts
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.left_out import no_predictions
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run

MOST = 10  # findings that are shown
MOST_OF_A_RULE = 3
MOST_BY_NUMBER = 300  # images that a filter names one by one; an address of the page would be too long for more
# Expected share of findings that are due to chance. It is small, because images are seldom independent of each other
# (frames of a film, copies), which makes chance look significant more often than tests assume.
FALSE_DISCOVERIES = 0.0005
_MOST_OF_ITS_IMAGES = 0.5
_FEW = 100  # labelled images; fewer show large differences only
_LABELS_FIRST = "Check the labels first: most of these images are also in a finding about wrong labels."
_LABELS_BEFORE_CONFIDENCE = (
    "Look at the labels first: a wrong one makes a right answer look overconfident. Then evaluate again."
)
_LATER = (_LABELS_FIRST, _LABELS_BEFORE_CONFIDENCE)
_UNLIKE = (
    "Most of these images are unlike those that the model knows, which may explain the mistakes. If it should recognise such "
    "images, add some of every class to its training images."
)
_ABOVE_LABELS = (
    "label_errors",
    "wrong_pixels",
    "wrong_order",
    "never_predicted",
    "at_chance",
    "unfamiliar",
    "below_record",
)
_TOO_SURE = ("overconfident", "miscalibrated")


def find_in(folder: RunFolder, conditions: Filter = ()) -> list[Finding]:
    """The first `MOST` findings of a stored run, or of those of its rows that a filter lets pass.

    Raises:
        DatasetError: there is no such run, it is damaged, or the filter cannot be used.
    """
    return find_of(folder.load(VIEW_COLUMNS, conditions), folder)


def find_of(run: Run, folder: RunFolder) -> list[Finding]:
    """The first `MOST` findings of a run that was loaded from this folder. Raises DatasetError as `find_in` does."""
    return find_from(evidence_of(run, folder))[:MOST]


def evidence_of(run: Run, folder: RunFolder) -> Evidence:
    """What the rules look at, of a run that was loaded from this folder. Raises DatasetError as `find_in` does."""
    source = folder.filter_source(run.files)
    attributes = pa.table({name: source.read_attribute(name) for name in source.attributes})
    return Evidence(run, folder.beside.thumbnails(), attributes)


def find(run: Run, thumbnails: ArrayFile | None = None, attributes: pa.Table | None = None) -> list[Finding]:
    """The findings, those that cost most images first.

    Before them stand those about labels or classes that are certainly wrong, behind them what wrong labels may have caused:
    classes whose mistakes are mostly doubtful labels, and confidence that looks too high.

    Only significant ones are given: of all tests of all rules together, the false discovery rate is controlled
    (Benjamini, Hochberg 1995). A finding whose images another one explains is left out. Under a filter that chooses images
    by their answers, such as correct=no, only findings about the files and labels are given: see `by_answers`.

    Args:
        run: with at least the columns `VIEW_COLUMNS`.
        thumbnails: of the run, by `index`.
        attributes: further columns of the dataset, one row for each stored row of the run.

    Raises:
        DatasetError: rows cannot be read.
    """
    return find_from(Evidence(run, thumbnails, attributes))


def find_from(evidence: Evidence) -> list[Finding]:
    """All findings for which this is the evidence, as `find` gives them. Raises DatasetError as it does."""
    run = evidence.run
    if run.table.empty:
        return []
    chosen = by_answers(run.conditions)
    rules = [rule for rule in RULES if (evidence.n or not rule.needs_labels) and not (chosen and rule.about_answers)]
    if _no_confidence(evidence):
        rules = [rule for rule in rules if not rule.about_confidence]
    searches = [rule.search(evidence) for rule in rules]
    limits = significance_limits(
        [[each.p_value for each in s.candidates] for s in searches], [s.tests for s in searches]
    )
    kept: list[Finding] = []
    for rule, search, limit in zip(rules, searches, limits, strict=True):
        significant = [each for each in search.candidates if each.p_value <= limit]
        kept += _of_rule(significant, rule.explained_by, kept)
    about_labels = [finding.rows for finding in kept if finding.id in ABOUT_LABELS]
    doubtful = np.concatenate([*about_labels, np.array([], int)])
    unlike = np.concatenate([*(finding.rows for finding in kept if finding.id == "unfamiliar"), np.array([], int)])
    kept = [
        replace(each, next_step=_UNLIKE) if _is_of(("confused_pair", "weak_class"), each, unlike) else each
        for each in kept
    ]
    kept = [
        replace(each, next_step=_LABELS_FIRST) if _is_of(("weak_class",), each, doubtful) else each for each in kept
    ]
    if any(each.id in WRONG_LABELS for each in kept):
        kept = [replace(each, next_step=_LABELS_BEFORE_CONFIDENCE) if each.id in _TOO_SURE else each for each in kept]
    ranked = sorted(kept, key=lambda each: (each.id not in FIRST, each.next_step in _LATER, -each.cost))
    own = tuple(as_texts(run.conditions))
    conditions = [finding.where or _by_number(run, finding) for finding in ranked]
    return [
        replace(finding, where=(*own, *where) if where else ())
        for finding, where in zip(ranked, conditions, strict=True)
    ]


def why_not_measured(finding_id: str, evidence: Evidence) -> str:
    """Why there can be no finding with this id, as the rest of "Not measured, because"; "" if there could be one.

    Raises DatasetError if rows cannot be read.
    """
    rule = rule_of(finding_id)
    return (rule.about_confidence and _no_confidence(evidence)) or rule.search(evidence).not_measured


def _no_confidence(evidence: Evidence) -> str:
    """Why nothing can be said about the confidence; "" if something can."""
    if not evidence.run.has_probabilities:
        return "these predictions have no probabilities, only predicted classes"
    return "all these answers have a confidence of 100%" if (evidence.confidence == 1).all() else ""


def _by_number(run: Run, finding: Finding) -> tuple[str, ...]:
    """A condition for the images of a finding one by one; none if there are too many of them."""
    if not 0 < len(finding.rows) <= MOST_BY_NUMBER:
        return ()
    return (f"index={'|'.join(str(i) for i in run.table['index'].loc[finding.rows])}",)


def _is_of(ids: Sequence[str], finding: Finding, positions: np.ndarray) -> bool:
    """Whether a finding of these rules is mostly about images at these positions."""
    return finding.id in ids and bool(np.isin(finding.rows, positions).mean() >= _MOST_OF_ITS_IMAGES)


def significance_limits(p_values: Sequence[Sequence[float]], tests: Sequence[int]) -> list[float]:
    """For each rule the largest p-value that is significant; below 0 if none can be.

    The false discovery rate over all tests is `FALSE_DISCOVERIES`. Every rule has the same weight, whatever the number
    of its tests (Genovese, Roeder, Wasserman 2006), so that the many pairs of classes do not outvote other rules.

    Args:
        p_values: of each rule, those of its candidates, which are the smallest.
        tests: of each rule, the number of its tests.
    """
    sizes = [max(number, len(own), 1) for own, number in zip(p_values, tests, strict=True)]
    factors = [size * len(sizes) for size in sizes]  # that a p-value of the rule is multiplied by
    ordered = np.sort([p * factor for own, factor in zip(p_values, factors, strict=True) for p in own])
    passed = np.flatnonzero(ordered <= FALSE_DISCOVERIES * np.arange(1, len(ordered) + 1))
    if not len(passed):
        return [-1.0] * len(sizes)
    return [FALSE_DISCOVERIES * (passed[-1] + 1) / factor for factor in factors]


def _of_rule(candidates: Sequence[Candidate], explained_by: Sequence[str], kept: Sequence[Finding]) -> list[Finding]:
    """The findings of one rule that no other finding explains, the most costly first."""
    found: list[Finding] = []
    for candidate in sorted(candidates, key=lambda each: -each.finding.cost):
        finding = candidate.finding
        others = [each.rows for each in (*kept, *found) if each.id in explained_by]
        basis = finding.rows if candidate.rests_on is None else candidate.rests_on
        explained = np.isin(basis, np.concatenate(others)).mean() if others and len(basis) else 0.0
        if explained < _MOST_OF_ITS_IMAGES and len(found) < MOST_OF_A_RULE:
            found.append(finding)
    return found


def nothing_found(run: Run, doubtful: int | None, where: str = "in the view Labels") -> str:
    """What to say if there is no finding about a run.

    Args:
        doubtful: the number of labels that `label_issues` finds; None if they were not looked for.
        where: the place that lists these labels.

    Raises:
        DatasetError: the rows of the run cannot be read.
    """
    labelled = len(run.labelled)
    if run.evaluated.empty:
        return no_predictions(run)
    nothing = f"{doubtful_in_words(doubtful, labelled, where)} Apart from them, nothing" if doubtful else "Nothing"
    more = f" {doubtful_in_words(doubtful, labelled, where)}" if labelled and doubtful is None else ""
    if by_answers(run.conditions):
        return (
            f"{nothing} stands out in the files and labels. Mistakes were not looked for, because the filter chooses images "
            f"by their answers.{more}"
        )
    if not labelled:
        return "Nothing stands out. Mistakes are found only where images have labels."
    if labelled < _FEW:
        return f"{nothing} stands out, but {counted(labelled, 'labelled image')} can only show large differences.{more}"
    return (
        f"{nothing} stands out: no group of images differs by more than chance would explain. Smaller differences may still "
        f"be real.{_about_confidence(run)}{more}"
    )


def _about_confidence(run: Run) -> str:
    """A sentence if the mean confidence is not the accuracy, which is too little for a finding among all that was tested."""
    answers = run.answers
    if answers.probabilities is None:
        return ""
    gap = confidence_gap(answers.probabilities.confidence, answers.correct)
    if gap.low <= 0 <= gap.high:
        return ""
    return f" On average, though, the confidence is too {'high' if gap.low > 0 else 'low'}: look at its calibration."


def besides(findings: Sequence[Finding], run: Run, doubtful: int | None, where: str = "in the view Labels") -> str:
    """What to say about doubtful labels beside these findings.

    "" if there are none, if a finding counts them, or if one says why the model contradicts right labels.

    Args:
        doubtful, where: as in `nothing_found`.
    """
    if not doubtful or any(finding.id in _ABOVE_LABELS for finding in findings):
        return ""
    return doubtful_in_words(doubtful, len(run.labelled), where)


def doubtful_in_words(doubtful: int | None, labelled: int, where: str) -> str:
    """A sentence with the number of doubtful labels and the place that lists them, both as in `nothing_found`."""
    if doubtful is None:
        return f"Labels that may be wrong, if there are any, are listed {where}."
    return f"{issues_in_words(doubtful, labelled)}: see them {where}."
