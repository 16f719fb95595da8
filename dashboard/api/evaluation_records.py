"""The JSON of an evaluation: its state, its progress and its result."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request
from pydantic import Field

from dashboard.api.problems import fix_of, question_of
from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.job import Job
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.schemas.errors import ErrorRecord, QuestionRecord
from dashboard.schemas.runs import ScoredRunRecord
from dashboard.schemas.schema import Schema
from dashboard.services import Services


class ProgressRecord(Schema):
    """How far an evaluation is."""

    done: int = Field(description="images")
    total: int
    failed: int
    images_per_second: float
    remaining_s: float | None = Field(description="null before the first images are done")


class EvaluationRecord(Schema):
    """An evaluation."""

    id: str
    run_id: str = Field(description="the same as `id`")
    state: str = Field(description="waiting, running, paused, finished, cancelled, failed or interrupted")
    model: str = Field(description="NAME@VERSION")
    dataset: str
    progress: ProgressRecord | None = Field(description="null if no work is under way in this server")
    error: ErrorRecord | None = Field(description="why it failed or is paused")
    question: QuestionRecord | None = Field(
        description="what has to be decided first, if it failed for want of an answer"
    )
    result: ScoredRunRecord | None = Field(description="the metrics, once it is finished")
    links: dict[str, str] = Field(description="addresses that tell more about it")


def record_of(services: Services, run_id: str, request: Request, where: Sequence[str] = ()) -> EvaluationRecord:
    """The record of an evaluation. Raises DatasetError if there is none with this id."""
    job = services.jobs.get(run_id)
    if job and job.found:
        return record_of(services, job.found, request, where)
    if job and job.state in ("waiting", "running", "paused", "failed"):
        return EvaluationRecord(
            id=run_id, run_id=run_id, state=job.state, model=job.model, dataset=job.dataset.name.removesuffix(".dataset.json"),
            progress=progress_of(job), error=_error(job.error), question=question_of(job.error), result=None,
            links=_links(request, run_id),
        )  # fmt: skip
    run = services.runs.folder(run_id).load(VIEW_COLUMNS, parse_filter(list(where)))
    failed = run.state == "failed" and run.manifest.message
    return EvaluationRecord(
        id=run_id, run_id=run_id, state=run.state, model=run.manifest.model, dataset=run.manifest.dataset_name, progress=None,
        error=ErrorRecord(code="error", message=run.manifest.message, fix="") if failed else None,
        question=None,
        result=ScoredRunRecord.of(run) if run.state in ("finished", "cancelled") else None,
        links=_links(request, run_id),
    )  # fmt: skip


def _error(error: DashboardError | None) -> ErrorRecord | None:
    return ErrorRecord(code=error.code, message=error.message, fix=fix_of(error)) if error else None


def progress_of(job: Job) -> ProgressRecord | None:
    """The record of a job's progress; None before it has begun."""
    if (p := job.progress) is None:
        return None
    return ProgressRecord(
        done=p.done, total=p.total, failed=p.failed, images_per_second=p.images_per_second, remaining_s=p.remaining_s
    )


def _links(request: Request, run_id: str) -> dict[str, str]:
    own = f"{request.scope.get('root_path', '')}/evaluations/{run_id}"
    return {"self": own, **{name: f"{own}/{name}" for name in ("events", "rows", "report", "cancel")}}
