"""A real server with a password, and servers that refuse to start."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from dashboard.core.access.password import Password
from dashboard.core.settings import Settings
from tests.e2e.dashboard_server import ROOT, running_server

UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
PATHS = """
import json, sys
from streamlit import config
config.set_option("server.baseUrlPath", sys.argv[1])
import app
from streamlit.web.server.starlette import starlette_app
from unittest.mock import MagicMock
from starlette.routing import WebSocketRoute
found = [*app.app._user_routes, *starlette_app.create_streamlit_routes(MagicMock())]
print("PATHS", json.dumps([[isinstance(each, WebSocketRoute), each.path] for each in found]))
"""


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def status(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.build_opener(_Stay).open(urllib.request.Request(url, headers=headers), timeout=120) as got:
            return got.status, got.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def upgraded(url: str, path: str) -> int:
    """The status of a WebSocket handshake, which urllib cannot ask for."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
    try:
        connection.request("GET", path, headers=UPGRADE)
        return connection.getresponse().status
    finally:
        connection.close()


def every_path(base: str = "") -> list[tuple[bool, str]]:
    done = subprocess.run([sys.executable, "-c", PATHS, base], cwd=ROOT, capture_output=True, text=True, check=True)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("PATHS ")]
    return [(socket, path) for socket, path in json.loads(line[6:])]


def test_nothing_but_the_login_and_health_answers_without_a_cookie(tmp_path: Path) -> None:
    Password(Settings(data_dir=tmp_path)).set("a long password")
    paths = every_path()
    assert len(paths) > 15
    with running_server(tmp_path) as server:
        for is_socket, path in [*paths, (False, "/"), (False, "/index.html"), (False, "/static/x.js")]:
            if path.startswith(("/api/v1", "/v2")):
                continue  # tests/api/test_access.py
            asked = path.replace("{", "").replace("}", "").replace(":path", "") or "/"
            code, text = (upgraded(server.url, asked), "") if is_socket else status(server.url + asked)
            expected = {"/_stcore/health": 200, "/_stcore/metrics": 404}.get(path, 403 if is_socket else 401)
            if "/agent/" in path:
                expected = 404  # closed to everyone
            assert code == expected, (path, code, text)
        assert status(f"{server.url}/login")[0] == 200 and status(f"{server.url}/api/v1/live")[0] == 200
        assert status(f"{server.url}/api/v1/models")[0] == 401
        assert status(f"{server.url}/v2")[0] == 200 and status(f"{server.url}/api/v1")[0] == 404


def test_the_server_has_the_api_below_its_base_path_too() -> None:
    paths = {path.partition("/{")[0] for _, path in every_path("dash")}
    assert {"/api/v1", "/v2", "/dash/api/v1", "/dash/v2", "/dash/evaluate"} <= paths


@pytest.mark.parametrize(
    "command", ["dashboard run --host 0.0.0.0 --port 8977", "streamlit run app.py --server.address 0.0.0.0"]
)
def test_an_unprotected_server_for_other_machines_does_not_start(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1 and not done.stdout.strip()
    for way_out in ("`python -m dashboard password`", "[auth]", "USE_IT=1"):
        assert way_out in done.stderr


@pytest.mark.parametrize("command", ["dashboard run --port 8976", "streamlit run app.py --server.port 8976"])
def test_a_server_with_a_wrong_setting_does_not_start(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path), "DASHBOARD_WORKERS": "zwei"},
    )  # fmt: skip
    assert done.returncode == 1 and not done.stdout.strip()
    assert "DASHBOARD_WORKERS is 'zwei'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["dashboard run --port 8975", "streamlit run app.py --server.port 8975"])
def test_a_server_that_cannot_enter_its_data_folder_does_not_start(command: str, tmp_path: Path) -> None:
    # root may enter every folder, unless it gives its capabilities away
    as_user = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    tmp_path.chmod(0)
    try:
        done = subprocess.run(
            [*as_user, sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=120,
            env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path)},
        )  # fmt: skip
    finally:
        tmp_path.chmod(0o700)
    assert done.returncode == 1 and not done.stdout.strip() and len(done.stderr.splitlines()) == 1
    assert f"The data folder {tmp_path} cannot be entered: Permission denied." in done.stderr
    assert "DASHBOARD_DATA_DIR" in done.stderr and "password" not in done.stderr


@pytest.mark.parametrize("command", ["dashboard run --port 8974", "streamlit run app.py --server.port 8974"])
@pytest.mark.parametrize(
    ("secrets", "says"),
    [
        (
            '[auth]\nclient_id = "x"\ncookie_secret = "y"\n',
            "lacks redirect_uri, so nobody could log in. Add redirect_uri (",
        ),
        ("[auth\n", "The secrets of Streamlit cannot be read: Error parsing secrets file at "),
    ],
)
def test_a_server_whose_log_in_cannot_work_does_not_start(
    command: str, secrets: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    done = subprocess.run(
        [sys.executable, "-m", *command.split()], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1 and not done.stdout.strip() and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("The dashboard does not start. ") and says in done.stderr
    assert str(tmp_path / ".streamlit" / "secrets.toml") in done.stderr


def test_a_port_that_is_taken_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "dashboard", "run", "--port", str(port)], cwd=ROOT, capture_output=True, text=True,
            timeout=120, env={**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path)},
        )  # fmt: skip
    assert done.returncode == 1 and f"Port {port} is not available. Stop the program that uses it, or" in done.stderr
    assert "`python -m dashboard run --port NUMBER`" in done.stderr


def test_a_server_for_other_machines_asks_this_machine_for_a_token_too(tmp_path: Path) -> None:
    Password(Settings(data_dir=tmp_path)).set("a long password")
    with running_server(tmp_path, address="0.0.0.0") as server:
        for path in ("/_stcore/health", "/api/v1/live", "/api/v1/ready", "/api/v1/metrics", "/v2/health/ready"):
            assert status(server.url + path)[0] == 200, path
        for path in ("/api/v1/models", "/api/v1/evaluations", "/api/v1/history", "/v2/models/cifar10-resnet"):
            assert status(server.url + path)[0] == 401, path
        create = [sys.executable, "-m", "dashboard", "tokens", "create", "monitor", "--scope", "predict", "--json"]
        environment = {**os.environ, "DASHBOARD_DATA_DIR": str(tmp_path)}
        done = subprocess.run(create, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
        token = json.loads(done.stdout)["secret"]
        assert status(f"{server.url}/api/v1/models", Authorization=f"Bearer {token}")[0] == 200
