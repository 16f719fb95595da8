"""What the command line imports before it can answer, in a process of its own."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli.app import COMMANDS, app
from dashboard.cli.lazy import lazily
from tests.conftest import ROOT
from tests.e2e.dashboard_server import free_port

NEVER = {"tensorflow", "keras", "streamlit", "altair", "sklearn", "scipy", "cv2"}
FOR_TABLES = {"pandas", "pyarrow"}
FOR_TASKS = {"numpy", "PIL", "pydantic", "pydantic_settings", "psutil"}


def imported_by(*arguments: str) -> set[str]:
    """The names of all modules that a command loads."""
    command = [sys.executable, "-X", "importtime", "-m", "dashboard", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def test_the_help_imports_next_to_nothing() -> None:
    modules = imported_by("--help")
    assert {"dashboard.cli.app", "typer"} <= modules and not modules & (NEVER | FOR_TABLES | FOR_TASKS)
    ours = {name for name in modules if name.startswith("dashboard.")}
    assert ours == {
        "dashboard.cli",
        "dashboard.cli.app",
        "dashboard.cli.lazy",
        "dashboard.core",
        "dashboard.core.errors",
        "dashboard.core.shell",
    }


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 14, 0)])
def test_a_python_of_a_wrong_version_is_told_so_before_any_package(version: tuple[int, ...]) -> None:
    program = (
        f"import runpy, sys\nsys.version_info, sys.argv = {version}, ['dashboard', 'doctor']\n"
        "sys.modules['typer'] = None\nrunpy.run_module('dashboard', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "typer" not in done.stderr
    assert f"This is Python {version[0]}.{version[1]}; the dashboard needs Python 3.10 to 3.13." in done.stderr
    assert "-m venv" in done.stderr


def test_streamlit_run_in_a_python_of_a_wrong_version_says_so_too() -> None:
    """Before it imports what a Streamlit for that Python lacks."""
    program = (
        "import runpy, sys, streamlit\nsys.version_info, sys.modules['starlette'] = (3, 9, 18), None\n"
        "runpy.run_path('app.py')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "This is Python 3.9; the dashboard needs Python 3.10 to 3.13." in done.stderr


@pytest.mark.parametrize("file", ["app.py", "dashboard/__init__.py", "dashboard/__main__.py"])
def test_an_old_python_can_read_what_tells_it_so(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(), feature_version=(3, 4))
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.ImportFrom)
    found = [node for node in ast.walk(tree) if isinstance(node, new)]
    assert not [node for node in found if not isinstance(node, ast.ImportFrom) or node.module == "__future__"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]


def test_predict_imports_nothing_for_tables_before_its_first_task() -> None:
    """An image that cannot be opened is told of in the place where the first task would be."""
    modules = imported_by("predict", "nowhere.png")
    assert {"dashboard.core.engine.pool", "dashboard.core.models.registry", "numpy"} <= modules
    assert not modules & (NEVER | FOR_TABLES) and "dashboard.core.datasets" not in modules


def test_evaluate_imports_nothing_for_other_commands() -> None:
    modules = imported_by("evaluate", "nowhere.zip")
    assert "dashboard.core.evaluation.driver" in modules and not modules & NEVER
    others = ("analysis", "diagnostics", "importing", "evaluation.jobs")
    assert not [name for name in modules for other in others if name.startswith(f"dashboard.core.{other}")]


@pytest.mark.parametrize("name, module, function, line", COMMANDS)
def test_the_help_of_all_says_what_the_help_of_the_command_says(
    name: str, module: str, function: str, line: str
) -> None:
    assert lazily(f"dashboard.cli.{module}", function)().help.partition("\n\n")[0] == line


def test_every_command_is_in_the_help_of_all() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert [name for name, _, _, line in COMMANDS if f"│ {name} " not in shown or line not in shown] == []


@pytest.mark.parametrize("host", ["no such host", "256.1.1.1", "8.8.8.8"])
def test_a_server_cannot_listen_on_an_address_of_another_machine(host: str) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "dashboard", "run", "--host", host], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    said = " ".join(asked.stderr.replace("│", " ").split())
    assert asked.returncode == 2 and f"{host} is not an address of this machine" in said and "Traceback" not in said
    assert "Use 127.0.0.1 for this machine only, or 0.0.0.0 for all machines" in said


def test_a_server_does_not_pass_over_a_word_that_is_no_option() -> None:
    done = CliRunner().invoke(app, ["run", "9000"], env={"COLUMNS": "200"})
    assert done.exit_code == 2 and "'9000' is not an option" in done.output and "`--port 9000`" in done.output


def test_ctrl_c_ends_a_server_without_a_complaint(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "dashboard", "run", "--port", str(port)]
    environment = os.environ | {"DASHBOARD_DATA_DIR": str(tmp_path)}
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while "startup complete" not in log.read_text():
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 130
    finally:
        server.kill()
    assert "shutdown complete" in log.read_text() and "Aborted" not in log.read_text()
