"""The real server is killed in the middle of an evaluation and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip
from tests.e2e.dashboard_server import running_server
from tests.evaluating import evaluate

CHUNK = 16


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_killed_server_takes_up_its_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_registry: Registry, pool: WorkerPool, make_zip: MakeZip
) -> None:
    monkeypatch.setenv("DASHBOARD_MODELS_DIR", str(tiny_registry.root))
    path, version = make_zip({"cat": 350, "dog": 290}), tiny_registry.get("tiny@1")
    store, undisturbed = RunStore(tmp_path / "data" / "runs"), RunStore(tmp_path / "undisturbed")
    run_id = "interrupted"
    begin_run(plan_run(path, version), store, CHUNK, run_id).owner.release()
    with running_server(tmp_path / "data") as first:
        until(lambda: len(list(store.root.glob("*/part-*"))) >= 3)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    done = len(store.folder(run_id).rows.parts())
    assert store.folder(run_id).manifest().state == "running" and 3 <= done < 40
    with running_server(tmp_path / "data"):
        until(lambda: store.folder(run_id).manifest().state == "finished")
    expected = undisturbed.folder(evaluate(path, version, pool, undisturbed, CHUNK).run_id).load()
    found = store.folder(run_id).load()
    assert_frame_equal(found.table, expected.table, atol=1e-5)
    assert found.measured is not None and found.measured.accuracy == expected.evaluation().accuracy  # type: ignore[union-attr]
