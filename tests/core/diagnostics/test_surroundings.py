"""Checks of what lies around the dashboard: the Ray cluster, the names of settings, the database."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from dashboard.core.access.audit import AuditLog
from dashboard.core.database.database import Database
from dashboard.core.diagnostics.checks import Report
from dashboard.core.diagnostics.context import CheckContext, Records
from dashboard.core.diagnostics.database_checks import check_database
from dashboard.core.diagnostics.diagnosis import run_checks
from dashboard.core.diagnostics.settings_checks import check_settings
from dashboard.core.diagnostics.tensorflow_checks import check_cluster, check_tensorflow
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DatabaseError, WorkerError
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings
from tests.core.colour_model import make_registry


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def test_a_cluster_that_does_not_answer_is_the_reason_and_nothing_else_is_blamed(
    tmp_path: Path, inference: Inference, pool: WorkerPool, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    address = f"127.0.0.1:{closed_port}"
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path, cluster=address)
    monkeypatch.setattr(inference, "tensorflow", lambda: pytest.fail("Ray was asked"))
    report: Report = run_checks(settings, inference, make_registry(settings.models_dir), pool)
    assert [check.id for check in report.checks if check.status == "error"] == ["cluster"]
    check = report.check("cluster")
    assert check and "DASHBOARD_CLUSTER" in check.summary and "Connection refused" in check.summary
    assert "ray start" in check.fix and "network" in check.fix and "--force-reinstall" not in check.fix
    assert report.headline.startswith(f"New predictions are off: The Ray cluster at {address}")


def test_addresses_of_clusters(closed_port: int) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        for reached in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}", "auto", "local"):
            assert check_cluster(reached).status == "ok", reached
    for wrong in (f"ray://127.0.0.1:{closed_port}", "127.0.0.1:99999999", "no such host:1"):
        assert check_cluster(wrong).status == "error", wrong


def test_a_port_where_no_ray_answers_is_the_clusters_fault(
    inference: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise WorkerError(
            "The worker process cannot be started (the Ray cluster does not answer).", code="worker_unavailable"
        )

    monkeypatch.setattr(inference, "tensorflow", fail)
    check = check_tensorflow(inference, "10.0.0.9:6379")
    assert check.status == "error" and "ray start" in check.fix and "--force-reinstall" not in check.fix


def test_misspelt_settings_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [check.status for check in check_settings()] == ["ok"]
    monkeypatch.setenv("DASHBOARD_WORKRES", "3")
    [check] = check_settings()
    assert check.status == "warning" and check.summary == "DASHBOARD_WORKRES is not a setting of the dashboard"
    assert check.fix.startswith("Did you mean DASHBOARD_WORKERS?")


def context_of(settings: Settings, database: Database) -> CheckContext:
    unused: Any = None
    context = CheckContext(settings, Registry(settings.models_dir), unused, unused, ModelHealth())
    return replace(context, records=lambda: Records(database, unused, unused))


def full(connection: Any, *_: object) -> None:
    connection.execute("PRAGMA max_page_count=1")  # no page more than there are


def test_a_full_disk_is_an_error_of_the_database(sqlite_settings: Settings) -> None:
    with closing(Database(sqlite_settings)) as database:
        with database.reading() as connection:
            event.listen(connection.engine, "checkout", full)
        check = check_database(context_of(sqlite_settings, database))
        assert check.status == "error" and "full" in check.summary and "Free some" in check.fix


def test_damage_to_a_file_that_is_open_is_found_as_by_another_process(sqlite_settings: Settings) -> None:
    file = sqlite_settings.data_dir / "dashboard.sqlite3"
    with closing(Database(sqlite_settings)) as database:
        for _ in range(100):  # pages that reading and writing other tables does not need
            AuditLog(database).write("somebody", "tried", "x" * 2000, "y" * 2000)
        assert check_database(context_of(sqlite_settings, database)).status == "ok"
        with closing(sqlite3.connect(file)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with file.open("r+b") as opened:
            opened.seek(file.stat().st_size // 2 // 4096 * 4096)
            opened.write(b"\xff" * 64)
        with database.reading():
            pass  # what is open does not show it
        check = check_database(context_of(sqlite_settings, database))
        assert check.status == "error" and f"{file} is damaged" in check.summary and "database restore" in check.fix
        with pytest.raises(DatabaseError, match="The dashboard does not use it"), database.reading():
            pass


def test_the_check_leaves_nothing_in_the_database(sqlite_settings: Settings) -> None:
    with closing(Database(sqlite_settings)) as database:
        assert check_database(context_of(sqlite_settings, database)).status == "ok"
        with database.reading() as connection:
            assert connection.execute(text("SELECT COUNT(*) FROM cached_answers")).scalar_one() == 0
