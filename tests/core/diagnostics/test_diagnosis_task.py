"""The diagnosis that all sessions watch: what it says while it runs, and when it is made again. Workers are really killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.diagnostics import diagnosis
from dashboard.core.diagnostics.context import CheckContext
from dashboard.core.diagnostics.diagnosis import Diagnosis
from dashboard.core.diagnostics.run import Diagnosing
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.facts import ModelFacts, TensorFlowFacts
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from tests.core.colour_model import make_registry
from tests.worker.hostile_worker import COMMAND


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


class Facts(Inference):
    """Answers at once, or when `go_on` is set."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.go_on.set()

    def tensorflow(self) -> TensorFlowFacts:
        assert self.go_on.wait(20)
        return TensorFlowFacts("2.21", "3.13", False, (), (), 1, 1.0)

    def describe(self, version: ModelVersion) -> ModelFacts:
        return ModelFacts((None, 8, 8, 3), (None, 4), 16, 3, 0.1, 1.0, 1000.0, "float32", ())


@pytest.fixture
def one() -> Iterator[WorkerPool]:
    pool = WorkerPool(1, command=COMMAND)
    yield pool
    pool.close()


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return make_registry(tmp_path / "models")


@pytest.fixture
def made(tmp_path: Path, registry: Registry, one: WorkerPool) -> tuple[Diagnosis, Facts]:
    (tmp_path / "data" / "samples").mkdir(parents=True)
    settings, facts = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", max_upload_mb=1), Facts()
    return Diagnosis(settings, facts, registry, one, ModelHealth()), facts


def ended(task: Diagnosis) -> None:
    until(lambda: not task.active, "the checks to end")


def status(task: Diagnosis, check_id: str) -> str:
    report = task.report()
    check = report.check(check_id) if report else None
    return check.status if check else ""


def test_what_needs_no_tensorflow_is_known_before_it_answers(made: tuple[Diagnosis, Facts]) -> None:
    task, facts = made
    assert task.report() is None
    facts.go_on.clear()
    task.start()
    for check_id in ("python", "model.colour@1.file", "model.active", "storage.writable", "storage.space"):
        until(lambda each=check_id: status(task, each) == "ok", check_id)
    report = task.report()
    assert report is not None and report.headline.startswith("Checking, ")
    for check_id in ("tensorflow", "model.colour@1.load", "model.colour@1.self_test"):
        assert status(task, check_id) == "checking"
    done, total = task.progress
    assert 0 < done < total
    facts.go_on.set()
    ended(task)
    report = task.report()
    assert report is not None and not report.checking and status(task, "model.colour@1.load") == "ok"


def test_the_log_in_is_under_way_only_where_secrets_may_have_it(
    tmp_path: Path, registry: Registry, one: WorkerPool
) -> None:
    settings, secrets = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data"), tmp_path / "secrets.toml"
    files = (str(tmp_path / "missing.toml"), str(secrets))
    for text, is_told in ((None, False), ('key = "of another"', False), ('[auth]\nclient_id = "x"', True)):
        if text:
            secrets.write_text(text)
        context = CheckContext(settings, registry, Facts(), one, ModelHealth(), secrets_files=files)
        report = Diagnosing(context).report()
        assert report.checking and bool(report.of("login")) == is_told


def test_a_second_diagnosis_shows_the_first_until_it_knows_better(made: tuple[Diagnosis, Facts]) -> None:
    task, facts = made
    task.start()
    ended(task)
    facts.go_on.clear()
    task.start()
    assert status(task, "tensorflow") == status(task, "model.colour@1.load") == "ok"
    facts.go_on.set()
    ended(task)


def test_what_was_found_in_a_file_is_forgotten_when_it_changes(
    made: tuple[Diagnosis, Facts], registry: Registry
) -> None:
    task, facts = made
    task.start()
    ended(task)
    assert task.why_again() == ""
    file = registry.get().file
    file.write_bytes(file.read_bytes()[:500])
    assert task.why_again() == "a model was changed"
    facts.go_on.clear()
    task.start()
    until(lambda: status(task, "model.colour@1.file") == "error", "the damage")
    assert status(task, "model.colour@1.load") == "checking"
    facts.go_on.set()
    ended(task)
    assert status(task, "model.colour@1.load") == "skipped"
    report = task.report()
    assert report is not None and report.headline.startswith("colour@1 is off: model.keras is cut off")


def test_a_killed_worker_is_seen_at_once_and_checked_again(
    made: tuple[Diagnosis, Facts], one: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _ = made
    until(lambda: one.workers()[0].state == "idle", "the worker")
    task.start()
    ended(task)
    assert status(task, "worker.0") == "ok" and task.why_again() == ""
    os.kill(one.workers()[0].pid or 0, signal.SIGKILL)
    until(lambda: status(task, "worker.0") in ("error", "warning"), "the death")
    report = task.report()
    assert report is not None and report.headline != "Everything works"
    until(lambda: one.workers()[0].restarts, "the restart")
    monkeypatch.setattr(diagnosis, "REST_S", 0.0)
    assert task.why_again() == "a worker died"
    task.start()
    ended(task)
    assert task.why_again() == ""
    monkeypatch.setattr(diagnosis, "AGAIN_S", 0.0)
    assert "5 minutes" in task.why_again()


def test_a_fault_in_the_checks_is_a_report_too(made: tuple[Diagnosis, Facts], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise ValueError("nothing is as it should be")

    monkeypatch.setattr(diagnosis, "Diagnosing", refuse)
    task, _ = made
    task.start()
    ended(task)
    report = task.report()
    assert report is not None and report.status == "error"
    assert "nothing is as it should be" in report.headline
