"""Prints the figures of a run as tables and sentences."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.cli.output import plain_text, say, show, table_of
from dashboard.core.errors import counted
from dashboard.core.metrics.definitions import METRICS, ONE_LABEL
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.metrics.percent import percent
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.filtering import CHOSEN_BY_ANSWERS, by_answers
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.left_out import failures, image_count
from dashboard.core.runs.run import Run

FAILURES_SHOWN = 10
CLASSES_SHOWN = 40


def show_run(run: Run) -> None:
    """Prints the figures of a run."""
    for note in run.manifest.notes:
        say(note)
    evaluation = run.evaluation()
    has_begun = run.state == "finished" or not run.evaluated.empty
    if evaluation is None and (has_begun or run.conditions):
        none = "No image has both a known label and a prediction"
        if run.conditions and not image_count(run):
            none = "No image passes this filter"
        say(f"{none}, so there are no figures.", "yellow")
    elif evaluation:
        table, per_class = table_of("class", "images", "precision", "recall", "F1"), evaluation.meaningful_per_class
        if many := len(per_class) > CLASSES_SHOWN:
            per_class = per_class.sort_values("f1").head(CLASSES_SHOWN)
        for row in per_class.to_dict("records"):
            scores = (percent(row[name]) if row[name] == row[name] else "-" for name in ("precision", "recall", "f1"))
            table.add_row(plain_text(row["class"]), f"{row['images']:,}", *scores)
        show(table)
        if many:
            show(
                f"The {CLASSES_SHOWN} of {len(evaluation.class_names):,} classes with the lowest F1; the page shows all."
            )
        if evaluation.per_class_note:
            show(evaluation.per_class_note)
        show_figures(evaluation, len(run.evaluated))
        if by_answers(run.conditions):
            show(CHOSEN_BY_ANSWERS)
    if run.conditions:
        show(f"Only images where {' and '.join(as_texts(run.conditions))}: {image_count(run):,}", "bold")
    unknown = run.manifest.unknown_labels
    for name in unknown[:FAILURES_SHOWN]:
        say(f"The label {name!r} is not a class of {run.manifest.model}. Its images were left out.", "yellow")
    if len(unknown) > FAILURES_SHOWN:
        say(f"... {len(unknown):,} labels are not classes; the page lists them all.", "yellow")
    failed = failures(run)
    for row in run.detail(failed.head(FAILURES_SHOWN), ["file", "reason"]).to_dict("records"):
        say(f"{row['file']}: {row['reason']}", "yellow")
    if len(failed) > FAILURES_SHOWN:
        say(f"... {len(failed) - FAILURES_SHOWN:,} more; --json lists them all.", "yellow")
    if left_out := len(run.failed) - len(failed):
        say(f"{counted(left_out, 'image')} left out by choice.", "yellow")
    m = run.manifest
    took = f", {m.seconds:.1f} s" if m.seconds else ""  # it is not known of an interrupted run
    show(f"Evaluation {m.run_id}, {run.state}, {m.created_utc.replace('+00:00', ' UTC')}{took}")


def show_scores(scores: Mapping[str, Score]) -> None:
    """Prints metrics with their 95% intervals."""
    if not scores:
        return
    table = table_of("metric", "value", "95% interval", "what it is")
    for metric in METRICS:
        if score := scores.get(metric.name):
            interval = metric.interval(score.low, score.high, score.n)
            table.add_row(metric.title, metric.text(score.value), interval, metric.explanation)
    show(table)
    show_one_label(scores)


def show_figures(evaluation: Evaluation, n_evaluated: int) -> None:
    """Prints accuracy and macro F1, as far as it says something, in one line, and what lowers the latter in another.

    Args:
        n_evaluated: the number of images with a prediction, also of those without a label.
    """
    n, macro_f1 = evaluation.accuracy.n, evaluation.meaningful_macro_f1
    images = counted(n, "image") if n == n_evaluated else f"{n:,} of {counted(n_evaluated, 'image')} labelled"
    besides = "" if macro_f1 is None else f", macro F1 {percent(macro_f1)}"
    show(f"Accuracy {evaluation.accuracy}{besides}, {images}", "bold")
    if evaluation.macro_f1_note:
        show(evaluation.macro_f1_note)


def show_one_label(scores: Mapping[str, Score]) -> None:
    """Explains the dashes in a table of metrics, if there are any."""
    if not all(score.is_meaningful for score in scores.values()):
        show(ONE_LABEL)
