"""A proportion or a mean with its 95% confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from dashboard.core.metrics.percent import percent, range_in_percent, rounded
from dashboard.core.metrics.wilson import wilson

RESAMPLES = 5000
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]  # checked when it is read from a file


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
