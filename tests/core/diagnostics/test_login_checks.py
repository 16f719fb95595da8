"""The checks of the log-in with OpenID Connect, for secrets in the user's home."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.core.diagnostics.login_checks import check_login
from dashboard.core.errors import DependencyError
from tests.conftest import ROOT
from tests.e2e.oidc_provider import Provider, running_provider


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".streamlit").mkdir()
    return tmp_path / ".streamlit" / "secrets.toml"


def test_without_a_section_nothing_is_checked(secrets: Path) -> None:
    assert check_login() == []
    secrets.write_text('key = "of something else"\n')
    assert check_login() == []


def test_a_provider_that_answers_and_one_that_does_not(secrets: Path) -> None:
    with running_provider() as provider:
        secrets.write_text(provider.secrets_of("http://localhost:8501"))
        [check] = check_login()
        url = f"{provider.url}/.well-known/openid-configuration"
        assert (check.id, check.status, check.summary) == ("login", "ok", f"Users can log in: {url} answers")
        provider.works = False
        [check] = check_login()
        assert check.status == "error" and check.summary == f"Nobody can log in: {url} answers with status 503"
        assert "server_metadata_url in the section [auth] of" in check.fix


def test_the_files_that_the_server_reads_are_read(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.toml"
    with running_provider() as provider:
        other.write_text(provider.secrets_of("http://localhost:8501"))
        assert check_login() == []
        [check] = check_login([str(secrets), str(other)])
        assert check.status == "ok"
        provider.works = False
        [check] = check_login([str(secrets), str(other)])
        assert check.status == "error" and f"in the section [auth] of {other} and" in check.fix
        monkeypatch.setenv("STREAMLIT_SECRETS_FILES", str(other))  # as `run` reads it
        [check] = check_login()
        assert check.status == "error" and "status 503" in check.summary


def test_a_page_that_is_no_metadata(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_provider() as provider:
        monkeypatch.setattr(Provider, "metadata", lambda _: {"hello": "world"})
        secrets.write_text(provider.secrets_of("http://localhost:8501"))
        [check] = check_login()
    assert check.status == "error" and "does not answer with the metadata of an OpenID provider" in check.summary


def test_doctor_names_the_provider_that_cannot_be_reached_and_its_section(secrets: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
    secrets.write_text(
        '[auth]\nredirect_uri = "http://localhost:8501/oauth2callback"\ncookie_secret = "x"\n'
        f'[auth.school]\nclient_id = "me"\nclient_secret = "s"\nserver_metadata_url = "{url}"\n'
    )
    [check] = check_login()
    assert (check.id, check.group, check.status) == ("login.school", "login", "error")
    assert check.summary == f"Nobody can log in with school: {url} cannot be reached: Connection refused"
    assert "[auth.school]" in check.fix
    done = subprocess.run(
        [sys.executable, "-m", "dashboard", "doctor", "--json"], cwd=ROOT, capture_output=True, text=True, timeout=200,
        env={**os.environ, "DASHBOARD_DATA_DIR": str(secrets.parent)},
    )  # fmt: skip
    checks = {each["id"]: each for each in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1 and checks["login.school"]["summary"] == check.summary


def test_a_broken_package_is_told_with_the_command_that_mends_it(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "authlib").mkdir()
    (tmp_path / "authlib" / "__init__.py").write_text("raise ImportError('it is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert check_login() == []  # nobody needs it
    secrets.write_text(Provider("http://127.0.0.1:9").secrets_of("http://localhost:8501"))
    with pytest.raises(DependencyError, match="ImportError: it is broken") as caught:
        check_login()
    assert "pip install --force-reinstall" in caught.value.fix


def test_secrets_with_which_the_server_does_not_start(secrets: Path) -> None:
    secrets.write_text("[auth]\n")
    [check] = check_login()
    assert check.status == "error" and "lacks redirect_uri and cookie_secret" in check.summary
    assert check.fix.startswith("Add redirect_uri (")
