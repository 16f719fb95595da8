"""The dashboard as it runs on Windows: see `emulated/sitecustomize.py`, which each process here and its children load."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.registry import Registry
from dashboard.core.runs.owner import RunOwner
from tests.conftest import ROOT, MakeZip, encoded, picture
from tests.core.engine.test_pool import runs, until
from tests.e2e.dashboard_server import free_port
from tests.test_installed import healthy

EMULATED = Path(__file__).with_name("emulated")
NARROW = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "LC_ALL": "C"}  # the console of many Windows machines


def start(*arguments: object, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{EMULATED}{os.pathsep}{ROOT}", **variables},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip


def lines_of(*arguments: object) -> list[str]:
    out, err = start("tests.windows.program", *arguments).communicate(timeout=240)
    assert "Traceback" not in err, err
    return out.splitlines()


def test_every_module_can_be_imported_and_the_emulation_holds(tmp_path: Path) -> None:
    lines_of("is_emulated", tmp_path)
    [count] = lines_of("import_all")
    assert int(count) > 300


def test_killed_workers_are_replaced(tmp_path: Path) -> None:
    forked, code, total = lines_of("kill_workers", tmp_path)
    assert (forked, code, total) == ("False done", "worker_failed", "5")


def test_a_worker_ends_with_its_server() -> None:
    with start("tests.windows.program", "wait_for_death") as server:
        assert server.stdout
        worker = int(server.stdout.readline())
        server.kill()
    until(lambda: not runs(worker), "the worker to end", 10)


def test_a_run_belongs_to_one_process_until_that_ends(tmp_path: Path) -> None:
    with start("tests.windows.program", "own_run", tmp_path) as other:
        assert other.stdout
        pid = other.stdout.readline().strip()
        assert lines_of("own_run", tmp_path) == [f"The evaluation {tmp_path.name} is under way in process {pid}."]
        other.kill()
    RunOwner(tmp_path).release()


def test_files_that_are_read_are_replaced_later_or_left(tmp_path: Path) -> None:
    assert lines_of("replace_what_is_read", tmp_path) == ["new", "4", "False"]


def test_the_command_line_on_a_console_of_few_letters(
    tmp_path: Path, make_zip: MakeZip, tiny_registry: Registry
) -> None:
    image = tmp_path / "\u732b \u20ac.png"
    image.write_bytes(encoded(picture(1)))
    models = shutil.copytree(tiny_registry.root, tmp_path / "models")
    variables = {
        **NARROW,
        "DASHBOARD_DATA_DIR": str(tmp_path / "data"),
        "DASHBOARD_MODELS_DIR": str(models),
        "DASHBOARD_WORKERS": "1",
    }
    added = tmp_path / "x.keras"
    shutil.copyfile(tiny_registry.get("tiny@1").file, added)
    commands = (
        ("predict", image, "--json", "--model", "tiny"),
        ("evaluate", make_zip({"cat": 3, "dog": 2}), "--model", "tiny"),
        ("doctor",),
        ("models", "add", added, "--name", "own", "--scale", "1/255", "--class-names", ",".join(CLASS_NAMES)),
    )
    running = [start("dashboard", *command, **variables) for command in commands]
    told = [each.communicate(timeout=280) for each in running]
    assert [each.returncode for each in running] == [0, 0, 1, 0], told
    assert json.loads(told[0][0])[0]["file"].endswith("\u732b \u20ac.png")
    assert "5 images" in told[1][0]
    assert "on the CPU" in told[2][0] and "Worker 1 is ready" in told[2][0]  # 1: the tiny model knows nothing
    assert "cannot limit the memory" in told[3][1]


def test_the_server_starts_and_ends_with_its_program() -> None:
    port = free_port()
    with start("dashboard", "run", "--host", "127.0.0.1", "--port", port) as program:
        until(lambda: healthy(port), "the server", 60)
        [server] = psutil.Process(program.pid).children()
        server.terminate()
        assert program.wait(30) == -signal.SIGTERM % 256 or program.returncode == 0
        assert program.stdin
        program.stdin.close()


@pytest.mark.parametrize("command", [("models", "add", "x.keras", "--name", "nul"), ("predict", "\u732b.png")])
def test_errors_on_a_console_of_few_letters(command: tuple[str, ...]) -> None:
    process = start("dashboard", *command, **NARROW)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (1, 2) and "Traceback" not in err and "UnicodeEncodeError" not in err
