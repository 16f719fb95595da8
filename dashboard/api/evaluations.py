"""POST /evaluations, and what became of each evaluation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

import numpy as np
import pandas as pd
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from dashboard.api.access import needs
from dashboard.api.context import Opened
from dashboard.api.evaluation_records import EvaluationRecord, record_of, state_of, stored, watched
from dashboard.api.problems import answers
from dashboard.api.queries import KNOWN_QUERY
from dashboard.api.receiving import BODY, Order, receive_order
from dashboard.core.access.visitor import Visitor
from dashboard.core.analysis.findings.find import find_of
from dashboard.core.analysis.label_issues import label_issues
from dashboard.core.datasets.described import describe
from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.asking import with_classes_named
from dashboard.core.evaluation.job import Job
from dashboard.core.files import how_to_write_again, readable_name
from dashboard.core.images.other_files import FIRST_BYTES, readable_kind
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.images import run_image
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.overview import overview
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import DamagedRun
from dashboard.reports.build import report_of
from dashboard.reports.html_file import to_html
from dashboard.reports.markdown_file import to_markdown
from dashboard.schemas.runs import RunSummary
from dashboard.schemas.schema import Schema, Sentence
from dashboard.services import Services

POLL_S = 0.5
OPENED_WITHIN_S = 2.0  # else the answer to an order comes before its dataset is open
_IMAGE_TYPES = {
    kind: f"image/{kind.lower()}" for kind in ("PNG", "JPEG", "GIF", "WebP", "AVIF", "HEIC", "BMP", "TIFF")
}  # of `readable_kind`
UNDER_WAY = ("waiting", "running", "paused")
router = APIRouter(prefix="/evaluations", tags=["evaluations"], dependencies=[needs("evaluate"), KNOWN_QUERY])
RunId = Annotated[str, Path(max_length=100)]
Where = Annotated[
    Sequence[str],
    Query(description="conditions such as confidence<0.7; repeat it for several; != also keeps images without a value"),
]


class Row(Schema):
    """One image of an evaluation."""

    index: int = Field(description="position in the dataset")
    file: str = Field(description="path in the dataset")
    true_label: str | None
    predicted_label: str | None
    confidence: float | None
    pred_probs: list[float] | None = Field(description="calibrated, in the order of the model's classes")
    status: str = Field(description="ok or failed")
    reason: Sentence = Field(description="why it failed")
    doubt: bool | None = Field(description="true if the image probably shows none of the classes; null if not known")
    columns: dict[str, int | float | bool | str | None] = Field(
        description="further columns of the dataset's table, by name"
    )


class Rows(Schema):
    """A page of rows."""

    total: int = Field(description="rows that pass the filter")
    class_names: list[str] = Field(description="the model's classes, in the order of `pred_probs`")
    rows: list[Row]
    next_cursor: int | None = Field(description="`cursor` of the next page; null after the last")
    next: int | None = Field(description="the same as `next_cursor`", json_schema_extra={"deprecated": True})


class ListedEvaluation(RunSummary):
    """An evaluation in the list of all."""

    id: str = Field(description="the same as `run_id`")
    dataset: str = Field(description="its name")
    model_ref: str = Field(description="NAME@VERSION, as `model` of `GET /evaluations/ID`")


class Evaluations(Schema):
    """All evaluations, or a page of them, the newest first."""

    total: int = Field(description="of all pages")
    evaluations: list[ListedEvaluation]
    next_cursor: str | None = Field(description="`cursor` of the next page; null after the last")


@router.post(
    "", status_code=202, response_model=EvaluationRecord, openapi_extra=BODY,
    responses=answers(400, 404, 507),
)  # fmt: skip
async def start(caller: Annotated[Visitor, needs("evaluate")], services: Opened, request: Request) -> Response:
    """Evaluates a model on a dataset: an uploaded file, or a dataset on this server by its name.

    The same dataset and version give the result that is already there, unless `no_cache` is set. Then `id` and `links` are
    those of the stored evaluation. If it takes long to open the dataset, only the answers of `GET /evaluations/ID` have these.
    """
    order = await receive_order(request, services)
    job = await asyncio.to_thread(_start, services, order)
    services.history.record_run(job.run_id, caller.name)
    await _until_opened(services, job.run_id)
    record = await asyncio.to_thread(record_of, services, job.run_id, request)
    return JSONResponse(record.as_json(), 202, {"Location": record.links["self"]})


async def _until_opened(services: Services, run_id: str) -> None:
    """Waits a moment until it is known whether a stored result is the answer."""
    end = time.monotonic() + OPENED_WITHIN_S
    while time.monotonic() < end and (job := services.jobs.get(run_id)) and job.state == "waiting":
        await asyncio.sleep(0.02)


def _start(services: Services, order: Order) -> Job:
    version = services.registry.get(order.model).fitting(order.fit)
    _check_model(services, version, order)
    choices = with_classes_named(order.dataset, order.choices, order.label_map)
    dataset = describe(order.dataset, choices, services.settings.described_dir)
    return services.jobs.start(
        dataset, version, order.label_map, use_stored=not order.no_cache, first_id=order.first_id
    )


def _check_model(services: Services, version: ModelVersion, order: Order) -> None:
    """Raises ModelError if the model's file is missing or damaged, unless a stored result may be the answer."""
    may_be_stored = not order.no_cache and any(run.model == version.ref for run in services.runs.list())
    if not may_be_stored and (fault := services.health.check(version)):
        raise fault


