"""GET /live, /ready and /metrics. They need no token, so that a load balancer can ask."""

from __future__ import annotations

import asyncio
import time
from copy import copy
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import Field

from dashboard.api.context import Opened
from dashboard.api.problems import answers, problem_of
from dashboard.api.queries import KNOWN_QUERY
from dashboard.core.diagnostics.not_started import told_once
from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.labels.matching import match_labels
from dashboard.core.models.samples import kept_samples, read_samples
from dashboard.core.models.self_test import judge, self_test
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import check_data_dir
from dashboard.schemas.schema import Schema
from dashboard.services import Services

TESTED_AGAIN_S = 300.0
FAILURE_TESTED_AGAIN_S = 5.0  # anyone may ask, and each test costs a worker some time
router = APIRouter(tags=["health"], dependencies=[KNOWN_QUERY])


class Live(Schema):
    """The server answers."""

    live: bool = True


class Ready(Schema):
    """The server can predict."""

    ready: bool = True
    model: str = Field(description="NAME@VERSION of the active model")
    self_test: str = Field(description="what the self-test on the sample images found")


@dataclass(frozen=True)
class _Tested:
    key: object
    until_s: float
    found: str | DashboardError  # a sentence, or why it failed


class Readiness:
    """The self-test of the active version, done again when the version changes and every few minutes.

    Whether its file is as model.json describes is asked every time, which reads the file only if it has changed.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._last: _Tested | None = None

    async def check(self, services: Services) -> Ready:
        """Raises DashboardError if the data folder cannot be entered, or the active model cannot predict, or fails the self-test."""
        async with self._turn:  # who waits for the test of another request holds no thread
            return await asyncio.to_thread(self._check, services)

    def _check(self, services: Services) -> Ready:
        check_data_dir(services.settings.data_dir)
        version = services.registry.active()
        found: str | DashboardError = services.health.check(version) or self._tested(services, version)
        if isinstance(found, DashboardError):
            raise copy(found)  # the traceback of an error that is raised again and again would grow
        return Ready(model=version.ref, self_test=found)

    def _tested(self, services: Services, version: ModelVersion) -> str | DashboardError:
        last = self._last
        if last is None or last.key != version.answers_key or time.monotonic() > last.until_s:
            found, again_s = self._test(services, version), TESTED_AGAIN_S
            if isinstance(found, DashboardError):
                again_s = FAILURE_TESTED_AGAIN_S
            self._last = last = _Tested(version.answers_key, time.monotonic() + again_s, found)
        return last.found

    def _test(self, services: Services, version: ModelVersion) -> str | DashboardError:
        try:
            return self._self_test(services, version)
        except DashboardError as error:
            return error
        except ImportError as error:
            return told_once(error)

    def _self_test(self, services: Services, version: ModelVersion) -> str:
        samples = kept_samples(version.folder) or read_samples(services.settings.samples_dir)
        unknown = match_labels((each.label for each in samples), version.class_names).unknown
        if not samples or unknown:
            services.inference.describe(version)  # loads the model
            why = f"The samples have classes that it lacks, such as {unknown[0]}" if unknown else "There are no samples"
            return f"{why}, so only loading was tested."
        verdict = judge(self_test(version, samples, services.inference.predict), version)
        if verdict.status == "error":
            raise ModelError(f"{verdict.summary}.", "Run `python -m dashboard doctor`.")
        return f"{verdict.summary}."


@router.get("/live")
@router.head("/live", include_in_schema=False)  # what many monitors send
async def live() -> Live:
    """Whether the server answers at all."""
    return Live()


@router.get("/ready", responses={**answers(503), 200: {"model": Ready}})
@router.head("/ready", include_in_schema=False)
async def ready(request: Request, services: Opened) -> Response:
    """Whether the active model is loaded and passes its self-test on the sample images; 503 until then."""
    readiness: Readiness = request.app.state.readiness
    try:
        found = await readiness.check(services)
    except DashboardError as error:  # whatever it is: 503 tells a load balancer to ask another server
        return problem_of(error, 503)
    return JSONResponse(found.as_json())


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Counters and histograms for Prometheus."""
    return Response(generate_latest(request.app.state.measures.registry), media_type=CONTENT_TYPE_LATEST)
