"""`python -m dashboard runs guarantee` and `runs prediction-sets`: how far predictions can be relied on."""

from __future__ import annotations

from typing import Annotated

import typer

from dashboard.cli.arguments import AsJson, RunId, Where, read_share
from dashboard.cli.output import plain_text, print_json, show, stop, table_of
from dashboard.core.errors import DashboardError, counted
from dashboard.core.metrics.guarantee import guarantee_on_halves
from dashboard.core.metrics.percent import percent, range_in_percent
from dashboard.core.metrics.prediction_sets import check_enough_images, prediction_sets_on_halves
from dashboard.core.runs.filters import as_texts, parse_filter
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run, check_finished
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.schemas.trust import GuaranteeRecord, PredictionSetsRecord, SetsRecord

CLASSES_SHOWN = 40


def show_guarantee(
    run_id: RunId,
    max_error: Annotated[
        float,
        typer.Option(
            metavar="SHARE", parser=read_share, help="The greatest share of errors among the accepted predictions."
        ),
    ] = 0.02,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Find the lowest confidence threshold that keeps errors rare. Exits with 1 if none can be relied on.

    A random half of the labelled images chooses it so that the limit holds with 95% confidence. The other half measures it.
    """
    _check(max_error, "--max-error", "0.02 or 2% means that at most 2% may be wrong")
    try:
        run = _load(run_id, where)
        found = guarantee_on_halves(run.labelled["confidence"].to_numpy(), run.answers.correct, max_error)
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(GuaranteeRecord.of(run, found))
    show(found.in_words(), "bold" if found.holds else "yellow")
    if not found.holds:
        raise typer.Exit(1)


def show_prediction_sets(
    run_id: RunId,
    confidence: Annotated[
        float,
        typer.Option(metavar="SHARE", parser=read_share, help="The share of sets that should contain the true class."),
    ] = 0.95,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Measure prediction sets: all classes of an image that cannot be ruled out.

    A random half of the labelled images sets the limit. The other half measures how often the true class is in the set. Exits
    with 1 if that is significantly less often than asked.
    """
    _check(confidence, "--confidence", "0.95 or 95% means that 95% of the sets should contain the true class")
    try:
        run = _load(run_id, where)
        check_enough_images(len(run.labelled), confidence)
        rows = labelled_rows(run)
    except DashboardError as error:
        stop(error, as_json)
    marginal, by_class = (
        prediction_sets_on_halves(rows.values, rows.labels, confidence, each) for each in (False, True)
    )
    names = tuple(run.manifest.class_names)
    record = PredictionSetsRecord(
        run_id=run_id,
        where=as_texts(run.conditions),
        confidence=confidence,
        n_calibration=int(marginal.n_calibration.sum()),
        n_test=len(marginal.labels),
        n_labelled=rows.of,
        marginal=SetsRecord.of_sets(marginal, names),
        by_class=SetsRecord.of_sets(by_class, names),
    )
    if as_json:
        print_json(record)
    else:
        _print_sets(record)
    for each in (marginal, by_class):
        if told := each.shortfall_by_chance() if each.holds else each.warning():
            show(told, "yellow")
    if not (marginal.holds and by_class.holds):
        raise typer.Exit(1)


def _print_sets(record: PredictionSetsRecord) -> None:
    table = table_of("label", "test images", "coverage", "coverage with a limit for each class")
    both = list(zip(record.marginal.classes, record.by_class.classes, strict=True))
    for one, other in both[:CLASSES_SHOWN]:
        shares = ("-" if each.coverage is None else percent(each.coverage) for each in (one, other))
        table.add_row(plain_text(one.label), f"{one.n_test:,}", *shares)
    show(table)
    if len(both) > CLASSES_SHOWN:
        show(f"The first {CLASSES_SHOWN} of {len(both):,} classes; --json gives all.")
    for title, sets in (("One limit for all classes", record.marginal), ("A limit for each class", record.by_class)):
        if sets.rules_out_nothing:
            show(
                f"{title}: it rules out no class, because there are too few images, or because true classes have the probability 0.",
                "bold",
            )
            continue
        low, high = sets.coverage_ci95
        show(
            f"{title}: {percent(sets.coverage)} ({range_in_percent(low, high)}) of the sets contain the true class. "
            f"A set has {sets.mean_size:.2f} classes on average, {percent(sets.single)} have one, {percent(sets.empty)} none.",
            "bold",
        )
    part = (
        f", a random part of {record.n_labelled:,}" if record.n_labelled > record.n_calibration + record.n_test else ""
    )
    show(f"Limits from {counted(record.n_calibration, 'labelled image')}, measured on {record.n_test:,} others{part}.")


def _load(run_id: str, where: list[str] | None) -> Run:
    """Raises DatasetError, also if the run is not finished or has no probabilities: what is promised has to rest on them."""
    run = RunStore(get_settings().runs_dir).folder(run_id).load(VIEW_COLUMNS, parse_filter(where or ()))
    check_finished(run.manifest, run.state)
    run.check_probabilities()
    return run


def _check(share: float, option: str, example: str) -> None:
    if not 0 < share < 1:
        raise typer.BadParameter(f"{share:g} is not between 0 and 1. {example}.", param_hint=option)
