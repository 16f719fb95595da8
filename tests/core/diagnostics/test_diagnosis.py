import errno
import os
import tempfile
from datetime import datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from dashboard.core.access.password import Password
from dashboard.core.diagnostics import report_text, run
from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.diagnostics.diagnosis import run_checks
from dashboard.core.diagnostics.groups import GROUPS, CheckGroup
from dashboard.core.diagnostics.storage_checks import check_password, check_space, check_writable, free_mib
from dashboard.core.diagnostics.tensorflow_checks import check_tensorflow
from dashboard.core.diagnostics.worker_checks import check_worker, check_workers
from dashboard.core.engine.contract import WorkerStatus
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DependencyError, WorkerError
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings
from dashboard.schemas.diagnostics import ReportRecord
from tests.core.colour_model import make_registry, make_samples


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    make_samples(tmp_path / "data" / "samples")
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", max_upload_mb=1)


def test_all_that_works(settings: Settings, inference: Inference, pool: WorkerPool) -> None:
    said: list[str] = []
    report = run_checks(settings, inference, make_registry(settings.models_dir), pool, said.append)
    assert [c.summary for c in report.checks if c.status == "error"] == []
    assert report.off == ""
    assert report.active_model == "colour@1"
    ids = [check.id for check in report.checks]
    assert len(ids) == len(set(ids))
    assert {
        "python", "package.tensorflow", "tensorflow", "model.colour@1.file", "model.colour@1.load",
        "model.colour@1.self_test", "model.active", "worker.0", "storage.writable", "storage.space",
    } <= set(ids)  # fmt: skip
    assert any("TensorFlow" in line for line in said)
    assert any("colour@1" in line for line in said)
    assert list(ReportRecord.of(report).as_json()["checks"][0]) == ["id", "status", "summary", "fix"]


def test_tensorflow_is_described_as_its_worker_found_it(inference: Inference) -> None:
    check = check_tensorflow(inference)
    assert check.status == "ok"
    assert "TensorFlow 2." in check.summary
    assert check.detail("GPUs") == "none"  # the tests hide them
    assert float(check.detail("Import took").removesuffix(" s")) > 0


def test_a_broken_active_model_is_off(settings: Settings, inference: Inference, pool: WorkerPool) -> None:
    registry = make_registry(settings.models_dir)
    file = registry.get("colour@1").file
    file.write_bytes(file.read_bytes()[:1000])
    report = run_checks(settings, inference, registry, pool)
    assert report.status == "error"
    assert report.headline.startswith("colour@1 is off: model.keras is cut off")


def test_a_broken_model_beside_a_sound_one_leaves_predictions_on(
    settings: Settings, inference: Inference, pool: WorkerPool
) -> None:
    make_registry(settings.models_dir, name="broken").get("broken@1").file.unlink()
    make_registry(settings.models_dir)
    report = run_checks(settings, inference, Registry(settings.models_dir, "colour"), pool)
    assert report.status == "error"
    assert report.off == ""
    assert report.headline == "1 error: broken@1: model.keras is missing"


def test_the_active_model_is_named_before_others(settings: Settings, inference: Inference, pool: WorkerPool) -> None:
    make_registry(settings.models_dir, name="a", scaling="1/255")
    make_registry(settings.models_dir, name="b", scaling="1/255")
    make_registry(settings.models_dir, name="c").get("c@1").file.unlink()
    report = run_checks(settings, inference, Registry(settings.models_dir, "b"), pool)
    assert report.headline.startswith("3 errors, the first: b@1 predicts 'dark' for 100% of the samples")


def test_no_model_turns_predictions_off(settings: Settings, inference: Inference, pool: WorkerPool) -> None:
    report = run_checks(settings, inference, Registry(settings.models_dir), pool)
    assert report.headline.startswith("Predictions are off: There is no model in")


