"""What processes need that operating systems do differently. Only this file and `core.shell` ask which one this is.

`sys.platform` is compared in full each time, because type checkers understand that.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as PipeEnd
else:
    from multiprocessing.connection import Connection as PipeEnd

__all__ = ["CAN_FORK", "PipeEnd", "limit_memory", "lower_priority", "oom_kills", "open_inherited", "start_with_pipe"]

CAN_FORK = sys.platform == "linux"  # macOS: a fork of a process that used the system's frameworks may crash
_NICENESS = 5


def start_with_pipe(
    command: Sequence[str], pipe: PipeEnd, environment: Mapping[str, str], **options: Any
) -> psutil.Popen:
    """Starts a process that inherits one end of a pipe and no other file. Its last argument is the pipe's number.

    Args:
        options: further arguments of `subprocess.Popen`.

    Raises:
        OSError: the process cannot be started.
    """
    number, command = pipe.fileno(), [*command, str(pipe.fileno())]
    if sys.platform == "win32":
        os.set_handle_inheritable(number, True)
        options["startupinfo"] = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [number]})
        base: str = getattr(sys, "_base_executable", sys.executable)
        if command[0] == sys.executable != base:
            # python.exe of a virtual environment only starts another process; as multiprocessing.popen_spawn_win32
            command[0], environment = base, {**environment, "__PYVENV_LAUNCHER__": sys.executable}
    else:
        options["pass_fds"] = [number]
    return psutil.Popen(command, env=environment, **options)


def open_inherited(number: int) -> PipeEnd:
    """The end of a pipe that this process has inherited, see `start_with_pipe`."""
    return PipeEnd(number)


def lower_priority() -> None:
    """Lets other processes go first: the pages stay quick while workers import TensorFlow or compute."""
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        process.nice(process.nice() + _NICENESS)


def oom_kills(root: Path = Path("/")) -> int:
    """How many processes the kernel has killed because memory ran out; 0 if it does not say.

    Those in the control group of this process, which workers share, else all of this machine: another container's do not
    count.

    Args:
        root: has `proc` and `sys`.
    """
    for file in _oom_counters(root):
        with contextlib.suppress(OSError, ValueError):
            for line in file.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _oom_counters(root: Path) -> Iterator[Path]:
    """Files with a line `oom_kill COUNT`, the best first. In a container, its own group may be mounted as the top one."""
    groups = root / "sys" / "fs" / "cgroup"
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc" / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:  # version 2, see https://docs.kernel.org/admin-guide/cgroup-v2.html
                yield from (groups / path.strip("/") / "memory.events", groups / "memory.events")
            elif "memory" in controllers.split(","):
                of_memory = groups / "memory"
                yield from (of_memory / path.strip("/") / "memory.oom_control", of_memory / "memory.oom_control")
    yield root / "proc" / "vmstat"


def limit_memory(more_bytes: int) -> bool:
    """Limits the memory of this process to its present size plus `more_bytes`. False if the system has no such limit.

    Only private writable memory counts (RLIMIT_DATA): TensorFlow reserves gigabytes of addresses that it never uses.
    """
    if sys.platform != "linux":
        return False
    import resource

    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(x for x in status.splitlines() if x.startswith("VmData"))
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = int(line.split()[1]) * 1024 + more_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
    except (OSError, ValueError, StopIteration):
        return False
    return True
