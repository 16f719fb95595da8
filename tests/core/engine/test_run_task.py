"""What a worker answers when a task goes wrong."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from dashboard.core.engine.run_task import run_task
from dashboard.core.errors import ModelError


class ResourceExhaustedError(Exception):
    """As TensorFlow calls it."""


def test_the_result_and_the_tasks_own_faults_are_handed_on() -> None:
    fault = ModelError("It is damaged.", "Replace it.", "damaged")

    def refuse() -> None:
        raise fault

    tasks = {"add": lambda a, b: a + b, "refuse": refuse}
    assert run_task(tasks, "add", (1, 2)) == (True, 3)
    assert run_task(tasks, "refuse", ()) == (False, fault)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (ResourceExhaustedError("OOM when allocating"), "out_of_memory"),
        (ValueError("Unable to allocate 3 GiB"), "out_of_memory"),
        (KeyError("x"), "task_failed"),
    ],
)
def test_memory_that_ran_out_is_told_from_other_failures(raised: Exception, code: str) -> None:
    def fail() -> None:
        raise raised

    ok, error = run_task({"fail": fail}, "fail", ())
    assert not ok and error.code == code
    assert error.message == f"fail failed: {type(raised).__name__}: {raised}."


@pytest.mark.parametrize(
    ("number", "way_out"), [(errno.EFBIG, "`ulimit -f unlimited`"), (errno.ENOSPC, "Free some space")]
)
def test_a_full_disk_is_told_with_the_way_out(number: int, way_out: str) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    ok, error = run_task({"predict_samples": fail}, "predict_samples", ())
    assert not ok and error.code == "storage" and way_out in error.fix and "start the dashboard again" in error.fix
    assert error.message.startswith("A worker could not write a temporary file in ")
    assert error.message.endswith(f" while it was predicting images of an evaluation: {os.strerror(number)}.")


def test_numpys_own_fault_is_one_of_memory() -> None:
    ok, error = run_task({"fill": lambda: np.empty(2**50)}, "fill", ())
    assert not ok and error.code == "out_of_memory"
