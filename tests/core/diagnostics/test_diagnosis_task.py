"""The diagnosis that all sessions watch."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dashboard.core.diagnostics import diagnosis
from dashboard.core.settings import Settings


def test_a_fault_in_the_checks_is_a_report_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*services: Any) -> None:
        raise ValueError("nothing is as it should be")

    monkeypatch.setattr(diagnosis, "run_checks", refuse)
    task = diagnosis.diagnosis_task(Settings(), None, None, None)  # type: ignore[arg-type]
    task.start()
    until = time.monotonic() + 10
    while task.state.active:
        assert time.monotonic() < until
        time.sleep(0.01)
    report = task.state.result
    assert report is not None and report.status == "error"
    assert "nothing is as it should be" in report.headline