@router.get("")
def list_evaluations(
    caller: Annotated[Visitor, needs("evaluate")],
    services: Opened,
    cursor: Annotated[str, Query(max_length=100, description="`next_cursor` of the page before")] = "",
    limit: Annotated[int | None, Query(ge=1, le=1000, description="by default all")] = None,
) -> Evaluations:
    """All evaluations, the newest first; with `limit` page by page. Damaged ones are listed for their owners and for admins.

    One that failed or was cancelled before it stored anything is not listed. Its own address tells why.
    """
    active = services.jobs.active()  # asked before the store, which may have them a moment later
    found = services.runs.read()
    kept: list[RunManifest | DamagedRun] = [*found.manifests, *found.damaged]
    kept_ids = {each.run_id for each in kept}
    every: list[RunManifest | DamagedRun | Job] = [*(job for job in active if job.run_id not in kept_ids), *kept]
    runs = sorted(every, key=_listed_at, reverse=True)
    ids = [readable_name(each.run_id) for each in runs]
    if cursor and cursor not in ids:
        raise DashboardError(
            f"There is no evaluation {cursor!r} to continue after.", "Begin again without `cursor`.", "cursor"
        )
    first = ids.index(cursor) + 1 if cursor else 0
    after = first + limit if limit else len(ids)
    return Evaluations(
        total=len(ids),
        evaluations=[_listed(services, each) for each in runs[first:after]],
        next_cursor=ids[after - 1] if after < len(ids) else None,
    )


def _listed_at(run: RunManifest | DamagedRun | Job) -> str:
    return run.changed_utc if isinstance(run, DamagedRun) else run.created_utc


def _listed(services: Services, run: RunManifest | DamagedRun | Job) -> ListedEvaluation:
    if isinstance(run, DamagedRun):
        summary = RunSummary.of_damaged(run)
    elif isinstance(run, Job):
        summary = RunSummary.of_job(run, services.visitor)
    else:
        found = overview(services.runs.folder(run.run_id), run)
        state = state_of(found.state, run, services.will_resume.is_set())
        summary = RunSummary.of(found, services.visitor).model_copy(update={"state": state})
    name = "" if isinstance(run, DamagedRun) else run.dataset_name  # clients have no use for a path on the server
    ref = "" if isinstance(run, DamagedRun) else run.model
    return ListedEvaluation(**{**dict(summary), "dataset": name}, id=summary.run_id, model_ref=ref)


@router.get("/{id}", responses=answers(404))
def show(
    caller: Annotated[Visitor, needs("evaluate")], services: Opened, request: Request, id: RunId, where: Where = ()
) -> EvaluationRecord:
    """An evaluation: its progress with the remaining time, then its metrics with 95% intervals."""
    return record_of(services, id, request, where)


