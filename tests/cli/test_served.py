"""Commands that use the workers of a running dashboard. A real server, and commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, MakeZip
from tests.core.engine.test_pool import until
from tests.e2e.dashboard_server import running_server

FROG, NEVER_ASKED = sorted((ROOT / "data" / "samples" / "frog").glob("*.png"))[:2]  # the answer to one is stored soon
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def served() -> Iterator[Command]:
    """A dashboard, and a function that runs commands which cannot start workers of their own."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)

        def command(*arguments: str) -> subprocess.CompletedProcess[str]:
            environment = {**os.environ, "DASHBOARD_DATA_DIR": str(data), "DASHBOARD_WORKER_START_S": "0.01"}
            return subprocess.run(
                [sys.executable, "-m", "dashboard", *arguments],
                cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240,
            )  # fmt: skip

        data = Path(folder) / "data"
        data.mkdir()
        with running_server(data):
            until(lambda: list(Path(folder).rglob("*.sock")), "the dashboard to offer its workers", 120)
            yield command


def test_predict_explain_and_evaluate_use_the_workers_of_the_dashboard(
    served: Command, tmp_path: Path, make_zip: MakeZip
) -> None:
    done = served("predict", str(FROG), "--json")
    assert json.loads(done.stdout)[0]["predicted_label"] == "frog", done.stderr
    done = served("explain", str(FROG), "--out", str(tmp_path / "map.png"))
    assert done.returncode == 0 and (tmp_path / "map.png").exists(), done.stderr
    done = served("evaluate", str(make_zip({"cat": 20, "dog": 20})), "--json")
    assert json.loads(done.stdout)["n_images"] == 40, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("predict", str(NEVER_ASKED), "--local"), ("evaluate", str(ROOT / "data" / "samples"), "--workers", "1")],
)
def test_own_workers_when_they_are_asked_for(served: Command, arguments: tuple[str, ...]) -> None:
    done = served(*arguments, "--json")
    assert done.returncode == 1 and "did not answer within 0 s" in done.stdout


def test_a_dashboard_with_other_settings_is_not_used(served: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_PRECISION", "float32")
    done = served("predict", str(FROG), "--json")
    assert done.returncode == 1 and "did not answer within 0 s" in done.stdout
