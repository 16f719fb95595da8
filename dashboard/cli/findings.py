"""`python -m dashboard runs findings`: what stands out in an evaluation."""

from __future__ import annotations

from dashboard.cli.arguments import AsJson, RunId, Where
from dashboard.cli.loading import load_run
from dashboard.cli.output import print_json, say, show, stop
from dashboard.core.errors import DashboardError
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.left_out import not_finished
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from dashboard.core.shell import in_command
from dashboard.schemas.findings import FindingRecord


def show_findings(run_id: RunId, where: Where = None, as_json: AsJson = False) -> None:
    """List what stands out in an evaluation: first what is certainly wrong with labels or classes, then what costs the most.

    Lists at most ten findings, and only those that are unlikely to be chance.
    """
    from dashboard.core.analysis.findings.find import besides, find_of, nothing_found
    from dashboard.core.analysis.label_issues import is_quick, label_issues, where_to_look

    try:
        folder = RunStore(get_settings().runs_dir).folder(run_id)
        run = load_run(folder, where)
        findings = find_of(run, folder)
        if as_json:
            print_json(FindingRecord.of_each(findings, run))
            return
        doubtful = len(label_issues(run)) if is_quick(run) else None
    except DashboardError as error:
        stop(error, as_json)
    if findings and by_answers(run.conditions):
        say("The filter chooses images by their answers, so only their files and labels are looked at.", "yellow")
    for number, finding in enumerate(findings, 1):
        show(f"{number}) {finding.statement}", "bold")
        show(f"   {finding.next_step}")
        if finding.where:
            options = " ".join(f"--where {in_command(condition)}" for condition in finding.where)
            show(f"   Filter of these images: {options}")
    where_listed = where_to_look(run_id)
    if findings:
        answer = besides(findings, run, doubtful, where_listed)
    elif (answer := nothing_found(run, doubtful, where_listed)) == not_finished(run):  # which is said already
        answer = ""
    if answer:
        show(answer)
