"""What a server and its pages say when a package is broken."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.problems import Problem
from dashboard.web.off import Off
from tests.conftest import ROOT
from tests.e2e.dashboard_server import free_port

SAYS = "ImportError: it is broken. Rename or remove it, or take its folder out of PYTHONPATH"
PAGE = """
from streamlit.testing.v1 import AppTest

at = AppTest.from_file("dashboard/main.py", default_timeout=120).run()
at.switch_page("../pages/diagnostics.py").run()
print([element.value for kind in (at.error, at.text, at.exception) for element in kind])
"""


def with_broken(name: str, folder: Path) -> dict[str, str]:
    """The environment of a process in which this package cannot be imported."""
    (folder / "fake" / name).mkdir(parents=True)
    (folder / "fake" / name / "__init__.py").write_text("raise ImportError('it is broken')")
    places = f"{folder / 'fake'}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": places, "DASHBOARD_DATA_DIR": str(folder), "DASHBOARD_WORKERS": "1"}


def answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@contextlib.contextmanager
def server(name: str, folder: Path, address: str, path: str) -> Iterator[tuple[str, int, str]]:
    """Runs a server without this package. Gives its URL, and its first answer at the path, which it gives from 127.0.0.1."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.address",
        address,
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=with_broken(name, folder), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        status, text = 0, ""
        until = time.monotonic() + 120
        while not status and time.monotonic() < until and process.poll() is None:
            time.sleep(0.2)
            try:
                status, text = answer(f"http://127.0.0.1:{port}{path}")
            except OSError:
                continue  # it has no port yet
        yield f"http://127.0.0.1:{port}", status, text
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_browser_and_terminal_are_told_which_package_stops_the_server(address: str, tmp_path: Path) -> None:
    with server("pydantic", tmp_path, address, "/diagnostics") as (url, status, text):
        told = (tmp_path / "log").read_text()
        assert status == 503, told
        assert "The dashboard does not start." in told and SAYS in told and "Traceback" not in told
        assert (SAYS in text) == (address == "127.0.0.1") and text.startswith("The dashboard is off. ")
        code, told = answer(f"{url}/api/v1/ready")
        problem = Problem.model_validate_json(told)
        assert code == problem.status == 503 and f"{problem.detail} {problem.fix}".strip() == text.strip()


def test_programs_and_terminal_are_told_which_package_stops_the_api(tmp_path: Path) -> None:
    with server("altair", tmp_path, "127.0.0.1", "/api/v1/models") as (url, status, text):
        problem = Problem.model_validate_json(text)
        assert status == problem.status == 503 and problem.code == "dependency_broken" and problem.request_id
        assert SAYS in f"{problem.detail} {problem.fix}"
        code, text = answer(f"{url}/v2/health/ready")
        assert code == 503 and SAYS in json.loads(text)["error"]
        assert [answer(url + path)[0] for path in ("/api/v1/live", "/v2/health/live", "/")] == [200, 200, 200]
        told = (tmp_path / "log").read_text()
        assert told.count(SAYS) == 1 and "Traceback" not in told


def test_a_page_says_which_package_it_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PAGE.replace('"dashboard/', f'"{ROOT}/dashboard/').replace('"../', f'"{ROOT}/')], cwd=ROOT,
        env=with_broken("pandas", tmp_path), capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    assert "Diagnostics cannot be shown" in done.stdout
    assert "in place of the package pandas" in done.stdout and "redacted" not in done.stdout


@pytest.mark.parametrize(("base", "path"), [("", "/api/v1/live"), ("dash", "/dash/api/v1/live"), ("dash", "/api/v1")])
def test_programs_are_told_in_the_form_of_the_api_also_below_a_base_path(base: str, path: str) -> None:
    found = TestClient(Off(Starlette(), "it is broken.", "Mend it.", base)).get(path)
    assert found.status_code == 503 and Problem.model_validate(found.json()).fix == "Mend it."
