"""Applies checks to a run."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import cache, partial

from dashboard.core.analysis.checks.check import Check, ChecksFile, Comparison, NoFinding, NotWorse, Outcome, wrong_line
from dashboard.core.analysis.checks.figures import class_figure
from dashboard.core.analysis.checks.not_worse import accuracy_difference
from dashboard.core.analysis.checks.sentences import OF_A_CLASS
from dashboard.core.analysis.comparison_words import p_in_words
from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.find import evidence_of, find_from, why_not_measured
from dashboard.core.analysis.findings.finding import Finding, in_words
from dashboard.core.analysis.findings.rules import WITHOUT_LABELS, meant_by, rule_of
from dashboard.core.errors import DatasetError, counted, listed
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import same
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.left_out import left_out_by_choice, left_out_by_label, without_image
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run, check_finished
from dashboard.core.runs.store import RunStore

_ACCURACY = BY_NAME["accuracy"]
# codes of faults that are not in the file of checks
_ABOUT_THE_RUN = ("run_damaged", "run_file_damaged", "run_unreadable")
_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
}  # fmt: skip


def check_classes(file: ChecksFile, class_names: Sequence[str]) -> None:
    """Raises DatasetError, which names the line, if a check is about a class that the model does not have."""
    for check in file.checks:
        of_class = check.demand.of_class if isinstance(check.demand, Comparison) else None
        if of_class is not None and of_class not in class_names:
            raise wrong_line(
                file.name, check.line, f"{of_class!r} is not a class of this evaluation.",
                f"Its classes: {listed(class_names, 30)}.",
            )  # fmt: skip


def apply_checks(file: ChecksFile, store: RunStore, run_id: str) -> list[Outcome]:
    """What comes of each check for a stored run.

    Raises:
        DatasetError: there is no such run; it is not finished, with the code `run_unfinished`; a run cannot be read, with
            the code `run_damaged`, `run_unreadable` or `run_file_damaged`; or a check names a class, a subset, a column or
            a run that does not exist or is not finished, and the message names its line.
    """
    folder = store.folder(run_id)
    manifest = folder.manifest()
    check_classes(file, manifest.class_names)
    check_finished(manifest, folder.state(manifest))
    subsets = {**folder.beside.readable_annotations().subsets, **file.subsets}

    @cache
    def run_under(where: tuple[str, ...]) -> Run:
        return folder.load(VIEW_COLUMNS, parse_filter(where))

    @cache
    def evidence_under(where: tuple[str, ...]) -> Evidence:
        return evidence_of(run_under(where), folder)

    @cache
    def findings_under(where: tuple[str, ...]) -> list[Finding]:
        run = run_under(where)
        if by_answers(run.conditions):
            raise DatasetError(
                "Images that were chosen by their answers have no findings, so this check could not fail.",
                "Choose the images by something else, such as their label or a property.",
            )
        return find_from(evidence_under(where))

    def outcome(check: Check) -> Outcome:
        if check.subset and check.subset not in subsets:
            folder.beside.annotations()  # raises DatasetError if the subsets of the run cannot be read
            raise DatasetError(
                f"There is no subset {check.subset!r}.",
                f"There are: {listed(sorted(subsets))}." if subsets else "Define it under `subsets:` in this file.",
            )
        where = (*subsets.get(check.subset, ()), *check.where)
        demand = check.demand
        run = run_under(where)
        other = _other_run(store, demand.run_id, run_id) if isinstance(demand, NotWorse) else None
        about_findings = isinstance(demand, NoFinding) or (
            isinstance(demand, Comparison) and demand.metric == "findings"
        )
        findings = findings_under(where) if about_findings else []
        if reason := _nothing_to_check(demand, run):
            return Outcome(check, False, reason)
        if other:
            return _not_worse(check, run, other)
        if isinstance(demand, NoFinding):
            return _no_finding(check, demand.id, findings, evidence_under(where))
        assert isinstance(demand, Comparison)
        if demand.metric == "findings":
            said = f": {' '.join(finding.statement for finding in findings)}" if findings else "."
            return _counted(check, demand, len(findings), f"{counted(len(findings), 'finding')}{said}")
        return _compare(check, demand, run)

    outcomes = []
    for check in file.checks:
        try:
            outcomes.append(outcome(check))
        except DatasetError as error:
            if error.code in _ABOUT_THE_RUN:
                raise
            raise wrong_line(file.name, check.line, error.message, error.fix) from error
    return outcomes


def _nothing_to_check(demand: Comparison | NoFinding | NotWorse, run: Run) -> str:
    """Why a check would pass or fail without having looked at an image; "" if it would not.

    The number of images, n, says itself that there are none.
    """
    if isinstance(demand, Comparison) and demand.metric == "n":
        return ""
    if run.table.empty:
        return "No image passes the filter." if run.conditions else "The evaluation has no images."
    about_files = isinstance(demand, NoFinding) and demand.id in WITHOUT_LABELS
    if about_files or (isinstance(demand, Comparison) and demand.metric == "failed"):
        return ""
    if run.labelled.empty:
        return f"No image {'that passes the filter ' if run.conditions else ''}has a label and a prediction."
    return ""


def _other_run(store: RunStore, other_id: str, run_id: str) -> Run:
    if other_id == run_id:
        raise DatasetError(
            "This is the same evaluation, so this check could not fail.", "Write the id of another evaluation."
        )
    other = store.folder(other_id).load(VIEW_COLUMNS)
    check_finished(other.manifest, other.state)
    return other


def _no_finding(check: Check, finding_id: str, findings: Sequence[Finding], evidence: Evidence) -> Outcome:
    found = [finding for finding in findings if finding.id in meant_by(finding_id)]
    if found:
        return Outcome(check, False, found[0].statement, len(found))
    if reason := why_not_measured(finding_id, evidence):
        return Outcome(check, False, f"Not measured, because {reason}.")
    rule = rule_of(finding_id)
    instead = sorted({finding.id for finding in findings} & {*rule.ids, *rule.explained_by})
    more = f", but one that may stand in its place: {', '.join(instead)}" if instead else ""
    return Outcome(check, True, f"There is no finding {finding_id}{more}.", 0)


def _compare(check: Check, demand: Comparison, run: Run) -> Outcome:
    metric = demand.metric
    if metric == "n":
        return _counted(check, demand, len(run.labelled), f"{counted(len(run.labelled), 'image')} with a label.")
    if metric == "failed":
        return _failed(check, demand, run)
    score = _score(demand, run)
    if score is None:
        return Outcome(check, False, f"{_name(demand)} is not defined for these images.")
    if not score.is_meaningful:
        return Outcome(check, False, f"{_name(demand)} says nothing, because all images have the same label.")
    if not score.has_interval and demand.part != "value":
        return Outcome(
            check, False, f"{_name(demand)} has no interval: it is the same in every random sample of these images."
        )
    value = {"value": score.value, "low": score.low, "high": score.high}[demand.part]
    definition = BY_NAME.get(metric, _ACCURACY)  # recall, precision and f1 of a class are shares too
    text = partial(definition.text, decimals=definition.decimals_apart(value, demand.limit))
    part = {"value": "is", "low": "has the lower limit", "high": "has the upper limit"}[demand.part]
    interval = f"95% interval {text(score.low)} to {text(score.high)}, " if score.has_interval else ""
    message = f"{_name(demand)} {part} {text(value)} ({interval}{counted(score.n, 'image')})."
    low, high = (score.low, score.high) if score.has_interval else (None, None)
    return Outcome(check, _holds(value, demand), message, value, low, high, score.n)


def _failed(check: Check, demand: Comparison, run: Run) -> Outcome:
    """Images whose label the user left out do not count, neither as failed nor as images.

    Images that a table names but the dataset lacks do: else a check passed although half of a dataset got lost.
    """
    chosen = int(left_out_by_choice(run).sum())
    failed, n = len(run.failed) - chosen, len(run.table) - chosen
    if not n:
        return Outcome(check, False, "All of these images were left out because of their label.")
    message = f"{failed:,} of {counted(n, 'image')} could not be evaluated"
    if unknown := int(left_out_by_label(run).sum()) - chosen:
        message += f", {unknown:,} of them because their label is not a class"
    if missing := int(without_image(run).sum()):
        message += f", {missing:,} of them because the dataset lacks an image that its table names"
    message += f"; {chosen:,} more {'was' if chosen == 1 else 'were'} left out by choice." if chosen else "."
    if not demand.percent:
        return _counted(check, demand, failed, message)
    share = proportion(failed, n)
    decimals = _ACCURACY.decimals_apart(share.value, demand.limit)
    message = f"{message[:-1]} ({in_words(share, decimals)})."
    return Outcome(check, _holds(share.value, demand), message, share.value, share.low, share.high, n)


def _score(demand: Comparison, run: Run) -> Score | None:
    """The figure of a check; None if it is not defined for these images."""
    if demand.metric in OF_A_CLASS:
        return class_figure(run, demand.metric, demand.of_class or "")
    return run.scores.get(demand.metric)


def _name(demand: Comparison) -> str:
    return f"{demand.metric}[{demand.of_class}]" if demand.of_class else demand.metric


def _counted(check: Check, demand: Comparison, count: int, message: str) -> Outcome:
    return Outcome(check, _holds(count, demand), message, count)


def _holds(value: float, demand: Comparison) -> bool:
    """Whether a value fulfils the check. What is equal but for floating-point noise is equal."""
    return _HOLDS[demand.operator](0 if same(value, demand.limit) else value - demand.limit, 0)


def _not_worse(check: Check, run: Run, earlier: Run) -> Outcome:
    try:
        difference = accuracy_difference(run, earlier)
    except DatasetError as error:
        if error.code != "not_comparable":
            raise
        return Outcome(check, False, error.message)
    score = difference.score
    value, interval = _ACCURACY.difference(score.value), _ACCURACY.difference_interval(score.low, score.high, score.n)
    message = (
        f"The accuracy differs by {value} points (95% interval {interval}) on {counted(score.n, 'common image')}: {difference.only_now:,} are right only now and "
        f"{difference.only_before:,} only before (McNemar: {p_in_words(difference.p_value)})."
    )
    message = " ".join((message, *difference.notes))
    return Outcome(check, not difference.is_worse, message, score.value, score.low, score.high, score.n)
