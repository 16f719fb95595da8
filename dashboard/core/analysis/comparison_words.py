"""The result of a comparison in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.core.analysis.comparison import Comparison, Side
from dashboard.core.metrics.definitions import BY_NAME, METRICS, Definition, chance_notes
from dashboard.core.metrics.scores import Score

TOO_FEW = "too few images differ"  # to say anything about a metric whose interval comes from a bootstrap
TOO_FEW_IN_BINS = "too few images"  # in the bins of a calibration error, which is mostly chance then


def verdict(comparison: Comparison) -> str:
    """One sentence: which of the two is right more often, by how much, and how certain that is."""
    a, b = (side.scores["accuracy"].value for side in (comparison.a, comparison.b))
    difference, outcomes = comparison.differences["accuracy"], comparison.outcomes
    better, worse, value, other = ("B", "A", b, a) if difference.value >= 0 else ("A", "B", a, b)
    metric = BY_NAME["accuracy"]
    decimals = max(metric.decimals(a, b), metric.difference_decimals(difference.low, difference.high))
    interval = metric.difference_bounds(difference.low, difference.high, decimals)
    figures = f"B minus A is {metric.difference_as_shown(a, b, decimals)} points ({interval})"
    if outcomes:
        figures += f", {p_in_words(outcomes.mcnemar_p)}"
    value_text, other_text = metric.text(value, decimals), metric.text(other, decimals)
    if comparison.differs("accuracy"):
        return f"{better} is right more often: {value_text} against {other_text} for {worse}; {figures}."
    return f"No significant difference: {better} {value_text}, {worse} {other_text}; {figures}."


@dataclass(frozen=True)
class MetricRow:
    """A metric of both sides as it is shown, all figures with the same number of decimals."""

    metric: Definition
    decimals: int
    a: str
    b: str
    difference: str  # B minus A, with its sign; "-" if it says nothing
    interval: str  # of the difference
    better: str  # "A", "B", "unclear" if they do not differ significantly, `TOO_FEW`, `TOO_FEW_IN_BINS`, or "-" if it says nothing


def metric_rows(comparison: Comparison) -> Iterator[MetricRow]:
    """A row for each metric that is defined for both sides."""
    for metric in METRICS:
        if (difference := comparison.differences.get(metric.name)) is None:
            continue
        a, b = (side.scores[metric.name].value for side in (comparison.a, comparison.b))
        decimals = max(metric.decimals(a, b), metric.difference_decimals(difference.low, difference.high))
        yield MetricRow(
            metric, decimals, metric.text(a, decimals), metric.text(b, decimals),
            metric.difference_as_shown(a, b, decimals) if difference.is_meaningful else "-",
            metric.difference_bounds(difference.low, difference.high, decimals),
            _better(comparison, metric),
        )  # fmt: skip


def behind_in_words(metric: Definition, best: float, own: float, difference: Score | None) -> str:
    """The difference of a run to the best by this metric, with its 95% interval; "" for the best, which has none."""
    if difference is None:
        return ""
    if difference.is_meaningful and not difference.has_interval:
        return f"{metric.difference_as_shown(best, own)} ({TOO_FEW})"
    interval = metric.difference_interval(difference.low, difference.high, difference.n)
    return f"{metric.difference_as_shown(best, own)} ({interval})"


def few_images(comparison: Comparison) -> str:
    """A sentence about the metrics that say little with so few images; "" if there are none."""
    return chance_notes(dict.fromkeys(comparison.differences, min(comparison.a.n, comparison.b.n)))


def p_in_words(p: float) -> str:
    """A p-value with two digits after the zeros."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def side_in_words(side: Side) -> str:
    """The model, the dataset and the filter of one side."""
    where = " and ".join(map(str, side.conditions))
    return f"{side.manifest.model} on {side.manifest.dataset_name}" + (f", {where}" if where else "")


def _better(comparison: Comparison, metric: Definition) -> str:
    """What `MetricRow.better` says."""
    difference = comparison.differences[metric.name]
    if not difference.is_meaningful:
        return "-"
    if comparison.outcomes and not difference.has_interval:
        return TOO_FEW
    if not comparison.differs(metric.name):
        return "unclear"
    if metric.chance_note(min(comparison.a.n, comparison.b.n)):
        return TOO_FEW_IN_BINS
    return "B" if (difference.value > 0) == metric.higher_is_better else "A"
