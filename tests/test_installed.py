"""A wheel of the dashboard in an environment of its own, used from a folder that has nothing to do with the checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.conftest import ROOT
from tests.e2e.dashboard_server import free_port

FROG = sorted((ROOT / "data" / "samples" / "frog").glob("*.png"))[0]


@dataclass(frozen=True)
class Installation:
    """An environment with the dashboard, and a folder to work in."""

    wheel: Path
    site_packages: Path
    command: Path  # classifier-dashboard
    folder: Path
    environment: dict[str, str]

    @property
    def bundled(self) -> Path:
        return self.site_packages / "dashboard" / "_bundled"

    @property
    def user_data(self) -> Path:
        return self.folder / "share" / "classifier-dashboard"

    def run(self, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | settings
        command = [self.command, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=240, check=False
        )

    def json(self, *arguments: str | Path, **settings: str) -> Any:
        done = self.run(*arguments, "--json", **settings)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The packages that the dashboard needs are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", ROOT, "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run(build, cwd=folder, check=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    [site_packages] = (folder / "venv" / "lib").glob("python*/site-packages")
    places = {str(metadata.distribution(name).locate_file("")) for name in ("streamlit", "platformdirs")}
    (site_packages / "shared.pth").write_text("\n".join(places))
    install = [*pip, "--python", folder / "venv" / "bin" / "python", "install", "--no-deps", "--no-index", wheel]
    subprocess.run(install, cwd=folder, check=True, timeout=120)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DASHBOARD_", "PYTHONPATH"))}
    environment |= {"XDG_DATA_HOME": str(folder / "share"), "DASHBOARD_WORKERS": "1", "COLUMNS": "200"}
    return Installation(wheel, site_packages, folder / "venv" / "bin" / "classifier-dashboard", folder, environment)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def in_git(*places: str) -> set[str]:
    done = subprocess.run(["git", "ls-files", "-z", *places], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(done.stdout.split("\0")) - {""}


def test_the_wheel_has_what_is_in_git_and_nothing_else_beside_the_package(installation: Installation) -> None:
    with zipfile.ZipFile(installation.wheel) as archive:
        files = set(archive.namelist())
    top = {name.split("/")[0] for name in files}
    assert top == {"dashboard", f"{installation.wheel.name.removesuffix('-py3-none-any.whl')}.dist-info"}
    if not (ROOT / ".git").exists():
        pytest.skip("needs the git repository")
    expected = in_git("models", "pages", "data/samples", "data/licenses", ".streamlit", "app.py", "requirements.txt")
    bundled = {name.removeprefix("dashboard/_bundled/") for name in files if "/_bundled/" in name}
    assert expected and bundled == expected


def test_only_the_package_lies_at_the_top_of_the_environment(installation: Installation) -> None:
    found = {path.name for path in installation.site_packages.iterdir()} - {"shared.pth", "__pycache__"}
    assert sorted(re.sub(r"-[\d.]+\.dist-info", "", name) for name in found) == ["classifier_dashboard", "dashboard"]


def test_the_bundled_models_are_listed_and_one_is_chosen_in_the_folder_of_the_user(installation: Installation) -> None:
    bundled = {f"{path.parent.name}@{path.name}" for path in (ROOT / "models").glob("*/*") if in_git(str(path))}
    before = files_below(installation.bundled)
    listed = installation.json("models")
    assert bundled == {f"{model['name']}@{model['version']}" for model in listed} or not bundled
    chosen = next(f"{model['name']}@{model['version']}" for model in listed if not model["active"])
    settings = {"XDG_DATA_HOME": str(installation.folder / "chooses")}
    assert installation.json("models", "use", chosen, **settings)["active"]
    choice = installation.folder / "chooses" / "classifier-dashboard" / "models" / "active.json"
    assert json.loads(choice.read_text()) == {"model": chosen}
    assert files_below(installation.bundled) == before
    assert installation.json("models", **settings, DASHBOARD_MODELS_DIR=str(installation.folder / "none")) == []


def test_a_picture_is_predicted_with_the_settings_of_the_user(installation: Installation) -> None:
    """The .env of the folder in which the command runs is another program's."""
    installation.user_data.mkdir(parents=True, exist_ok=True)
    (installation.user_data / ".env").write_text("DASHBOARD_MODEL=cifar10-small\n")
    (installation.folder / ".env").write_text("DASHBOARD_MODEL=nonesuch\n")
    try:
        [answer] = installation.json("predict", FROG)
    finally:
        (installation.user_data / ".env").unlink()
    assert answer["predicted_label"] == "frog" and answer["model"]["name"] == "cifar10-small"


