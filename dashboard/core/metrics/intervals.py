"""A proportion or a mean with its 95% confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Protocol

import numpy as np
from pydantic import Field

from dashboard.core.metrics.percent import percent, range_in_percent, rounded
from dashboard.core.metrics.wilson import wilson

RESAMPLES = 5000
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]  # checked when it is read from a file


class Estimate(Protocol):
    """A figure with its interval."""

    @property
    def value(self) -> float:
        """The figure."""

    @property
    def low(self) -> float:
        """The lower end of the interval."""

    @property
    def high(self) -> float:
        """The upper end of the interval."""


@dataclass(frozen=True)
class Mean:
    """A mean over images."""

    value: float
    low: float  # 95% bootstrap interval
    high: float

    def __str__(self) -> str:
        value, low, high = (f"{rounded(each, 3):+f}" for each in (self.value, self.low, self.high))
        return f"{value} ({low} to {high})"


def mean(values: np.ndarray) -> Mean:
    """The mean of values (N,) with its 95% percentile bootstrap interval."""
    from scipy.stats import bootstrap

    if len(values) < 2 or np.ptp(values) == 0:
        value = float(values.mean())
        return Mean(value, value, value)
    interval = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, batch=500, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    return Mean(float(values.mean()), float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Proportion:
    """A proportion with its sample size and interval."""

    value: Share
    low: Share  # 95% Wilson interval
    high: Share
    n: Annotated[int, Field(ge=1, le=10**10)]

    def __str__(self) -> str:
        return f"{percent(self.value)} ({range_in_percent(self.low, self.high)})"


def proportion(successes: int, n: int) -> Proportion:
    """The proportion of successes with its 95% Wilson interval (Wilson 1927). Raises ValueError for n = 0."""
    if n < 1:
        raise ValueError("a proportion of nothing is not defined")
    low, high = wilson(np.float64(successes), np.float64(n))
    return Proportion(successes / n, float(low), float(high), n)


def difference_limits(difference: float, a: Estimate, b: Estimate, correlation: float = 0.0) -> tuple[float, float]:
    """The interval of b - a from the intervals of both; NaN if one of them has none.

    It is the one of Zou and Donner (Construction of confidence limits about effect measures, Statistics in Medicine 27,
    2008), which recovers the variances from the limits.

    Args:
        difference: b.value - a.value.
        correlation: of a and b, in [-1, 1]; 0 if they do not depend on each other.
    """

    def reach(of_b: float, of_a: float) -> float:
        return math.sqrt((of_b - of_a) ** 2 + 2 * (1 - correlation) * of_b * of_a)

    return difference - reach(b.value - b.low, a.high - a.value), difference + reach(b.high - b.value, a.value - a.low)