def test_a_choice_that_cannot_be_read_is_off_and_has_a_fix(
    settings: Settings, inference: Inference, pool: WorkerPool
) -> None:
    registry = make_registry(settings.models_dir)
    (settings.models_dir / "active.json").write_text('{"mo')
    report = run_checks(settings, inference, registry, pool)
    assert report.headline.startswith("Predictions without a named model are off: Which model is active is not known")
    check = report.check("model.active")
    assert check and check.status == "error" and "python -m dashboard models use NAME" in check.commands
    assert "colour@1" in check.fix


class BrokenTensorFlow(Inference):
    """An Inference whose workers found what `error` says."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def tensorflow(self):  # type: ignore[no-untyped-def]
        raise self.error


@pytest.mark.parametrize(
    ("error", "in_summary", "in_fix"),
    [
        (DependencyError("TensorFlow is not installed.", "Run `a b`.", "tensorflow_missing"), "not installed", "a b"),
        (DependencyError("It cannot be imported: ImportError: x.", "Run `a b`.", "tensorflow_broken"), "ImportError", "a b"),
        (WorkerError("The worker was killed by SIGILL.", signal="SIGILL"), "lacks instructions", "AVX"),
        (WorkerError("The worker was killed by SIGKILL.", signal="SIGKILL"), "memory may have run out", "If memory ran out: give it more memory, or use one worker: `export DASHBOARD_WORKERS=1"),
        (WorkerError("The worker was killed by SIGKILL (memory ran out).", signal="SIGKILL"), "(memory ran out)", "Give it more memory"),
        (WorkerError("The worker was killed by SIGSEGV.", signal="SIGSEGV"), "SIGSEGV", "--force-reinstall"),
        (WorkerError("It exited (a library told of SIGILL)."), "exited", "--force-reinstall"),
        (WorkerError("The worker did not answer within 120 s.", overran=True), "did not answer", "DASHBOARD_WORKER_START_S=600"),
    ],
)  # fmt: skip
def test_each_way_to_fail_has_a_command(error: Exception, in_summary: str, in_fix: str) -> None:
    check = check_tensorflow(BrokenTensorFlow(error))
    assert check.status == "error"
    assert in_summary in check.summary
    assert in_fix in check.fix
    assert check.commands


def test_the_checks_of_a_group_that_stop_leave_the_others(settings: Settings, pool: WorkerPool, tmp_path: Path) -> None:
    # a ValueError is what no check expects
    report: Report = run_checks(
        settings, BrokenTensorFlow(ValueError("gone")), make_registry(tmp_path / "m"), BrokenPool()
    )
    found = {check.id: check for check in report.checks if check.status == "error"}
    assert set(found) == {"tensorflow", "workers.stopped"}
    assert "could not be checked. ValueError: gone" in found["tensorflow"].summary
    assert "ValueError: no workers" in found["workers.stopped"].summary
    assert report.check("storage.space") is not None


def test_the_groups_come_in_order_and_every_check_belongs_to_its_own(
    settings: Settings, inference: Inference, pool: WorkerPool
) -> None:
    report = run_checks(settings, inference, make_registry(settings.models_dir), pool)
    ids = [group.id for group in GROUPS if group.id != "login"]  # nobody has to log in here
    assert [group for group, _ in groupby(check.group for check in report.checks)] == ids
    assert len(set(ids)) == len(ids)
    assert all(check.checked_utc for check in report.checks) and not report.checking


def test_a_group_of_checks_is_one_row(
    settings: Settings, inference: Inference, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checks(context: CheckContext) -> list[Check]:
        return [Check("toy.workers", "toys", "ok", f"{context.engine.size} worker, {context.tensorflow_works}")]

    def steps(context: CheckContext) -> list[Step]:
        return [Step("toy.workers", "toys", "the toys", checks, on_worker=True)]

    row = CheckGroup("toys", "Toys", steps)
    for module in (run, report_text):
        monkeypatch.setattr(module, "GROUPS", (*GROUPS, row))
    text = report_text.report_as_text(run_checks(settings, inference, make_registry(settings.models_dir), pool))
    assert text.endswith("\nToys\n  ok       1 worker, True\n")


class BrokenPool(WorkerPool):
    def __init__(self) -> None:
        pass

    def workers(self) -> list[WorkerStatus]:
        raise ValueError("no workers")


def test_a_worker_is_shown_as_the_system_sees_it(pool: WorkerPool, inference: Inference) -> None:
    inference.tensorflow()
    [worker] = pool.workers()
    check = check_worker(worker, tensorflow_works=True)
    process = psutil.Process(int(check.detail("Process")))
    assert process.name() == "dash-worker"
    assert float(check.detail("Memory").removesuffix(" MiB").replace(",", "")) > 100


@pytest.mark.parametrize(
    ("state", "restarts", "status", "words"),
    [
        ("idle", 0, "ok", "is ready"),
        ("starting", 0, "ok", "is starting"),
        ("starting", 1, "warning", "is restarting: it was killed by SIGKILL"),
        ("died", 0, "error", "died and is being replaced"),
        ("busy", 1, "warning", "is busy: predicting, after 1 restart because"),
        ("idle", 3, "warning", "is ready, after 3 restarts, the last because it was killed by SIGKILL"),
        ("failed", 3, "error", "does not start: it was killed by SIGKILL"),
    ],
)
def test_restarts_and_failures_of_a_worker(state: str, restarts: int, status: str, words: str) -> None:
    worker = WorkerStatus(1, state, None, None, restarts, 0, "was killed by SIGKILL", doing="predicting")
    check = check_worker(worker, tensorflow_works=True)
    assert (check.id, check.status) == ("worker.1", status)
    assert words in check.summary
    assert bool(check.fix) == (status != "ok")
    assert check_worker(worker, tensorflow_works=False).status == "skipped"


def test_a_worker_that_died_long_ago_is_no_warning() -> None:
    times = [datetime.now(timezone.utc) - timedelta(minutes=m) for m in (9, 11)]
    found = [
        check_worker(WorkerStatus(0, "idle", 1, 1, 1, 0, "exited with code 3", at.isoformat()), True) for at in times
    ]
    assert [check.status for check in found] == ["warning", "ok"]
    assert all("after 1 restart because it exited with code 3" in check.summary for check in found)


@pytest.mark.parametrize(
    ("fault", "free_mib", "is_named"),
    [
        ("was killed by SIGKILL while idle", 17_000, False),
        ("was killed by SIGKILL while idle", 100, True),
        ("was killed by SIGKILL (memory ran out) while idle", 17_000, True),
    ],
)
def test_memory_is_named_only_if_it_may_be_the_cause(
    fault: str, free_mib: int, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=free_mib * 2**20))
    for state in ("idle", "starting", "died", "failed"):
        check = check_worker(WorkerStatus(0, state, 1, 1, 1, 0, fault), tensorflow_works=True)
        assert ("DASHBOARD_WORKERS=1" in check.fix) == is_named
        assert ("memory" in f"{check.summary} {check.fix}") == is_named


@pytest.mark.parametrize(
    ("fault", "fix"),
    [
        ("was killed by SIGKILL while idle", "log of the system of 29 Nov 2026, 10:00 UTC, on Linux"),
        ("was killed by SIGSEGV while predicting", "pip install --force-reinstall"),
        ("exited with code 3 (ImportError: numpy) while idle", "pip install --force-reinstall"),
        ("did not answer within 120 s while predicting", "DASHBOARD_TASK_S"),
        ("did not answer within 120 s while importing TensorFlow", "DASHBOARD_WORKER_START_S"),
        ("was not started, because its template did not answer within 20 s and was replaced", "DASHBOARD_FORK=never"),
    ],
)
def test_each_end_of_a_worker_has_a_way_out_of_its_own(fault: str, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=2**34))
    worker = WorkerStatus(0, "died", 1, 1, 1, 0, fault, "2026-11-29T10:00:00+00:00")
    assert fix in check_worker(worker, tensorflow_works=True).fix


def test_where_psutil_fails_the_checks_say_so(monkeypatch: pytest.MonkeyPatch, pool: WorkerPool) -> None:
    def refuse() -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    found = check_workers(pool, tensorflow_works=True)
    assert found[-1].status == "warning" and "/proc/meminfo" in found[-1].summary
    [stopped, _] = check_workers(BrokenPool(), tensorflow_works=True)
    assert stopped.status == "error" and "ValueError: no workers" in stopped.summary


def test_a_data_folder_that_cannot_be_listed_is_one_failed_check(
    settings: Settings, pool: WorkerPool, inference: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = make_registry(settings.models_dir)

    def refuse() -> None:
        raise OSError(5, "Input/output error", str(settings.models_dir))

    monkeypatch.setattr(registry, "entries", refuse)
    report = run_checks(settings, inference, registry, pool)
    assert [check.id for check in report.checks if check.status == "error"] == ["models.stopped"]
    assert "Input/output error" in report.headline


def test_storage(tmp_path: Path) -> None:
    assert check_writable([tmp_path / "new", tmp_path / "new" / "runs"]).status == "ok"
    assert list((tmp_path / "new").iterdir()) == []
    assert free_mib(tmp_path / "nowhere" / "data") > 0


def test_a_data_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert check_writable([tmp_path / "file" / "data"]).status == "error"
    assert free_mib(tmp_path / "file" / "data") > 0
    (tmp_path / "runs").write_text("in the way")
    found = check_writable([tmp_path, tmp_path / "runs"])
    assert found.status == "error" and f"{tmp_path / 'runs'} cannot be written to" in found.summary


def test_a_data_folder_that_cannot_be_entered_is_told_first(
    tmp_path: Path, inference: Inference, pool: WorkerPool
) -> None:
    data = tmp_path / "data"
    data.touch()
    models = tmp_path / "models"
    registry = make_registry(models)
    (models / "active.json").write_text("damaged")
    report = run_checks(Settings(models_dir=models, data_dir=data), inference, registry, pool)
    assert report.headline == f"Pages and HTTP API are off: The data folder {data} cannot be entered: Not a directory"
    check = report.check("storage.writable")
    assert check and check.status == "error" and check.summary in report.headline and "DASHBOARD_DATA_DIR" in check.fix


def test_the_password_is_checked_if_one_is_set(settings: Settings) -> None:
    assert check_password(settings) == []
    Password(settings).set("a long password")
    assert [check.status for check in check_password(settings)] == ["ok"]
    file = settings.data_dir / "password.txt"
    file.write_text("damaged")
    [damaged] = check_password(settings)
    file.unlink()
    file.mkdir()
    [folder] = check_password(settings)
    for check in (damaged, folder):
        assert check.status == "error" and str(file) in check.summary and "dashboard password`" in check.fix


@pytest.mark.parametrize(
    ("code", "fix"), [(errno.ENOSPC, "Free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "permission")]
)
def test_the_fix_for_the_data_folder_fits_what_the_system_said(
    code: int, fix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = check_writable([tmp_path])
    assert found.status == "error" and os.strerror(code) in found.summary
    assert found.fix.startswith(("Free", "Mount", "Give")) and fix in found.fix and "DASHBOARD_DATA_DIR" in found.fix


@pytest.mark.parametrize(("free_mib", "status"), [(3000, "ok"), (2048, "ok"), (2047, "warning"), (199, "error")])
def test_room_for_an_upload(tmp_path: Path, free_mib: int, status: str) -> None:
    check = check_space(tmp_path, free_mib, max_upload_mb=2048)
    assert check.status == status
    assert bool(check.commands) == (status != "ok")
