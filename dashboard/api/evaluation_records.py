"""The JSON of an evaluation: its state, its progress and its result."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from fastapi import Request
from pydantic import Field

from dashboard.api.problems import fix_of, question_of
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.job import Job
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.schemas.errors import ErrorRecord, QuestionRecord
from dashboard.schemas.runs import USER, ScoredRunRecord
from dashboard.schemas.schema import Schema
from dashboard.services import Services


class ProgressRecord(Schema):
    """How far an evaluation is."""

    done: int = Field(description="images")
    total: int = Field(description="images")
    failed: int = Field(description="images without a prediction so far, also those whose label was left out by choice")
    images_per_second: float
    remaining_s: float | None = Field(description="null before the first images are done, and while it is paused")


class EvaluationRecord(Schema):
    """An evaluation."""

    id: str = Field(description="of the stored evaluation, if one was found instead of starting another")
    run_id: str = Field(description="the same as `id`")
    state: str = Field(description="waiting, running, paused, finished, cancelled, failed or interrupted")
    user: str = Field(description=USER)
    model: str = Field(description="NAME@VERSION")
    dataset: str
    progress: ProgressRecord | None = Field(description="null if no work on its images is under way")
    error: ErrorRecord | None = Field(description="why it failed or is paused")
    question: QuestionRecord | None = Field(
        description="what has to be decided first, if it failed for want of an answer"
    )
    result: ScoredRunRecord | None = Field(description="the metrics, once it is finished")
    links: dict[str, str] = Field(description="addresses that tell more about it")


def record_of(services: Services, run_id: str, request: Request, where: Sequence[str] = ()) -> EvaluationRecord:
    """The record of an evaluation. Raises DatasetError if there is none with this id."""
    will_resume = services.will_resume.is_set()  # asked before the job, which may begin meanwhile
    job = services.jobs.get(run_id)
    if job and job.found:
        return record_of(services, job.found, request, where)
    if job and _tells_all(job):
        return EvaluationRecord(
            id=run_id, run_id=run_id, state=job.state, user=services.visitor.told_of(job.user), model=job.model,
            dataset=job.dataset_name, progress=progress_of(job), error=_error(job.error), question=question_of(job.error), result=None,
            links=_links(request, run_id),
        )  # fmt: skip
    folder = services.runs.folder(run_id)
    run = folder.load(VIEW_COLUMNS, parse_filter(list(where)))
    is_told = run.state in ("failed", "paused") and run.manifest.message
    return EvaluationRecord(
        id=run_id, run_id=run_id, state=state_of(run.state, run.manifest, will_resume),
        user=services.visitor.told_of(run.manifest.user), model=run.manifest.model, dataset=run.manifest.dataset_name,
        progress=_stored_progress(folder) if run.state in ("running", "paused") else None,
        error=ErrorRecord(code="error", message=run.manifest.message, fix="") if is_told else None,
        question=None,
        result=ScoredRunRecord.of(run) if run.state in ("finished", "cancelled") else None,
        links=_links(request, run_id),
    )  # fmt: skip


def stored(services: Services, run_id: str) -> RunFolder:
    """The folder of an evaluation, or of the stored one that was found instead.

    Raises:
        DatasetError: there is no such evaluation; or it has stored nothing, because it failed (`run_failed`), was
            cancelled before or has not begun (`run_unfinished`).
    """
    try:
        folder = services.runs.folder(run_id)
        folder.check_exists()
    except DatasetError:
        job = services.jobs.get(run_id)
        if job and job.found:
            return stored(services, job.found)
        if job is None or not _tells_all(job):
            raise
        if job.error:
            reason = f"The evaluation {run_id} failed, and nothing of it is stored: {job.error.message}"
            raise DatasetError(reason, fix_of(job.error), "run_failed") from None
        reason = f"The evaluation {run_id} is {job.state} and has stored nothing."
        raise DatasetError(reason, "Ask for its state: `GET /api/v1/evaluations/ID`.", "run_unfinished") from None
    return folder


def state_of(state: str, manifest: RunManifest, will_resume: bool) -> str:
    """The state of a stored run: "waiting" if this server is about to resume it."""
    return "waiting" if state == "interrupted" and will_resume and not manifest.imported else state


def watched(services: Services, run_id: str) -> object:
    """Another value whenever there is clearly more to tell about an evaluation; quicker than its record.

    Raises DatasetError as `record_of` does.
    """
    will_resume = services.will_resume.is_set()
    job = services.jobs.get(run_id)
    if job and job.found:
        return watched(services, job.found)
    if job and _tells_all(job):
        return job
    folder = services.runs.folder(run_id)
    return folder.state(folder.manifest()), folder.rows.growth(), will_resume


def _tells_all(job: Job) -> bool:
    """True unless the stored run tells more than the job."""
    never_began = job.progress is None and job.state == "cancelled"
    return job.active or job.state == "failed" or never_began


def _stored_progress(folder: RunFolder) -> ProgressRecord:
    """How far another process is with a run, by the rows that it has stored."""
    run = folder.load(("status",))
    total = run.manifest.n_real_images
    done = min(len(run.table), total)
    seconds = run.manifest.seconds
    with suppress(FileNotFoundError):  # the parts are being packed
        seconds += folder.seconds_until_last_part()
    rate = done / seconds if seconds else 0.0
    return ProgressRecord(
        done=done, total=total, failed=len(run.failed), images_per_second=rate,
        remaining_s=(total - done) / rate if rate and run.state != "paused" else None,
    )  # fmt: skip


def _error(error: DashboardError | None) -> ErrorRecord | None:
    return ErrorRecord(code=error.code, message=error.message, fix=fix_of(error)) if error else None


def progress_of(job: Job) -> ProgressRecord | None:
    """The record of a job's progress; None before it has begun."""
    if (p := job.progress) is None:
        return None
    done, total = p.images
    return ProgressRecord(
        done=done, total=total, failed=p.failed, images_per_second=p.images_per_second, remaining_s=job.remaining_s
    )


def _links(request: Request, run_id: str) -> dict[str, str]:
    own = f"{request.scope.get('root_path', '')}/evaluations/{run_id}"
    return {"self": own, **{name: f"{own}/{name}" for name in ("events", "rows", "report", "cancel")}}
