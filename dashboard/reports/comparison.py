"""How a run does beside another run of the same images."""

from __future__ import annotations

from dashboard.charts.confusion_difference import confusion_difference_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.core.analysis.comparison import Comparison, Outcomes, compare
from dashboard.core.analysis.comparison_words import few_images, metric_rows, side_in_words, verdict
from dashboard.core.clock import utc_in_words
from dashboard.core.metrics.confusion import confused_classes
from dashboard.core.metrics.definitions import ONE_LABEL
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.scores import LEAST_DIFFERENT
from dashboard.core.runs.run import Run
from dashboard.reports.document import Chart, Column, Section, Table


def comparison_section(run: Run, other: Run) -> Section:
    """The differences of all metrics, and what each of the two gets right that the other gets wrong.

    Raises:
        DatasetError: they have nothing in common that can be compared, or rows cannot be read.
    """
    found = compare(run, other)
    sides = (
        f"A is this evaluation: {side_in_words(found.a)}. B is {side_in_words(found.b)}, of "
        f"{utc_in_words(other.manifest.created_utc)}."
    )
    tables = [_differences(found)]
    if found.outcomes:
        tables.append(_outcomes(found.outcomes, found.n))
    return Section(
        "comparison", "Comparison", (verdict(found), sides, *found.notes, *_speed(found)), charts=(_chart(found),),
        tables=tuple(tables),
    )  # fmt: skip


def _differences(found: Comparison) -> Table:
    rows = [(row.metric.title, row.a, row.b, row.difference, row.interval, row.better) for row in metric_rows(found)]
    columns = (
        Column("Metric"), Column("A", True), Column("B", True), Column("B minus A", True), Column("95% interval", True),
        Column("Better"),
    )  # fmt: skip
    note = (
        "Differences are B minus A, of percentages in points. Differences of shares have Newcombe's interval for paired data. "
        f"The other differences have a bootstrap interval, but only if at least {LEAST_DIFFERENT} images got different "
        "answers, or different probabilities where the metric looks at these. McNemar's test decides which accuracy is better, and the interval decides about "
        "the other metrics."
        if found.outcomes
        else "Differences are B minus A, of percentages in points. Their intervals follow from those of A and B."
    )
    if not all(score.is_meaningful for score in found.differences.values()):
        note += f" {ONE_LABEL}"
    if few := few_images(found):
        note += f" {few}"
    return Table(columns, tuple(rows), "All metrics", note)


def _outcomes(outcomes: Outcomes, n: int) -> Table:
    counts = (
        ("Both are right", outcomes.both_right),
        ("Only A is right", outcomes.only_a_right),
        ("Only B is right", outcomes.only_b_right),
        ("Both are wrong", outcomes.both_wrong),
    )
    rows = tuple((title, f"{count:,}", str(proportion(count, n))) for title, count in counts)
    return Table(
        (Column("Images"), Column("Number", True), Column("Share (95% interval)", True)), rows, "The same images"
    )


def _chart(found: Comparison) -> Chart:
    names = found.class_names
    many = len(names) > MOST_CLASSES
    classes = confused_classes(found.a.confusion + found.b.confusion, OF_MANY if many else len(names))
    which = f" The {len(classes)} most confused classes of {len(names):,}." if many else ""
    return Chart(
        "What changes in the confusion matrix",
        "One row per label, one column per predicted class, B minus A in each cell that differs",
        lambda dark: confusion_difference_chart(found.confusion_difference, names, classes, dark),
        f"B minus A. Blue is better in B, orange is worse.{which}",
        wide=len(classes) > OF_MANY,
    )


def _speed(found: Comparison) -> list[str]:
    a, b = found.a.images_per_second, found.b.images_per_second
    return [f"Speed: A {a:,.0f} and B {b:,.0f} images per second."] if a and b else []
