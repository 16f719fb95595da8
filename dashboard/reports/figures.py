"""The result in words, and the metrics of a run with their intervals."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from dashboard.core.errors import counted, listed_and
from dashboard.core.metrics.confusion import confused_pairs
from dashboard.core.metrics.definitions import METRICS, OF_FEW_IMAGES, ONE_LABEL, chance_notes
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.filtering import CHOSEN_BY_ANSWERS, by_answers
from dashboard.core.runs.left_out import no_predictions
from dashboard.core.runs.run import Run
from dashboard.reports.document import Column, Section, Table

_CLASSES_SHOWN = 50


def verdict_of(run: Run) -> str:
    """The result of a run in one or two sentences. Raises DatasetError if its rows cannot be read."""
    evaluation = run.evaluation()
    if evaluation is None:
        n = len(run.evaluated)
        if not n:
            return no_predictions(run)
        return f"{counted(n, 'image')} got a prediction. None has a label, so how many are right is not known."
    a = evaluation.accuracy
    said = (
        f"{percent(a.value)} of {counted(a.n, 'image')} {'is' if a.n == 1 else 'are'} predicted as labelled "
        f"(95% interval {percent(a.low)} to {percent(a.high)})."
    )
    if by_answers(run.conditions):
        return f"{said} {CHOSEN_BY_ANSWERS}"
    pairs = confused_pairs(evaluation.confusion, evaluation.class_names)
    if pairs.empty:
        return f"{said} There are no mistakes."
    most = pairs.iloc[0]
    if most["count"] == 1 and len(pairs) > 1:
        return f"{said} There are {len(pairs):,} mistakes, no two of the same kind."
    alike = pairs[pairs["count"] == most["count"]]
    if len(alike) == 2:
        return f"{said} The most frequent mistakes: {listed_and([_mistake(pair) for _, pair in alike.iterrows()])}."
    which = "The most frequent mistake" if len(alike) == 1 else f"One of the {len(alike):,} most frequent mistakes"
    if len(pairs) == 1:
        which = "The only mistake" if most["count"] == 1 else "All mistakes"
    return f"{said} {which}: {_mistake(most)}."


def _mistake(pair: pd.Series) -> str:
    """A row of `confused_pairs` in words."""
    return (
        f"{pair['count']:,} of {counted(pair['of'], 'image')} labelled {pair['true_label']} "
        f"{'is' if pair['count'] == 1 else 'are'} predicted as {pair['predicted_label']}"
    )


def metrics_section(run: Run) -> Section:
    """All metrics with interval, number of images and explanation; the predicted classes if nothing has a label."""
    scores = run.scores
    if not scores:
        return Section("metrics", "Predicted classes", tables=(_predicted(run),))
    rows = tuple(
        (metric.title, metric.text(score.value), metric.bounds(score.low, score.high), f"{score.n:,}",
         metric.explanation)
        for metric in METRICS
        if (score := scores.get(metric.name))
    )  # fmt: skip
    columns = (
        Column("Metric"), Column("Value", True), Column("95% interval", True), Column("Images", True),
        Column("What it is", wide=True),
    )  # fmt: skip
    note = f"The intervals are Wilson's for shares of images, and bootstrap intervals for the others. {OF_FEW_IMAGES}"
    if not all(score.is_meaningful for score in scores.values()):
        note += f" {ONE_LABEL}"
    if (evaluation := run.evaluation()) and evaluation.macro_f1_note:
        note += f" {evaluation.macro_f1_note}"
    if few := chance_notes({name: score.n for name, score in scores.items()}):
        note += f" {few}"
    return Section("metrics", "Metrics", tables=(Table(columns, rows, note=note),))


def _predicted(run: Run) -> Table:
    counts = Counter(run.evaluated["predicted_label"].astype(str))
    n = sum(counts.values())
    rows = tuple((name, f"{count:,}", percent(count / n)) for name, count in counts.most_common(_CLASSES_SHOWN))
    note = f"The {_CLASSES_SHOWN} most frequent of {len(counts):,}." if len(counts) > _CLASSES_SHOWN else ""
    return Table((Column("Class"), Column("Images", True), Column("Share", True)), rows, note=note)
