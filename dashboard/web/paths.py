"""Which addresses answer without a log-in to the pages."""

from __future__ import annotations

from starlette.types import Scope

V1, V2 = "/api/v1", "/v2"  # of the API, which asks for tokens itself
HEALTH, HOST_CONFIG = "/_stcore/health", "/_stcore/host-config"
LOGIN, LOGOUT = "/login", "/logout"
OPENID_BEGIN, OPENID_END = "/auth/login", "/oauth2callback"  # of Streamlit, for a log-in with OpenID Connect
OPENID_OUT = "/auth/logout"


def has_own_rules(scope: Scope, base: str) -> bool:
    """True for the health check, and for the API, which decides itself who may use it.

    Args:
        base: path below which Streamlit serves the pages.
    """
    path = scope["path"]
    if scope["type"] == "http" and path == f"{prefix_of(base)}{HEALTH}":
        return scope["method"] in ("GET", "HEAD")
    return is_of_api(path, base)


def is_logged(path: str, base: str) -> bool:
    """True for the API, and for log-ins to the pages. `base` is as in `has_own_rules`."""
    prefix = prefix_of(base)
    return is_of_api(path, base) or path in (prefix + LOGIN, prefix + LOGOUT, prefix + OPENID_END)


def is_of_api(path: str, base: str = "") -> bool:
    """True for the addresses of the API, which also answers below the base path. `base` is as in `has_own_rules`."""
    path = path.removeprefix(prefix_of(base))
    return path in (V1, V2) or path.startswith((f"{V1}/", f"{V2}/"))


def prefix_of(base: str) -> str:
    """The beginning of every path of the pages: "" or, for example, "/dashboard"."""
    return f"/{base.strip('/')}".rstrip("/")
