"""Runs commands that need no workers in this process, with a data folder of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from dashboard.cli.app import app
from dashboard.core.settings import get_settings


class Commands:
    """Runs commands with this data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def run(self, *arguments: str, typed: str = "", fails: bool = False) -> Result:
        get_settings.cache_clear()
        environment = {"DASHBOARD_DATA_DIR": str(self.data_dir), "DATABASE_URL": "", "COLUMNS": "200"}
        done = CliRunner().invoke(app, list(arguments), input=typed, env=environment)
        get_settings.cache_clear()
        assert (done.exit_code != 0) == fails, (done.output, done.exception)
        return done

    def json(self, *arguments: str, fails: bool = False) -> Any:
        return json.loads(self.run(*arguments, "--json", fails=fails).stdout)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    for name in [name for name in os.environ if name.startswith("DASHBOARD_")]:
        monkeypatch.delenv(name)
    yield Commands(tmp_path / "data")
    get_settings.cache_clear()
