"""Rule: errors that depend on a property of the images, or on a further column of the dataset.

A part of the values is searched for in one half of the images and tested in the other half.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.filters import parse_condition
from dashboard.core.runs.rows import PROPERTY_FIELDS, STORED

_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)  # of the images that a part at either end of the values has
_MOST_VALUES = 50  # of a column whose values are looked at one by one
_FEW_VALUES = 12  # numbers with at most so many values are such a column
_LEAST_IMAGES = 10  # of a part, in each half
_CLEARLY = 1.5  # times as many errors as in the other images
_LEAST_DIFFERENCE = 0.03  # of the shares of errors
_LEAST = 5  # errors too many
_MOST_SEARCHED = 50_000  # images
_SHADOWED = (*STORED.names, "correct", "loss", "aspect", "tag")  # a filter means its own columns by these names
_TELLING = ("brightness", "contrast", "sharpness", "colourfulness", "aspect", "width", "height", "file_size")
_MOSTLY = 0.6  # of the images of the smaller part
_NEARLY = 0.8  # of the excess of the clearest
_PROPERTIES = tuple(field.name for field in PROPERTY_FIELDS)


@dataclass(frozen=True)
class Part:
    """Some of the values of a column."""

    condition: str  # of a filter
    words: str
    holds: Callable[[np.ndarray], np.ndarray]  # (N,) values to (N,) bool


def depends_on_property(evidence: Evidence) -> Search:
    """Images with certain values of a column are wrong more often than the others."""
    from scipy.stats import hypergeom

    n, wrong = evidence.n, ~evidence.correct
    if n < 4 * _LEAST_IMAGES:
        return Search(not_measured=f"fewer than {4 * _LEAST_IMAGES} images have a label and a prediction")
    if not evidence.errors:
        return Search()
    shuffled = np.random.default_rng(0).permutation(n)
    searched, tested = shuffled[: min(n // 2, _MOST_SEARCHED)], shuffled[n // 2 :]
    tests, found = 0, []
    known = False
    for name, values in _columns(evidence):
        known = known or not pd.isna(values).all()
        excess = {
            part: _excess(part.holds(values[searched]), wrong[searched]) for part in _parts(name, values[searched])
        }
        best = max(excess, key=excess.__getitem__, default=None)
        if best is None or excess[best] <= 0:
            continue
        tests += 1
        inside = best.holds(values)
        errors, there = wrong[tested], inside[tested]
        chance = float(hypergeom.sf((there & errors).sum() - 1, len(tested), errors.sum(), there.sum()))
        if finding := _finding(evidence, best, inside):
            found.append(_Found(name, _excess(inside, wrong), inside, Candidate(finding, chance)))
    if not known:
        return Search(not_measured="no property of these images is known")
    return Search(tests, [each.candidate for each in _told_apart(found)])


@dataclass(frozen=True)
class _Found:
    """A part of a column whose images are wrong more often."""

    name: str  # of the column
    excess: float  # see `_excess`
    inside: np.ndarray  # (N,) bool
    candidate: Candidate


def _told_apart(found: Sequence[_Found]) -> Iterator[_Found]:
    """The clearest of those that are about mostly the same images; of those equally clear, the one that tells most.

    Dark images have little contrast, little colour and small files, too.
    """
    left = sorted(found, key=lambda each: -each.excess)
    while left:
        alike = [each for each in left if _overlap(each.inside, left[0].inside) > _MOSTLY]
        clear = [each for each in alike if each.excess >= _NEARLY * left[0].excess]
        yield min(clear, key=lambda each: _TELLING.index(each.name) if each.name in _TELLING else -1)
        left = [each for each in left if not any(each is other for other in alike)]


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """The share of the smaller set that is in the other one, too."""
    return float((a & b).sum() / max(1, min(a.sum(), b.sum())))


def _finding(evidence: Evidence, part: Part, inside: np.ndarray) -> Finding | None:
    """None if the difference is too small to matter."""
    wrong = ~evidence.correct
    if inside.all():
        return None
    rest = float(wrong[~inside].mean())
    share = proportion(int((inside & wrong).sum()), int(inside.sum()))
    too_many = share.n * (share.value - rest)
    if share.value < _CLEARLY * rest or share.value - rest < _LEAST_DIFFERENCE or too_many < _LEAST:
        return None
    return Finding(
        "depends_on_property",
        f"{round(share.value * share.n):,} of {counted(share.n, 'image')} with {part.words} are wrong "
        f"({in_words(share)}), against {percent(rest)} of the others.",
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


def _columns(evidence: Evidence) -> Iterator[tuple[str, np.ndarray]]:
    """The columns to look at, with the values of the labelled rows: numbers (N,) float, or texts (N,), None if missing."""
    measured = evidence.run.detail(evidence.rows, list(_PROPERTIES))
    for name in _PROPERTIES:
        yield name, _numbers_or_texts(measured[name])
    further = pa.table({}) if evidence.attributes is None else evidence.attributes
    for name, column in zip(further.column_names, further.columns, strict=True):
        if name not in _SHADOWED and parse_condition(f"{name}=x").column == name and _is_simple(column.type):
            yield name, _numbers_or_texts(column.take(pa.array(evidence.positions)).to_pandas())


def _is_simple(kind: pa.DataType) -> bool:
    types = pa.types
    return any(
        holds(kind)
        for holds in (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_floating)
    )


def _numbers_or_texts(values: pd.Series) -> np.ndarray:
    """Numbers, if they have more than a few values; else texts as a filter writes them."""
    distinct = values.dropna().unique()
    if len(distinct) and all(isinstance(value, (bool, np.bool_)) for value in distinct):
        return values.map({True: "yes", False: "no"}).to_numpy(object)
    if not pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(object)
    if len(distinct) > _FEW_VALUES:
        return values.to_numpy(float, na_value=np.nan)
    return values.map({value: repr(float(value)).removesuffix(".0") for value in distinct}).to_numpy(object)


def _parts(name: str, values: np.ndarray) -> Iterator[Part]:
    """Ways to divide images by their values."""
    if values.dtype == object:
        texts = sorted({text for text in values if isinstance(text, str)})
        if len(texts) <= _MOST_VALUES:
            yield from (
                Part(f"{name}={text}", f"{name} = {text}", partial(_equal, text))
                for text in texts
                if text and text == text.strip()  # a filter cannot name others
            )
    elif not np.isnan(values).all():
        shares = np.array(_SHARES)
        below = np.nanquantile(values, shares)
        above = np.nanquantile(values, 1 - shares)
        for limit in dict.fromkeys(f"{value:.4g}" for value in below):
            yield Part(f"{name}<{limit}", f"{_said(name)} below {limit}", partial(operator.gt, float(limit)))
        for limit in dict.fromkeys(f"{value:.4g}" for value in above):
            yield Part(f"{name}>={limit}", f"{_said(name)} of {limit} or more", partial(operator.le, float(limit)))


def _said(name: str) -> str:
    return {"file_size": "a size in bytes", "aspect": "a width / height"}.get(
        name, f"a {name}" if name in _PROPERTIES else name
    )


def _equal(text: str, values: np.ndarray) -> np.ndarray:
    return np.asarray(values == text, bool)
