"""`python -m dashboard runs compare`: two evaluations of the same images, or a leaderboard of more."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, Where
from dashboard.cli.output import plain_text, print_json, run_column, say, show, stop, table_of
from dashboard.cli.show_run import show_one_label
from dashboard.core.analysis.comparison import Comparison, compare, load_side
from dashboard.core.analysis.comparison_words import (
    behind_in_words,
    few_images,
    metric_rows,
    p_in_words,
    side_in_words,
    verdict,
)
from dashboard.core.analysis.leaderboard import Leaderboard, leaderboard
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.models.registry import Registry
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.comparisons import ComparisonRecord, LeaderboardRecord


def compare_runs(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN_ID...", help="Two to compare, or more to rank.")],
    where: Where = None,
    where_b: Annotated[
        list[str] | None,
        typer.Option(
            "--where-b",
            metavar="CONDITION",
            help="A condition of the second evaluation, instead of those of --where. With the same evaluation twice, "
            "compares it under two filters.",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="Metric by which more than two evaluations are ranked.")] = "accuracy",
    as_json: AsJson = False,
) -> None:
    """Compare two evaluations of the same images, or rank more of them.

    Metrics are shown with 95% intervals of their differences. Images are matched by content or by file name.
    """
    try:
        _check(run_ids, where_b, metric)
    except DatasetError as error:
        stop(error, as_json, wrong_usage=True)
    try:
        store, conditions = RunStore(get_settings().runs_dir), parse_filter(where or ())
        filters = [conditions] * len(run_ids)
        if where_b is not None:
            filters[1] = parse_filter(where_b)
        runs = [
            load_side(store.folder(run_id), own, place)
            for place, (run_id, own) in enumerate(zip(run_ids, filters, strict=True))
        ]
        if len(runs) == 2:
            comparison = compare(*runs)
            print_json(ComparisonRecord.of(comparison)) if as_json else _show(comparison)
        else:
            board = leaderboard(runs, metric)
            print_json(LeaderboardRecord.of(board)) if as_json else _show_board(board)
    except DashboardError as error:
        stop(error, as_json)


def _check(run_ids: list[str], where_b: list[str] | None, metric: str) -> None:
    """Raises DatasetError if the arguments do not fit together."""
    if len(run_ids) < 2:
        raise DatasetError(
            "A comparison needs at least two evaluations.", "Name two or more; `python -m dashboard runs list` lists them.",
            "not_comparable",
        )  # fmt: skip
    if where_b is not None and len(run_ids) > 2:
        raise DatasetError(
            "--where-b is for two evaluations.", "Give two evaluations, or leave it out.", "not_comparable"
        )
    if metric not in BY_NAME:
        raise DatasetError(f"There is no metric {metric!r}.", f"Choose one of {', '.join(BY_NAME)}.", "not_comparable")


def _show(comparison: Comparison) -> None:
    a, b, outcomes = comparison.a, comparison.b, comparison.outcomes
    show(f"A: {side_in_words(a)} ({a.n:,} images)")
    show(f"B: {side_in_words(b)} ({b.n:,} images)")
    for note in comparison.notes:
        say(note, "yellow")
    table = table_of("metric", "A", "B", "B minus A", "95% interval", "better")
    for row in metric_rows(comparison):
        table.add_row(row.metric.title, row.a, row.b, row.difference, row.interval, row.better)
    show(table)
    show_one_label(comparison.differences)
    if few := few_images(comparison):
        show(few)
    if outcomes:
        show(
            f"Both right: {outcomes.both_right:,}, only A: {outcomes.only_a_right:,}, only B: "
            f"{outcomes.only_b_right:,}, both wrong: {outcomes.both_wrong:,}. "
            f"McNemar: {p_in_words(outcomes.mcnemar_p)}."
        )
        show(f"Both predict the same class for {outcomes.same_class} of the images.")
    show(verdict(comparison), "bold")


def _show_board(board: Leaderboard) -> None:
    metric = BY_NAME[board.metric]
    for note in board.notes:
        say(note, "yellow")
    table = table_of(run_column(), "model", metric.title, "95% interval", "difference to the best", "may be the best")
    names = ModelNames(Registry.of(get_settings()))
    best = board.ranked[0].scores[board.metric].value
    for each in board.ranked:
        score = each.scores[board.metric]
        table.add_row(
            each.manifest.run_id,
            plain_text(names.of(each.manifest)),
            metric.text(score.value),
            metric.interval(score.low, score.high, score.n),
            behind_in_words(metric, best, score.value, each.difference),
            "yes" if each.may_be_best else "",
        )
    show(table)
    show(f"Over {board.n:,} images. Those that may be the best do not differ significantly from the first.")
