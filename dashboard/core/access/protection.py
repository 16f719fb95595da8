"""Whether something protects the pages, which is needed as soon as other machines can reach them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from dashboard.core.access.password import Password
from dashboard.core.access.reach import listens_beyond
from dashboard.core.errors import AccessError
from dashboard.core.settings import Settings

_OPEN_SETTING = "DASHBOARD_ALLOW_ANYONE_WHO_REACHES_THIS_SERVER_TO_USE_IT"


class Protection:
    """What stands between other machines and the pages. Thread-safe."""

    def __init__(self, settings: Settings, password: Password, users_log_in: Callable[[], bool]) -> None:
        self._anyone = settings.allow_anyone_who_reaches_this_server_to_use_it
        self._password, self._users_log_in = password, users_log_in
        self._listens_beyond = cache(listens_beyond)

    def check(self) -> None:
        """Raises AccessError if other machines may not be served, and DashboardError if that cannot be found out."""
        if self._anyone or self._users_log_in() or self._password.is_set:
            return
        raise AccessError(
            "Other machines can reach this server, and nothing protects its pages: everybody in the network could see "
            "and delete its evaluations.",
            "Set a password with `python -m dashboard password`, or let users log in with OpenID Connect: "
            "section [auth] in .streamlit/secrets.toml. "
            f"If everybody may use it, set {_OPEN_SETTING}=1. "
            "To serve this machine only, start it with `python -m dashboard run --host 127.0.0.1`.",
            "unprotected",
        )

    def check_port(self, port: int | None) -> None:
        """Raises as `check` does if this process listens on this port for other machines. None: it listens on none."""
        if port is not None and self._listens_beyond(port):
            self.check()
