"""`python -m dashboard report`, as scripts use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboard.cli.app import app
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from tests.reports.made_runs import pets

RUN = "20260101-000000-abc"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one run."""
    monkeypatch.setenv("DASHBOARD_DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    pets(RunStore(tmp_path / "data" / "runs"))
    return tmp_path / "data"


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def test_it_writes_one_file(data: Path, tmp_path: Path) -> None:
    done = call("report", RUN, "--out", tmp_path / "a.html", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"run_id": RUN, "state": "finished", "files": [str(tmp_path / "a.html")]}
    assert "75.0% of 4 images are predicted as labelled" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_a_folder_gets_the_same_figures_as_runs_show(data: Path, tmp_path: Path) -> None:
    assert call("report", RUN, "--out", tmp_path / "out", "--where", "true_label=dog").exit_code == 0
    shown = call("runs", "show", RUN, "--where", "true_label=dog", "--json")
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == json.loads(shown.stdout)
    assert "50.0% of 2 images" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (("20000101-000000-none",), 1, "There is no evaluation '20000101-000000-none'."),
        ((RUN, "--where", "colour=red"), 2, "There is no column 'colour'."),
        ((RUN, "--compare", "20000101-000000-none"), 1, "There is no evaluation '20000101-000000-none'."),
    ],
)
def test_what_is_wrong_is_said(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], exit_code: int, said: str
) -> None:
    done = call("report", *arguments, "--out", tmp_path / "a.md", "--json")
    assert done.exit_code == exit_code and json.loads(done.stdout)["error"]["message"] == said
    assert not (tmp_path / "a.md").exists()
