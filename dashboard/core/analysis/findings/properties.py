"""Rule: errors that depend on a property of the images, or on a further column of the dataset.

A part of the values is searched for in one half of the images and tested in the other half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.rows import PROPERTY_FIELDS, STORED

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)  # of the images that a part at either end of the values has
_MOST_VALUES = 50  # of a column whose values are looked at one by one
_FEW_VALUES = 12  # numbers with at most so many values are such a column
_LEAST_IMAGES = 10  # of a part, in each half
_CLEARLY = 1.5  # times as many errors as in the other images
_LEAST_DIFFERENCE = 0.03  # of the shares of errors
_LEAST = 5  # errors too many
_PROPERTIES = tuple(field.name for field in PROPERTY_FIELDS)


@dataclass(frozen=True)
class Part:
    """Some of the images, by the value of one column."""

    condition: str  # of a filter
    words: str
    inside: np.ndarray  # (N,) bool


def depends_on_property(evidence: Evidence) -> Search:
    """Images with certain values of a column are wrong more often than the others."""
    from scipy.stats import hypergeom

    n, wrong = evidence.n, ~evidence.correct
    if n < 4 * _LEAST_IMAGES or not evidence.errors:
        return Search()
    searched = np.random.default_rng(0).permutation(n) < n // 2
    tests, candidates = 0, []
    for name, values in _columns(evidence):
        parts = list(_parts(name, values))
        best = max(parts, key=lambda part: _excess(part.inside[searched], wrong[searched]), default=None)
        if best is None or _excess(best.inside[searched], wrong[searched]) <= 0:
            continue
        tests += 1
        inside, errors = best.inside[~searched], wrong[~searched]
        chance = float(hypergeom.sf((inside & errors).sum() - 1, len(inside), errors.sum(), inside.sum()))
        if finding := _finding(evidence, best):
            candidates.append(Candidate(finding, chance))
    return Search(tests, candidates)


def _finding(evidence: Evidence, part: Part) -> Finding | None:
    """None if the difference is too small to matter."""
    inside, wrong = part.inside, ~evidence.correct
    rest = float(wrong[~inside].mean())
    share = proportion(int((inside & wrong).sum()), int(inside.sum()))
    too_many = share.n * (share.value - rest)
    if share.value < _CLEARLY * rest or share.value - rest < _LEAST_DIFFERENCE or too_many < _LEAST:
        return None
    return Finding(
        "depends_on_property",
        f"{round(share.value * share.n):,} of {counted(share.n, 'image')} with {part.words} are wrong "
        f"({in_words(share)}), against {rest:.1%} of the others.",
        share.value, share.low, share.high, share.n,
        "Look at these images; if they matter, train with more of them.",
        too_many, evidence.positions[inside & wrong], (part.condition, "correct=no"),
    )  # fmt: skip


def _excess(inside: np.ndarray, wrong: np.ndarray) -> float:
    """How far the share of errors inside lies above that outside, in standard errors; 0 if a part is too small."""
    n, m = int(inside.sum()), int((~inside).sum())
    if min(n, m) < _LEAST_IMAGES:
        return 0.0
    errors = int(wrong.sum())
    spread = (errors / len(wrong)) * (1 - errors / len(wrong)) * (1 / n + 1 / m)
    return float((wrong[inside].mean() - wrong[~inside].mean()) / spread**0.5) if spread else 0.0


def _columns(evidence: Evidence) -> Iterator[tuple[str, pd.Series]]:
    """The columns to look at, with the values of the labelled rows."""
    measured = evidence.run.detail(evidence.rows, list(_PROPERTIES))
    yield from ((name, measured[name]) for name in _PROPERTIES)
    if evidence.attributes is not None:
        names = [name for name in evidence.attributes.column_names if name not in STORED.names]
        further = evidence.attributes.select(names).take(pa.array(evidence.positions)).to_pandas()
        yield from ((name, further[name]) for name in names)


def _parts(name: str, values: pd.Series) -> Iterator[Part]:
    """Ways to divide the images by a column."""
    known = values.dropna()
    if known.empty:
        return
    if pd.api.types.is_bool_dtype(known) or not pd.api.types.is_numeric_dtype(known):
        texts = values.map({True: "yes", False: "no"}) if _is_bool(known) else values.astype(object)
        distinct = known.astype(str).nunique()
        yield from _by_value(name, texts, distinct)
        return
    numbers = values.to_numpy(float, na_value=np.nan)
    distinct = known.nunique()
    if distinct <= _FEW_VALUES:
        yield from _by_value(name, pd.Series([None if np.isnan(v) else f"{v:.15g}" for v in numbers]), distinct)
        return
    for share in _SHARES:
        below, above = (f"{np.nanquantile(numbers, q):.4g}" for q in (share, 1 - share))
        yield Part(f"{name}<{below}", f"a {name} below {below}", numbers < float(below))
        yield Part(f"{name}>={above}", f"a {name} of {above} or more", numbers >= float(above))


def _is_bool(values: pd.Series) -> bool:
    return all(isinstance(value, (bool, np.bool_)) for value in values.unique())


def _by_value(name: str, texts: pd.Series, distinct: int) -> Iterator[Part]:
    if not 2 <= distinct <= _MOST_VALUES:
        return
    for value in sorted(map(str, texts.dropna().unique())):
        yield Part(f"{name}={value}", f"{name} = {value}", (texts.astype(str) == value).to_numpy())
