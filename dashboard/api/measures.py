"""The measurements at /metrics: requests, predictions and workers."""

from __future__ import annotations

import re
import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.services import Services
from dashboard.web.access_log import STARTED
from dashboard.web.hosts import OwnHosts

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
_CONFIDENCES = tuple(n / 10 for n in range(1, 11))


class Measures:
    """The counters and histograms of one app."""

    def __init__(self, get_services: Callable[[], Services]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dashboard_http_requests", "Requests by route", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "dashboard_http_request_seconds", "Time to the end of the answer", ("method", "route"),
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.confidence = Histogram(
            "dashboard_prediction_confidence", "Confidence of predictions", ("model",),
            buckets=_CONFIDENCES, registry=self.registry,
        )  # fmt: skip
        self.registry.register(_Workers(get_services))

    def predicted(self, version: ModelVersion, answers: Iterable[object]) -> None:
        """Counts predictions."""
        of_version = self.confidence.labels(version.ref)
        for answer in answers:
            if isinstance(answer, Prediction):
                of_version.observe(answer.confidence)


class _Workers(Collector):
    """The state of the workers at the moment of asking."""

    def __init__(self, get_services: Callable[[], Services]) -> None:
        self._get_services = get_services

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        services = self._get_services()
        found = services.engine.workers()
        states = GaugeMetricFamily("dashboard_workers", "Workers by state", labels=("state",))
        counted = Count(each.state for each in found)
        for state in ("starting", "idle", "busy", "failed"):
            states.add_metric((state,), counted[state])
        yield states
        yield CounterMetricFamily("dashboard_worker_restarts", "Restarts", value=sum(each.restarts for each in found))
        yield CounterMetricFamily("dashboard_worker_tasks", "Tasks done", value=sum(each.tasks_done for each in found))
        yield GaugeMetricFamily(
            "dashboard_waiting_predictions", "Requests that wait for a worker", value=services.inference.waiting
        )
        history, cache = services.history, services.answer_cache.figures
        yield GaugeMetricFamily("dashboard_history_waiting", "Records not stored yet", value=history.waiting)
        yield CounterMetricFamily("dashboard_history_dropped", "Records that are lost", value=history.dropped)
        answers = CounterMetricFamily("dashboard_stored_answers", "Look-ups of stored answers", labels=("found",))
        answers.add_metric(("yes",), cache.hits)
        answers.add_metric(("no",), cache.misses)
        yield answers
        yield CounterMetricFamily(
            "dashboard_refused_hosts", "Requests that were refused because of their Host header", value=OwnHosts.refused
        )
        yield GaugeMetricFamily("dashboard_active_evaluations", "Evaluations", value=len(services.jobs.active()))


class Measuring:
    """Counts and times every request, by the route that it is for."""

    def __init__(self, app: ASGIApp, measures: Measures, prefix: str, routes: Sequence[BaseRoute]) -> None:
        """
        Args:
            prefix: is put before the paths of the routes.
            routes: of the routers of the app, whose own routes need not be named.
        """
        self._app, self._measures, self._prefix, self._routes = app, measures, prefix, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.pop("route", None)  # that of the mount
        started, status = scope.get(STARTED, time.perf_counter()), 500  # before it waited for the start of the API

        async def noticed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        finally:
            route = self._path(scope)
            self._measures.requests.labels(scope["method"], route, status).inc()
            self._measures.seconds.labels(scope["method"], route).observe(time.perf_counter() - started)

    def _path(self, scope: Scope) -> str:
        """That of the route, not of the request: any path would make a series of its own."""
        if (route := scope.get("route")) is None:  # the request was answered before a route was looked for
            asked, app = scope["path"].removeprefix(scope.get("root_path", "")), scope.get("app")
            every = [*self._routes, *(app.routes if app else ())]
            route = next((each for each in every if (known := _regex(each)) and known.match(asked)), None)
        return f"{self._prefix}{route.path}".rstrip("/") if route else "none"


def _regex(route: BaseRoute) -> re.Pattern[str] | None:
    return getattr(route, "path_regex", None)
