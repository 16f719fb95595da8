from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.owner import RunOwner, is_owned, why_paused
from tests.conftest import ROOT

HOLD = "import sys, time; from pathlib import Path; from dashboard.core.runs.owner import RunOwner; owner = RunOwner(Path(sys.argv[1])); print(flush=True); time.sleep(60)"


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    assert not is_owned(tmp_path)
    owner = RunOwner(tmp_path)
    assert is_owned(tmp_path)
    with pytest.raises(DatasetError, match=f"in process {os.getpid()}") as caught:
        RunOwner(tmp_path)
    assert caught.value.code == "run_in_use"
    owner.release()
    owner.release()
    assert not is_owned(tmp_path)
    RunOwner(tmp_path).release()


def test_a_killed_process_owns_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        assert is_owned(tmp_path)
        other.kill()
        other.wait()
    RunOwner(tmp_path).release()


def test_a_child_process_does_not_inherit_it(tmp_path: Path) -> None:
    owner = RunOwner(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        owner.release()
        assert not is_owned(tmp_path)
        child.communicate(b"\n")


def test_those_who_ask_at_once_are_not_taken_for_owners(tmp_path: Path) -> None:
    RunOwner(tmp_path).release()
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda _: is_owned(tmp_path), range(400)))


def test_others_see_that_work_is_paused_and_why(tmp_path: Path) -> None:
    owner = RunOwner(tmp_path)
    assert why_paused(tmp_path) == ""
    owner.tell_paused("No space\nleft in /ö.")
    assert why_paused(tmp_path) == "No space left in /ö."
    with pytest.raises(DatasetError, match=f"in process {os.getpid()}\\."):
        RunOwner(tmp_path)
    owner.tell_paused("")
    assert why_paused(tmp_path) == ""
    owner.tell_paused("No space left.")
    owner.release()
    assert why_paused(tmp_path) is None
    owner = RunOwner(tmp_path)
    assert why_paused(tmp_path) == ""
    owner.release()
