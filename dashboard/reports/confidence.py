"""Whether confidence can be trusted: calibration, and what is left of the mistakes above a threshold."""

from __future__ import annotations

from dashboard.charts.calibration import reliability_chart
from dashboard.charts.risk_coverage import risk_coverage_chart
from dashboard.core.metrics.bin_table import bin_table
from dashboard.core.metrics.confidence_gap import confidence_gap
from dashboard.core.metrics.percent import percent
from dashboard.core.metrics.risk_coverage import RiskCoverage, risk_coverage
from dashboard.core.runs.run import Run
from dashboard.reports.document import Chart, Column, Section, Table

_THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def confidence_section(run: Run) -> Section | None:
    """Reliability diagram, risk-coverage curve and a table of thresholds; None without labels or probabilities."""
    evaluation, answers = run.evaluation(), run.answers
    if evaluation is None or answers.probabilities is None or evaluation.reliability is None:
        return None
    reliability = evaluation.reliability
    curve = risk_coverage(answers.probabilities.confidence, answers.correct)
    points = curve.table()
    bins = bin_table(reliability, answers.probabilities.confidence)
    gap = confidence_gap(answers.probabilities.confidence, answers.correct)
    charts = [
        Chart(
            "Reliability",
            "Accuracy per bin of confidence, in 15 bins",
            lambda dark: reliability_chart(bins, dark),
            "Of the predictions with 80% confidence, 80% should be right. The bars then end on the dashed line. The thin "
            "lines are 95% intervals.",
        )
    ]
    if len(points) > 1:  # a line needs two points
        charts.append(
            Chart(
                "Risk and coverage",
                "Share of mistakes among the accepted images over the share that is accepted, with its 95% interval",
                lambda dark: risk_coverage_chart(points, 1.0, None, "", dark),
                "How many predictions are wrong if only the most confident ones are accepted, with its 95% interval.",
            )
        )
    text = gap.in_words(run.scores["ece15"])
    return Section("confidence", "How far to trust it", (text,), charts=tuple(charts), tables=(_thresholds(curve),))


def _thresholds(curve: RiskCoverage) -> Table:
    rows = []
    for threshold in _THRESHOLDS:
        accepted = curve.at(threshold)
        right = str(accepted.accuracy) if accepted.accuracy else "-"
        n = accepted.accuracy.n if accepted.accuracy else 0
        rows.append((f"{threshold:.0%}", f"{n:,}", percent(accepted.coverage.value), right))
    columns = (
        Column("Confidence at least", True), Column("Images", True), Column("Share of all", True),
        Column("Right among them (95% interval)", True),
    )  # fmt: skip
    return Table(columns, tuple(rows), "What a threshold of confidence accepts")
