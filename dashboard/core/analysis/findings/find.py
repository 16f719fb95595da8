"""Applies all rules to a run and ranks what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding
from dashboard.core.analysis.findings.rules import RULES
from dashboard.core.runs.filters import Filter, as_texts
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run

MOST = 10  # findings
MOST_OF_A_RULE = 3
# Expected share of findings that are due to chance. It is small, because images are seldom independent of each other
# (frames of a film, copies), which makes chance look significant more often than tests assume.
FALSE_DISCOVERIES = 0.0001
_MOST_OF_ITS_IMAGES = 0.5


def find_in(folder: RunFolder, conditions: Filter = ()) -> list[Finding]:
    """The findings of a stored run, or of those of its rows that a filter lets pass.

    Raises:
        DatasetError: there is no such run, it is damaged, or the filter cannot be used.
    """
    return find_of(folder.load(VIEW_COLUMNS, conditions), folder)


def find_of(run: Run, folder: RunFolder) -> list[Finding]:
    """The findings of a run that was loaded from this folder. Raises DatasetError as `find_in` does."""
    source = folder.filter_source(run.files)
    attributes = pa.table({name: source.read_attribute(name) for name in source.attributes})
    return find(run, folder.thumbnails(), attributes)


def find(run: Run, thumbnails: np.ndarray | None = None, attributes: pa.Table | None = None) -> list[Finding]:
    """At most `MOST` findings, those that cost most images first.

    Only significant ones are given: of all tests of all rules together, the false discovery rate is controlled
    (Benjamini, Hochberg 1995). A finding whose images another one explains is left out.

    Args:
        run: with at least the columns `VIEW_COLUMNS`.
        thumbnails: of the run, by `index`.
        attributes: further columns of the dataset, one row for each stored row of the run.

    Raises:
        DatasetError: rows cannot be read.
    """
    if run.table.empty:
        return []
    evidence = Evidence(run, thumbnails, attributes)
    rules = [rule for rule in RULES if evidence.n or not rule.needs_labels]
    searches = [rule.search(evidence) for rule in rules]
    candidates = [candidate for search in searches for candidate in search.candidates]
    limit = significance_limit([each.p_value for each in candidates], sum(search.tests for search in searches))
    kept: list[Finding] = []
    for rule, search in zip(rules, searches, strict=True):
        significant = [each for each in search.candidates if each.p_value <= limit]
        kept += _of_rule(significant, rule.explained_by, kept)
    ranked = sorted(kept, key=lambda finding: -finding.cost)[:MOST]
    own = tuple(as_texts(run.conditions))
    return [replace(finding, where=(*own, *finding.where) if finding.where else ()) for finding in ranked]


def significance_limit(p_values: Sequence[float], tests: int) -> float:
    """The largest p-value that is significant at the false discovery rate `FALSE_DISCOVERIES`; below 0 if none is.

    Args:
        p_values: the smallest ones of all tests.
        tests: number of all tests, at least as many.
    """
    ordered = np.sort(np.asarray(p_values, float))
    limits = FALSE_DISCOVERIES * np.arange(1, len(ordered) + 1) / max(tests, len(ordered), 1)
    passed = np.flatnonzero(ordered <= limits)
    return float(ordered[passed[-1]]) if len(passed) else -1.0


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
