"""What the server answers with: the pages, the HTTP API, and what stands before them. Importing it ends a misconfigured server.

The pages are in pages/, the entry script in dashboard/main.py. The entry script does not lie beside pages/, because
Streamlit would then serve those files past `st.navigation`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from starlette.middleware import Middleware
from streamlit import config
from streamlit.web.server.server_util import get_display_address, get_url

from dashboard.api import host_refusal, routes
from dashboard.core.access.login import LASTS_S, Logins
from dashboard.core.access.password import Password
from dashboard.core.access.protection import Protection
from dashboard.core.access.providers import why_failed, why_refused, why_unusable
from dashboard.core.access.reach import is_loopback
from dashboard.core.access.visitor import Visitor, with_claims, with_password
from dashboard.core.diagnostics.not_started import told_once
from dashboard.core.errors import AccessError, DashboardError
from dashboard.core.settings import check_data_dir, get_settings, no_such_setting, unknown_settings
from dashboard.core.shell import as_called, program
from dashboard.services import Services
from dashboard.ui.memory import give_back, keep_few_arenas
from dashboard.ui.navigation import ADDRESSES, START
from dashboard.ui.openid import users_log_in
from dashboard.ui.uploaded_files import UploadsOnDisk
from dashboard.web.access_log import AccessLog
from dashboard.web.closed import Closed
from dashboard.web.deep_links import deep_links, start_by_name, streamlit_html, told_where_the_server_is
from dashboard.web.ending import RECORDS_S, ending_in_time
from dashboard.web.headers import SafeHeaders, content_security_policy, inline_scripts
from dashboard.web.hosts import OwnHosts, own_names
from dashboard.web.login import Authenticator, Login
from dashboard.web.login_faults import LoginFaults
from dashboard.web.logs import set_up_logs
from dashboard.web.openid_logins import Claims, OpenIdLogins
from dashboard.web.protected import Protected
from dashboard.web.proxies import BehindProxies
from dashboard.web.return_after_login import ReturnAfterLogin

UNVISITED_S = 5.0  # seconds after which the workers start although no page has been opened
DRAWING_S = 0.3  # seconds that a browser has to draw the first page before the workers start

keep_few_arenas()


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    set_up_logs(settings.log_level, settings.log_format)  # again, for the loggers that Streamlit has made since
    # on a thread, because the browser loads Streamlit's own files meanwhile
    threading.Thread(target=_start_services, name="start", daemon=True).start()
    _say_where()
    giving_back = asyncio.create_task(give_back())
    with ending_in_time():
        yield
    giving_back.cancel()
    _services().close(RECORDS_S)


def _services() -> Services:
    from dashboard.ui.resources import get_services

    return get_services()


def _say_where() -> None:
    """Prints the address of the dashboard, when the server has its port."""
    for name in unknown_settings():
        print(f"\n  {' '.join(no_such_setting(name))}")
    address = config.get_option("server.address")
    shown = get_display_address(address or "localhost")
    print(f"\n  The dashboard is at {get_url(f'[{shown}]' if ':' in shown else shown)}")
    if len(hosts) > len(named_hosts):
        print(
            f"  From other machines: {get_url(hosts[-1])} or the IP address of this machine.\n"
            f"  Other names are refused unless you give them: {program()} run --allow-host NAME"
        )
    print(flush=True)


def _start_services() -> None:
    """Makes ready what the first page needs, and when it is served, what comes after it."""
    from dashboard.ui.resources import get_services, page_served

    services = get_services()
    services.hold_database()
    for version in services.registry.versions():
        services.health.fault(version)  # starts to read its file, so that the first page knows whether it is sound
    if page_served.wait(UNVISITED_S):
        time.sleep(DRAWING_S)  # importing TensorFlow would slow the page down
    services.start()
    try:
        import dashboard.ui.predict.picture_view  # noqa: F401 - the first picture need not wait for it
    except Exception as error:
        told_once(error)


@cache
def _password() -> Password:
    return Password(get_settings())


@cache
def _protection() -> Protection:
    return Protection(get_settings(), _password(), users_log_in)


@cache
def _logins() -> Logins:
    return Logins(get_settings().data_dir, lambda: _password().fingerprint)


def _login_refusal(password: str, client: str) -> str:
    """Why this password is refused; "" if it is right. Both are written into the audit log."""
    services = _services().seen_by(with_password(client))
    try:
        _password().verify(password, client)
    except AccessError as error:
        services.note("login.failed", "pages", f"{client}: {error.code}")
        return as_called(str(error))
    services.note("login", "pages")
    return ""


def _note_login(claims: Claims, client: str) -> Visitor:
    """Who logged in with OpenID Connect. The audit log has it then, too."""
    visitor = replace(with_claims(claims, get_settings().admins), address=client)
    _services().seen_by(visitor).note("login", "pages")
    return visitor


def _refusal(port: int | None) -> str:
    """Why other machines may not use the pages at this port; "" if they may, or if they cannot reach it."""
    try:
        _protection().check_port(port)
    except DashboardError as error:
        return as_called(str(error))
    return ""


def _is_local() -> bool:
    """True if only this machine can reach the server."""
    address = config.get_option("server.address")
    return bool(address) and is_loopback(address)


def _refuse_to_start() -> None:
    """Ends the program if a setting or the log-in is wrong, the data folder cannot be entered, or nothing protects the pages.

    They need no protection if other machines cannot reach them.
    """
    try:
        check_data_dir(get_settings().data_dir)
        users_log_in()
        if not _is_local():
            _protection().check()
    except DashboardError as error:
        print(as_called(f"The dashboard does not start. {error}"), file=sys.stderr, flush=True)
        os._exit(1)  # Streamlit would report SystemExit as a fault of app.py


base = config.get_option("server.baseUrlPath")
_refuse_to_start()
page_html = told_where_the_server_is(streamlit_html(), base)
settings = get_settings()
set_up_logs(settings.log_level, settings.log_format)
named_hosts = (*settings.allowed_hosts, *config.get_option("server.allowedHosts"))
hosts = own_names(_is_local(), named_hosts)
origins = config.get_option("server.corsAllowedOrigins") if config.get_option("server.enableCORS") else None
parts: dict[str, Any] = {  # of `st.App`, beside the entry script
    "lifespan": _lifespan,
    "routes": [
        *deep_links(ADDRESSES, page_html, base),
        start_by_name(START, base),
        *routes(_services, users_log_in, _is_local(), base),
    ],
    "middleware": [  # the first one sees a request first, and its answer last
        Middleware(BehindProxies, trusted=settings.trusted_proxies),
        Middleware(AccessLog, base=base),
        Middleware(SafeHeaders, policy=content_security_policy(inline_scripts(page_html))),
        Middleware(OwnHosts, hosts=hosts, origins=origins, api_refusal=host_refusal, base=base),
        Middleware(Closed),
        Middleware(Protected, refusal=_refusal, base=base),
        Middleware(
            Login,
            authenticator=Authenticator(
                lambda: _password().is_set,
                _login_refusal,
                lambda: _logins().give(),
                lambda login: _logins().is_valid(login),
                lambda login: _logins().end(login),
                lambda: _logins().cookie_name,
                LASTS_S,
            ),
            base=base,
        ),
        Middleware(OpenIdLogins, logged_in=_note_login, base=base),
        Middleware(ReturnAfterLogin, pages=ADDRESSES, base=base),
        Middleware(
            LoginFaults,
            why_unusable=why_unusable,
            why_failed=why_failed,
            why_refused=why_refused,
            pages=ADDRESSES,
            base=base,
        ),
        Middleware(UploadsOnDisk, folder=settings.uploads_dir),
    ],
}
