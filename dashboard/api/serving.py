"""Builds the apps of the API."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import metadata

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.middleware import Middleware

from dashboard.api import evaluations, health, history, host_refusal, inference_protocol, models, predict
from dashboard.api.access import AnonymousAccess
from dashboard.api.context import GetServices
from dashboard.api.docs import FILES, add_docs
from dashboard.api.health import Readiness
from dashboard.api.idempotency import Idempotency
from dashboard.api.limits import BodyLimit, RateLimit
from dashboard.api.measures import Measures, Measuring
from dashboard.api.openapi import describe
from dashboard.api.problems import Problem, ProblemKind, ProblemOfProtocol, answers, tell_problems
from dashboard.core.settings import Settings
from dashboard.services import open_services
from dashboard.web.access_log import AccessLog
from dashboard.web.ending import RECORDS_S, ending_in_time
from dashboard.web.hosts import OwnHosts, own_names
from dashboard.web.lazy import AnyPathMount
from dashboard.web.paths import V1, V2
from dashboard.web.proxies import BehindProxies

_DESCRIPTION = """Predict images, explain predictions, and evaluate whole datasets.

Errors are `application/problem+json` with a stable `code`, what happened, and what to do about it. Send a token as
`Authorization: Bearer TOKEN` if the server asks for one; `python -m dashboard tokens create` makes it.
"""
_ABOUT_QUERIES = (
    "\nA query parameter that a route does not know is refused with 422, and the answer names those that it knows.\n"
)


def both(
    get_services: GetServices, settings: Settings, users_log_in: Callable[[], bool] = lambda: False
) -> dict[str, FastAPI]:
    """The apps by the path at which they are mounted. They share their counters and the result of the self-test.

    Args:
        users_log_in: whether the pages need a log-in other than the shared password.
    """
    measures, readiness = Measures(get_services), Readiness()
    anonymous_access = AnonymousAccess(
        settings.allow_anyone_who_reaches_this_server_to_use_it,
        lambda: users_log_in() or get_services().password.may_be_set,
    )
    parts = [module.router for module in (predict, evaluations, models, history, health)]
    v1 = _app("Image classifier", Problem, "", parts, get_services, settings, measures, readiness, anonymous_access)
    v1.description += _ABOUT_QUERIES
    for router in parts:
        v1.include_router(router, responses=answers(422))
    v2 = _app(
        "Open Inference Protocol",
        ProblemOfProtocol,
        V2,
        [inference_protocol.router],
        get_services,
        settings,
        measures,
        readiness,
        anonymous_access,
    )
    # without `KNOWN_QUERY`: the protocol lets clients add parameters, as tritonclient does with `query_params`
    v2.include_router(inference_protocol.router)
    v2.add_api_route("/", inference_protocol.server)
    return {V1: v1, V2: v2}


def _app(
    title: str,
    kind: type[Problem],
    measured_below: str,
    routers: Sequence[APIRouter],
    get_services: GetServices,
    settings: Settings,
    measures: Measures,
    readiness: Readiness,
    anonymous_access: AnonymousAccess,
) -> FastAPI:
    def limit(path: str, kind: str) -> tuple[int, str]:
        # JSON only names a dataset, and is read into memory
        is_dataset = path.rstrip("/").endswith("/evaluations") and kind != "application/json"
        if is_dataset:
            return 2**20 * settings.max_upload_mb, "DASHBOARD_MAX_UPLOAD_MB"
        return 2**20 * settings.api_max_body_mb, "DASHBOARD_API_MAX_BODY_MB"

    app: FastAPI = FastAPIOffline(  # serves the files of the documentation, so that nothing comes from the internet
        docs_url=None,
        redoc_url=None,
        static_url=FILES,
        title=title,
        version=_version(),
        description=_DESCRIPTION,
        generate_unique_id_function=_name_of,
        middleware=[
            Middleware(ProblemKind, kind=kind),
            Middleware(
                Measuring,
                measures=measures,
                prefix=measured_below,
                routes=[route for router in routers for route in router.routes],
            ),
            Middleware(RateLimit, per_minute=settings.api_requests_per_minute),
            Middleware(BodyLimit, limit=limit),
            Middleware(Idempotency),
        ],
    )
    app.state.get_services, app.state.measures, app.state.readiness = get_services, measures, readiness
    app.state.anonymous_access = anonymous_access
    tell_problems(app)
    describe(app, kind)
    add_docs(app)
    return app


def _name_of(route: APIRoute) -> str:
    """The id of an operation in the OpenAPI document, such as `predict` or `evaluations_rows`."""
    module = route.endpoint.__module__.rpartition(".")[2]
    return route.name if route.name == module else f"{module}_{route.name}"


def _version() -> str:
    try:
        return metadata.version("classifier-dashboard")
    except metadata.PackageNotFoundError:  # a checkout
        return "0"


def mounts(apps: Mapping[str, FastAPI]) -> list[AnyPathMount]:
    """The routes of these apps."""
    return [AnyPathMount(path, app) for path, app in apps.items()]


def alone(settings: Settings) -> Starlette:
    """The API without pages. Its workers start with the server."""
    services = open_services(settings)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        threading.Thread(target=services.start, name="start", daemon=True).start()
        with ending_in_time():
            yield
        services.close(RECORDS_S)

    hosts = own_names(False, settings.allowed_hosts)
    return Starlette(
        routes=mounts(both(lambda: services, settings)),
        lifespan=lifespan,
        middleware=[
            Middleware(BehindProxies, trusted=settings.trusted_proxies),
            Middleware(AccessLog),
            Middleware(OwnHosts, hosts=hosts, api_refusal=host_refusal),
        ],
    )
