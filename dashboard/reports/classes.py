"""Precision and recall of each class, and which classes are confused."""

from __future__ import annotations

import pandas as pd

from dashboard.charts.confusion import confusion_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.charts.per_class import per_class_chart
from dashboard.core.metrics.confusion import confused_classes, confused_pairs, confusion_sums, confusion_table
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent
from dashboard.reports.document import Chart, Column, Section, Table

_CLASSES_SHOWN = 100
_PAIRS_SHOWN = 15


def confusion_section(evaluation: Evaluation, by_answers: bool) -> Section:
    """The confusion matrix and the most confused pairs.

    Args:
        by_answers: whether the images were chosen by their answers, which makes the share of a pair meaningless.
    """
    names, confusion = evaluation.class_names, evaluation.confusion
    many = len(names) > MOST_CLASSES
    classes = confused_classes(confusion, OF_MANY if many else len(names))
    table, sums = confusion_table(confusion, names, classes), confusion_sums(confusion, names, classes)
    shown = [names[i] for i in classes]
    chart = Chart(
        "Confusion matrix",
        "One row per label, one column per predicted class, number of images in each cell",
        lambda dark: confusion_chart(table, sums, shown, "count", False, False, dark),
        f"The {len(shown)} most confused classes of {len(names):,}." if many else "",
        wide=len(shown) > OF_MANY,
    )
    pairs = confused_pairs(confusion, names)
    if pairs.empty:
        return Section("confusion", "Confused classes", ("There are no mistakes.",), charts=(chart,))
    title, note = "Most confused pairs", ""
    if len(pairs) > _PAIRS_SHOWN:
        note = f"The {_PAIRS_SHOWN} most frequent of {len(pairs):,} pairs."
    largest = pairs.head(_PAIRS_SHOWN).to_dict("records")
    columns: tuple[Column, ...] = (Column("Labelled"), Column("Predicted as"), Column("Images", True))
    rows: tuple[tuple[str, ...], ...]
    if by_answers:
        title = "The mistakes among these images"
        rows = tuple((pair["true_label"], pair["predicted_label"], f"{pair['count']:,}") for pair in largest)
    else:
        columns += (Column("Share (95% interval)", True),)
        rows = tuple(
            (pair["true_label"], pair["predicted_label"], f"{pair['count']:,} of {pair['of']:,}",
             str(proportion(pair["count"], pair["of"])))
            for pair in largest
        )  # fmt: skip
    return Section("confusion", "Confused classes", charts=(chart,), tables=(Table(columns, rows, title, note),))


def classes_section(evaluation: Evaluation) -> Section:
    """Precision, recall with its interval, and F1 of each class that has images or is predicted."""
    table = evaluation.meaningful_per_class
    table = table[(table["images"] > 0) | table["precision"].notna()]
    many = len(table) > _CLASSES_SHOWN
    if many:
        table = table.sort_values("f1").head(_CLASSES_SHOWN)
    rows = tuple(
        (row["class"], f"{row['images']:,}", _percent(row["precision"]), _recall(row["recall"], row["images"]),
         _percent(row["f1"]))
        for row in table.to_dict("records")
    )  # fmt: skip
    columns = (
        Column("Class"), Column("Images", True), Column("Precision", True), Column("Recall (95% interval)", True),
        Column("F1", True),
    )  # fmt: skip
    drawn = f"the {MOST_CLASSES} with the lowest F1" if len(table) > MOST_CLASSES else "the lowest F1 on top"
    chart = Chart(
        "Precision and recall",
        f"Precision and recall of each class as two points on a line, {drawn}",
        lambda dark: per_class_chart(evaluation.meaningful_per_class),
        drawn[:1].upper() + drawn[1:] + ".",
    )
    note = f"The {_CLASSES_SHOWN} of {len(evaluation.per_class):,} classes with the lowest F1." if many else ""
    notes = " ".join(filter(None, (note, evaluation.per_class_note)))
    return Section("classes", "The classes", charts=(chart,), tables=(Table(columns, rows, note=notes),))


def _percent(share: float) -> str:
    return "-" if pd.isna(share) else percent(share)


def _recall(share: float, images: int) -> str:
    return "-" if pd.isna(share) else str(proportion(round(share * images), images))
