"""A finding: one sentence about a run that follows from its rows, with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard.core.metrics.intervals import Proportion
from dashboard.core.metrics.percent import in_percent, percent


@dataclass(frozen=True)
class Finding:
    """Something about a run that is worth a look."""

    id: str  # of the rule that found it
    statement: str  # one sentence with the figures
    value: float  # the main figure of the statement, with its 95% interval
    low: float
    high: float
    n: int  # images that the figure is about
    next_step: str  # one sentence: what to do
    cost: float  # estimated number of images that are wrong, lost or misleading because of it
    rows: np.ndarray = field(compare=False)  # positions of the images, as in the index of `Run.table`
    where: tuple[str, ...] = ()  # conditions of a filter that lets exactly these images pass; empty if there is none


@dataclass(frozen=True)
class Candidate:
    """What a rule found, and how easily chance would have brought it about."""

    finding: Finding
    p_value: float = 0.0  # 0 for a fact that needs no test, such as a file that cannot be read
    rests_on: np.ndarray | None = None  # positions of the images that made the rule find it; None: those of the finding


@dataclass(frozen=True)
class Search:
    """What a rule looked at. Tests without a candidate were not significant."""

    tests: int = 0
    candidates: Sequence[Candidate] = ()
    not_measured: str = ""  # why nothing could be found, as the rest of "Not measured, because"


def in_words(share: Proportion, decimals: int = 1) -> str:
    """`6.4%, 3.8 to 10.6`: a share and its 95% interval in percent."""
    low, high = (in_percent(bound, decimals) for bound in (share.low, share.high))
    return f"{percent(share.value, decimals)}, {low} to {high}"
