"""Which addresses answer without a log-in to the pages."""

from __future__ import annotations

from starlette.types import Scope

V1, V2 = "/api/v1", "/v2"  # of the API, which asks for tokens itself
HEALTH = "/_stcore/health"


def has_own_rules(scope: Scope, base: str) -> bool:
    """True for the health check, and for the API, which decides itself who may use it.

    Args:
        base: path below which Streamlit serves the pages.
    """
    path = scope["path"]
    if scope["type"] == "http" and path == f"{prefix_of(base)}{HEALTH}":
        return scope["method"] in ("GET", "HEAD")
    return path.startswith((f"{V1}/", f"{V2}/"))


def prefix_of(base: str) -> str:
    """The beginning of every path of the pages: "" or, for example, "/dashboard"."""
    return f"/{base.strip('/')}".rstrip("/")