@router.get(
    "/{id}/events", response_class=EventSourceResponse,
    responses={**answers(404), 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def events(
    caller: Annotated[Visitor, needs("evaluate")], services: Opened, request: Request, id: RunId
) -> EventSourceResponse:
    """The progress as server-sent events: `progress` whenever it changes, and `end` with the whole record."""
    await asyncio.to_thread(record_of, services, id, request)  # so that an unknown id is a 404

    async def stream() -> AsyncIterator[ServerSentEvent]:
        before = None
        while True:
            try:
                seen = await asyncio.to_thread(watched, services, id)
                record = await asyncio.to_thread(record_of, services, id, request) if seen != before else None
            except DatasetError:  # it was deleted meanwhile
                return
            before = seen
            if record:
                if record.state not in UNDER_WAY:
                    yield ServerSentEvent(record.model_dump_json(), event="end")
                    return
                said = {"state": record.state, "progress": record.progress.as_json() if record.progress else None}
                yield ServerSentEvent(json.dumps(said), event="progress")
            await asyncio.sleep(POLL_S)

    return EventSourceResponse(stream())


@router.get("/{id}/rows", responses=answers(404, 409))
def rows(
    caller: Annotated[Visitor, needs("evaluate")],
    services: Opened,
    id: RunId,
    where: Where = (),
    cursor: Annotated[int, Query(ge=0, le=2**53, description="`next_cursor` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Rows:
    """The images of an evaluation in the order of the dataset, page by page."""
    run = stored(services, id).load(VIEW_COLUMNS, parse_filter(list(where)))
    left = run.table[run.table["index"] >= cursor]
    page = run.detail(left.head(limit), [name for name in Row.model_fields if name != "columns"])
    further = run.further_detail(page["index"].to_numpy())
    records = [
        Row(**{str(name): _plain(value) for name, value in each.items()}, columns=own)
        for each, own in zip(page.to_dict("records"), further, strict=True)
    ]
    following = records[-1].index + 1 if len(left) > limit else None  # never 0, which some clients take for the end
    return Rows(
        total=len(run.table),
        class_names=list(run.manifest.class_names),
        rows=records,
        next_cursor=following,
        next=following,
    )


@router.get(
    "/{id}/images/{n}", response_class=Response,
    responses={**answers(404, 409), 200: {"content": {"image/*": {}, "application/octet-stream": {}}}},
)  # fmt: skip
def image(
    caller: Annotated[Visitor, needs("evaluate")],
    services: Opened,
    id: RunId,
    n: Annotated[int, Path(ge=0, le=2**53, description="`index` of its row")],
) -> Response:
    """The file of one image, as it is in the dataset."""
    found = run_image(stored(services, id).load(VIEW_COLUMNS), n)
    name = quote(found.name, safe="")
    headers = {
        # as a file, never as a page: the dataset is somebody's upload
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
    }
    kind, _ = readable_kind(found.data[:FIRST_BYTES]) or ("", "")
    return Response(found.data, media_type=_IMAGE_TYPES.get(kind, "application/octet-stream"), headers=headers)


@router.get(
    "/{id}/report", response_class=Response,
    responses={**answers(404, 409), 200: {"content": {"text/html": {}, "text/markdown": {}}}},
)  # fmt: skip
def report(
    caller: Annotated[Visitor, needs("evaluate")],
    services: Opened,
    id: RunId,
    where: Where = (),
    compare: Annotated[
        str,
        Query(
            max_length=100,
            description="another evaluation of the same images, which is called B; differences are B minus A",
        ),
    ] = "",
    format: Literal["html", "md"] = "html",
) -> Response:
    """A report: one HTML file that needs no network, or Markdown with a model card."""
    folder = stored(services, id)
    run = folder.load(VIEW_COLUMNS, parse_filter(list(where)))
    other = stored(services, compare).run_id if compare else ""
    document = report_of(run, services.runs, find_of(run, folder), other, doubtful=label_issues(run))
    text = to_html(document) if format == "html" else to_markdown(document)
    headers = {"Content-Disposition": f"attachment; filename=report.{format}", "X-Content-Type-Options": "nosniff"}
    return Response(text, media_type="text/html" if format == "html" else "text/markdown", headers=headers)


@router.post("/{id}/cancel", responses=answers(404, 507))
def cancel(
    caller: Annotated[Visitor, needs("evaluate")], services: Opened, request: Request, id: RunId
) -> EvaluationRecord:
    """Stops an evaluation; the images that are done are kept. Does nothing if it has ended.

    One of another process that uses the same data folder ends within a few seconds.
    """
    services.jobs.cancel(id)
    return record_of(services, id, request)


@router.delete("/{id}", status_code=204, responses=answers(404, 409, 507))
def delete(caller: Annotated[Visitor, needs("evaluate")], services: Opened, id: RunId) -> None:
    """Deletes an evaluation, also a damaged one; its dataset stays."""
    folder = stored(services, id)
    try:
        services.runs.delete(folder.run_id)
    except OSError as error:
        what = f"The evaluation cannot be deleted: {error.strerror or error}."
        raise DatasetError(what, f"{how_to_write_again(error)}.", "storage") from error


def _plain(value: object) -> object:
    """The value without NumPy and pandas types; None for a missing one."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return None if pd.isna(value) else value  # type: ignore[call-overload]