def test_runs_are_stored_in_the_folder_of_the_user(installation: Installation) -> None:
    (installation.folder / "theirs.csv").write_text("file,label,p_cat,p_dog\na.png,cat,0.9,0.1\nb.png,dog,0.2,0.8\n")
    run = installation.json("import", "theirs.csv")
    assert (installation.user_data / "runs" / run["run_id"] / "manifest.json").is_file()


def test_a_data_folder_that_is_set_also_has_the_models(installation: Installation, tmp_path: Path) -> None:
    used = installation.json("models", "use", "cifar10-small", DASHBOARD_DATA_DIR=str(tmp_path))
    assert used["active"] and [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["active.json"]
    assert (tmp_path / "models" / "active.json").is_file()


@pytest.fixture
def server(installation: Installation) -> Any:
    """The address of a running dashboard, and its process."""
    port = free_port()
    command = [installation.command, "run", "--port", str(port), "--host", "127.0.0.1", "--allow-host", "dash.example"]
    with (installation.folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=installation.folder, env=installation.environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: process.poll() is not None or healthy(port))
        assert process.poll() is None, (installation.folder / "server.log").read_text()
        yield f"127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def until(condition: Any, limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def status(address: str, host: str) -> int:
    """The status of the answer to a request for this host."""
    request = urllib.request.Request(f"http://{address}/evaluate", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def run_page(address: str, page: str, query: str = "") -> list[ForwardMsg]:
    """What a browser is sent that opens a page of the dashboard."""
    messages: list[ForwardMsg] = []
    with connect(f"ws://{address}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as browser:  # type: ignore[list-item]
        request = BackMsg()
        request.rerun_script.page_name, request.rerun_script.query_string = page, query
        browser.send(request.SerializeToString())
        while not messages or messages[-1].WhichOneof("type") != "script_finished":
            messages.append(ForwardMsg.FromString(browser.recv(timeout=60)))  # type: ignore[arg-type]
    return messages


def test_it_serves_every_page_and_ends_with_its_workers(installation: Installation, server: Any) -> None:
    address, process = server
    titles = {"": "Predict", "explain": "Explain", "evaluate": "Batch evaluation", "diagnostics": "Diagnostics"}
    for page, title in titles.items():
        messages = run_page(address, page)
        elements = [message.delta.new_element for message in messages]
        assert title in [element.heading.body for element in elements]
        assert "exception" not in [element.WhichOneof("type") for element in elements]
        assert messages[-1].script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        assert "#1d5fa8" in str(messages)  # the theme of .streamlit/config.toml
    linked = [message.delta.new_element.page_link.page for message in run_page(address, "explain", "run=none&image=0")]
    assert "evaluate" in linked
    with urllib.request.urlopen(f"http://{address}/api/v1/openapi.json", timeout=60) as response:
        described = response.read().decode()
    assert "`classifier-dashboard tokens create`" in described and "python -m dashboard" not in described
    named = [status(address, host) for host in ("dash.example", "other.example", address)]
    assert named == [200, 403, 200]
    assert f"The dashboard is at http://{address}\n" in (installation.folder / "server.log").read_text()
    until(lambda: process.children(recursive=True))
    started = [process, *process.children(recursive=True)]
    process.send_signal(signal.SIGINT)
    assert psutil.wait_procs(started, timeout=30)[1] == []


def test_links_between_pages_do_not_suppose_that_pages_lie_beside_the_package() -> None:
    sources = [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    linking = [path.name for path in sources if "../pages" in path.read_text(encoding="utf-8")]
    assert linking == [], "use PAGES of dashboard/ui/navigation.py"
