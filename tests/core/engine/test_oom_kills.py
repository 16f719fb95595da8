"""Where the kernel counts the processes that it killed because memory ran out."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.core.engine.system import oom_kills
from dashboard.core.engine.worker import why_killed


@pytest.mark.parametrize(
    ("groups", "counter", "line"),
    [
        ("0::/system.slice/dashboard.service\n", "sys/fs/cgroup/system.slice/dashboard.service/memory.events", "oom_kill 3"),
        ("0::/docker/12ab\n", "sys/fs/cgroup/memory.events", "low 0\nhigh 0\noom 9\noom_kill 3\noom_group_kill 0"),
        ("5:cpu:/\n4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.oom_control", "under_oom 0\noom_kill 3"),
        ("4:hugetlb,memory:/docker/12ab\n", "sys/fs/cgroup/memory/memory.oom_control", "oom_kill 3"),
    ],
)  # fmt: skip
def test_those_of_the_own_group_count_and_not_those_of_the_machine(
    tmp_path: Path, groups: str, counter: str, line: str
) -> None:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    assert oom_kills(tmp_path) == 0
    (tmp_path / "proc" / "vmstat").write_text("nr_free_pages 9\noom_kill 70\n")
    (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    assert oom_kills(tmp_path) == 70
    (tmp_path / counter).parent.mkdir(parents=True)
    (tmp_path / counter).write_text(f"{line}\n")
    assert oom_kills(tmp_path) == 3


def test_what_is_not_known_is_said_as_a_possibility() -> None:
    why, fix = why_killed("was killed by SIGKILL while predicting")
    assert why.startswith("memory may have run out") and fix.startswith("If memory ran out: ")
    why, fix = why_killed("was killed by SIGKILL (memory ran out) while predicting")
    assert why == "memory ran out" and fix.startswith("Give it more memory") and "DASHBOARD_WORKERS" in fix
