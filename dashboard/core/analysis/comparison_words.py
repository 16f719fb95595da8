"""The result of a comparison in words."""

from __future__ import annotations

from dashboard.core.analysis.comparison import Comparison, Side
from dashboard.core.metrics.definitions import Definition
from dashboard.core.metrics.percent import decimals_apart, percent, rounded
from dashboard.core.metrics.scores import Score


def verdict(comparison: Comparison) -> str:
    """One sentence: which of the two is right more often, by how much, and how certain that is."""
    a, b = (side.scores["accuracy"].value for side in (comparison.a, comparison.b))
    difference, outcomes = comparison.differences["accuracy"], comparison.outcomes
    better, worse, value, other, sign = ("B", "A", b, a, 1) if difference.value >= 0 else ("A", "B", a, b, -1)
    bounds = sorted(100 * sign * bound for bound in (difference.low, difference.high))
    decimals = max(decimals_apart(bound, 0, 1) for bound in bounds)  # which tell whether they contain 0
    low, high = (rounded(bound, decimals) for bound in bounds)
    figures = f"difference {rounded(100 * abs(difference.value), 1)} points ({low} to {high})"
    if outcomes:
        figures += f", {p_in_words(outcomes.mcnemar_p)}"
    if comparison.accuracy_differs:
        return f"{better} is right more often: {percent(value)} against {percent(other)} for {worse}, {figures}."
    return f"No significant difference: {better} {percent(value)}, {worse} {percent(other)}, {figures}."


def p_in_words(p: float) -> str:
    """A p-value with the digits that matter."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}" if p < 0.01 else f"p = {p:.2f}"


def side_in_words(side: Side) -> str:
    """The model, the dataset and the filter of one side."""
    where = " and ".join(map(str, side.conditions))
    return f"{side.manifest.model} on {side.manifest.dataset_name}" + (f", {where}" if where else "")


def is_better(metric: Definition, difference: Score) -> str:
    """ "A" or "B", whichever is better by this metric; "" if the interval of the difference contains 0 or says nothing."""
    if not difference.is_meaningful or difference.low <= 0 <= difference.high:
        return ""
    return "B" if (difference.value > 0) == metric.higher_is_better else "A"
