"""The HTTP API: under /api/v1, and the Open Inference Protocol under /v2.

`uvicorn dashboard.api:app` serves it alone; app.py serves it beside the pages, with the same workers.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute

from dashboard.core.diagnostics.not_started import told_once
from dashboard.core.settings import get_settings
from dashboard.services import Services
from dashboard.web.lazy import AnyPathMount, LazyApp, lazy_mounts
from dashboard.web.logs import set_up_logs
from dashboard.web.off import HIDDEN, ApiOff
from dashboard.web.paths import V1, V2, prefix_of


def _alone() -> object:
    settings = get_settings()
    set_up_logs(settings.log_level, settings.log_format)
    try:
        from dashboard.api.serving import alone

        return alone(settings)
    except Exception as error:
        return Starlette(routes=[AnyPathMount(path, app) for path, app in _off(error, False).items()])


def routes(
    get_services: Callable[[], Services], users_log_in: Callable[[], bool], is_local: bool = False, base: str = ""
) -> list[BaseRoute]:
    """The routes of the API, for an app that serves something else too. See `api.serving.both`.

    Args:
        is_local: only this machine can reach them.
        base: path below which the app serves the rest, and these too.
    """
    prefixes = dict.fromkeys(("", prefix_of(base)))

    def make() -> dict[str, object]:
        try:
            from dashboard.api.serving import both

            apps: dict[str, object] = dict(both(get_services, get_settings(), users_log_in))
        except Exception as error:
            apps = _off(error, is_local)
        return {prefix + path: app for prefix in prefixes for path, app in apps.items()}

    return lazy_mounts([prefix + path for prefix in prefixes for path in (V1, V2)], make)


def _off(error: Exception, is_local: bool) -> dict[str, object]:
    """The apps by path if the true ones cannot be built. Raises `error` if no package is broken."""
    fault = told_once(error)
    off = ApiOff(fault.message, fault.fix) if is_local else ApiOff(f"The API is off. {HIDDEN}")
    return {V1: off, V2: off}


def host_refusal(path: str, what: str, fix: str) -> Response:
    """The answer to a request for an address of the API that names a foreign host. See `web.hosts.OwnHosts`."""
    from dashboard.api.problems import Problem, ProblemOfProtocol, problem  # here, because it takes time

    kind = Problem if V1 in path else ProblemOfProtocol
    return problem(403, "host_unknown", what, fix, kind=kind)


app = LazyApp(_alone)
