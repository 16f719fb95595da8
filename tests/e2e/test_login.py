"""Logging in with a browser: the shared password, and users of an OpenID Connect provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard.core.access.audit import AuditLog
from dashboard.core.access.password import Password
from dashboard.core.database.database import Database
from dashboard.core.history.history import History
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.e2e.conftest import click_sample
from tests.e2e.dashboard_server import Server, free_port, running_server
from tests.e2e.oidc_provider import Provider, running_provider
from tests.e2e.states import IDLE

pytestmark = pytest.mark.browser
PASSWORD = "a long password"
ADMIN = "eve@example.com"


@contextmanager
def opened(browser, server: Server) -> Iterator[object]:
    """A page of a browser that has no cookies."""
    context = browser.new_context(base_url=server.url.replace("127.0.0.1", "localhost"))
    page = context.new_page()
    page.set_default_timeout(120_000)
    yield page
    context.close()


def test_the_password_opens_the_page_that_was_asked_for(browser, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    Password(settings).set(PASSWORD)
    with running_server(tmp_path) as server, opened(browser, server) as page:
        page.goto("/diagnostics?x=1")
        page.get_by_label("Password").fill("wrong password")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("wrong").wait_for()
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Diagnostics").wait_for()
        assert page.url.endswith("/diagnostics?x=1")
        page.wait_for_selector(IDLE)
        other_tab = page.context.new_page()
        other_tab.goto("/history")
        other_tab.get_by_role("heading", name="History").wait_for()
        page.get_by_role("link", name="Log out").click()
        page.get_by_role("button", name="Log out").click()
        page.get_by_label("Password").wait_for()
        other_tab.get_by_role("radio", name="Feedback").click()
        other_tab.get_by_label("Password").wait_for(timeout=120_000)
        page.goto("/")
        page.get_by_label("Password").wait_for()
    with closing(Database(settings)) as database:
        acts = [(act.action, act.user, act.detail) for act in AuditLog(database).list()]
    assert acts == [
        ("login", "password", "127.0.0.1"),
        ("login.failed", "password", "127.0.0.1: password_wrong"),
    ]


def test_a_new_password_sends_open_pages_to_the_log_in(browser, tmp_path: Path) -> None:
    settings, port = Settings(data_dir=tmp_path), free_port()
    Password(settings).set(PASSWORD)
    with running_server(tmp_path, port=port) as server, opened(browser, server) as page:
        page.goto("/evaluate?x=1")
        for password in (PASSWORD, "another password"):
            Password(settings).set(password)
            if password != PASSWORD:
                page.get_by_role("link", name="History").click()
            page.get_by_label("Password").fill(password)
            page.keyboard.press("Enter")
            page.get_by_role("heading", name="Batch evaluation").wait_for()
            page.wait_for_selector(IDLE)
            assert page.url.endswith("/evaluate?x=1")


def test_a_page_that_loses_its_server_says_that_its_log_in_has_ended(browser, tmp_path: Path) -> None:
    settings, port = Settings(data_dir=tmp_path), free_port()
    Password(settings).set(PASSWORD)
    with ExitStack() as stack:
        with running_server(tmp_path, port=port) as server:
            page = stack.enter_context(opened(browser, server))
            page.goto("/evaluate")
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_selector(IDLE)
        Password(settings).set("another password")
        with running_server(tmp_path, port=port):
            page.get_by_text("Your log-in has ended. Reload the page to log in.").wait_for()
            page.reload()
            page.get_by_label("Password").wait_for()


@dataclass
class Users:
    server: Server
    provider: Provider


@pytest.fixture(scope="module")
def users(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    """A dashboard whose users log in."""
    folder = tmp_path_factory.mktemp("oidc")
    port = free_port()
    with running_provider() as provider, pytest.MonkeyPatch.context() as patch:
        secrets = folder / "secrets.toml"
        secrets.write_text(provider.secrets_of(f"http://localhost:{port}"))
        patch.setenv("DASHBOARD_ADMINS", ADMIN)
        with running_server(folder / "data", port=port, options=("--secrets.files", str(secrets))) as server:
            yield Users(server, provider)


def log_in(page, users: Users, **claims: object) -> None:
    users.provider.claims = claims
    page.goto("/")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Predict").wait_for()
    page.wait_for_selector(IDLE)


def test_each_user_sees_their_own(browser, users: Users) -> None:
    with opened(browser, users.server) as page:
        page.goto("/diagnostics")
        page.get_by_role("button", name="Log in").wait_for()
        assert not page.get_by_text("Workers").count()
    for name in ("ann", "bob"):
        with opened(browser, users.server) as page:
            log_in(page, users, sub=name, email=f"{name}@example.com", email_verified=True, name=name.title())
            page.get_by_text(name.title(), exact=True).wait_for()
            click_sample(page, "frog")
            page.get_by_role("button", name="Right", exact=True).click()
            page.get_by_text("Marked as right").wait_for()
            page.get_by_role("link", name="History").click()
            page.get_by_text("to open its image again").wait_for()
            page.get_by_role("radio", name="Feedback").click()
            page.get_by_text("Select a row to delete its feedback").wait_for()
            other_tab = page.context.new_page()
            other_tab.goto("/history")
            other_tab.get_by_text("to open its image again").wait_for(timeout=120_000)
            page.get_by_role("button", name="Log out").click()
            page.get_by_role("button", name="Log in").wait_for()
            other_tab.get_by_role("radio", name="Feedback").click()
            other_tab.get_by_role("button", name="Log in").wait_for(timeout=120_000)
            assert not other_tab.get_by_text("Select a row to delete its feedback").count()
    settings = Settings(data_dir=users.server.data)
    with closing(Database(settings)) as database:
        history = History(database, lambda: RunStore(settings.runs_dir), settings)
        assert sorted(entry.user for entry in history.query().entries) == ["ann@example.com", "bob@example.com"]
        acts = [(act.action, act.user, act.subject, act.detail) for act in AuditLog(database).list()]
    names = ["bob@example.com", "ann@example.com"]
    assert acts == [("login", name, "pages", "127.0.0.1") for name in names]
    lines = [line for line in (users.server.data / "server.log").read_text().splitlines() if "oauth2callback" in line]
    assert len(lines) == 2 and all("GET /oauth2callback 302 " in line and "code=" not in line for line in lines)
    assert ['user="ann@example.com"' in line for line in lines] == [True, False]


def test_a_log_in_leads_back_to_the_address_that_was_opened(browser, users: Users) -> None:
    with opened(browser, users.server) as page:
        log_in(page, users, sub="carl")
        click_sample(page, "frog")
        page.get_by_text("Evidence for frog (").wait_for()
        link = page.url
    assert "?picture=" in link
    for address, seen in ((link, "Evidence for frog ("), ("/history?source=page", "to open its image again")):
        with opened(browser, users.server) as page:
            page.goto(address)
            page.get_by_role("button", name="Log in").click()
            page.get_by_text(seen).wait_for()
            page.wait_for_selector(IDLE)
            assert page.url.endswith(address)


def test_users_are_told_that_the_provider_does_not_work_and_can_try_again(browser, users: Users) -> None:
    users.provider.claims, users.provider.works = {"sub": "dora"}, False
    with opened(browser, users.server) as page:
        page.goto("/history?source=page")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text(f"{users.provider.url}/.well-known/openid-configuration answers with status 503.").wait_for()
        page.get_by_role("link", name="Try again").click()
        page.get_by_role("button", name="Log in").wait_for()
        users.provider.works = True
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="History").wait_for()
        assert page.url.endswith("/history?source=page")
    log = (users.server.data / "server.log").read_text()
    assert log.count("answers with status 503") == 1 and "Traceback" not in log


def test_users_who_are_not_let_in_are_told_on_the_way_back_and_can_try_again(browser, users: Users) -> None:
    users.provider.claims, users.provider.refuses = {"sub": "finn"}, "access_denied"
    with opened(browser, users.server) as page:
        page.goto("/history?source=page")
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("did not let you in, or you stopped there (access_denied).").wait_for()
        users.provider.refuses, users.provider.token_fault = "", (500, b"")
        page.get_by_role("link", name="Try again").click()
        page.get_by_role("button", name="Log in").click()
        page.get_by_text(f"{users.provider.url}/token answers with status 500.").wait_for()
        users.provider.token_fault = None
        page.get_by_role("link", name="Try again").click()
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="History").wait_for()
        assert page.url.endswith("/history?source=page")


def test_diagnostics_asks_the_provider_in_the_secrets_that_an_option_named(browser, users: Users) -> None:
    with opened(browser, users.server) as page:
        log_in(page, users, sub="gil")
        page.get_by_role("link", name="Diagnostics").click()
        page.get_by_text("Users can log in:").first.wait_for()


def test_an_address_that_the_provider_did_not_verify_makes_nobody_an_admin(browser, users: Users) -> None:
    for verified in (False, "false"):
        with opened(browser, users.server) as page:
            log_in(page, users, sub="mallory", email=ADMIN, email_verified=verified)
            page.get_by_text("account mallory").wait_for()
            page.get_by_role("link", name="History").click()
            page.get_by_text("No prediction was made yet").wait_for()
    with opened(browser, users.server) as page:
        log_in(page, users, sub="eve", email=ADMIN, email_verified=True)
        page.get_by_role("link", name="History").click()
        page.get_by_text("to open its image again").wait_for()
