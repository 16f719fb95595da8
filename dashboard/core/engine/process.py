"""One worker process and our end of its pipe."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Pipe
from typing import IO, Any

import psutil

from dashboard.core.engine.contract import IMPORTING, OUT_OF_MEMORY, TOO_SLOW
from dashboard.core.engine.system import PipeEnd, oom_kills, start_with_pipe
from dashboard.core.engine.task_words import in_words
from dashboard.core.engine.worker import WorkerDied
from dashboard.core.shell import ROOT

_WINDOWS_FAULTS = {0xC0000005: "SIGSEGV", 0xC000001D: "SIGILL"}  # exit codes of processes that Windows ended
GRACE_S = 2.0  # seconds that a worker with a closed pipe has to end, so that its exit code is known

Start = Callable[[PipeEnd, IO[bytes], Mapping[str, str]], psutil.Process]
"""Starts a worker with its end of the pipe, its log and its environment. May raise OSError or WorkerDied."""


def interpreter(command: Sequence[str]) -> Start:
    """Starts each worker as an interpreter of its own: `command` and the number of its end of the pipe.

    Children of `multiprocessing` would run the page script again, because Streamlit installs it as `__main__`.
    """

    def start(pipe: PipeEnd, log: IO[bytes], environment: Mapping[str, str]) -> psutil.Process:
        return start_with_pipe(command, pipe, environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    return start


class WorkerProcess:
    """Starts a worker, gives it one task at a time, and ends it."""

    def __init__(self, start: Start, threads: int) -> None:
        """Raises OSError or WorkerDied when no process can be started."""
        self._pipe, theirs = Pipe()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        # TensorFlow writes traced code into files there; a killed process leaves them behind
        self._scratch = tempfile.TemporaryDirectory(prefix="dashboard-worker-", ignore_cleanup_errors=True)
        self._overran = self._begun = False
        self._oom_kills = oom_kills()  # before what the worker does now
        self._ending = threading.Lock()
        self._returncode: int | None = None
        environment = {
            **os.environ,
            "DASHBOARD_WORKER_THREADS": str(threads),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), self._scratch.name),  # the first on POSIX, the others on Windows
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }
        try:
            self._process = start(theirs, self._log, environment)
        except BaseException:
            self._pipe.close()
            self._free()
            raise
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """The process id, also after the process has ended."""
        return self._process.pid

    @property
    def memory_bytes(self) -> int | None:
        """Resident memory; None if the process has ended, or if it is unknown."""
        with contextlib.suppress(psutil.Error, OSError, ValueError):  # the system may not let /proc be read
            return int(self._process.memory_info().rss)
        return None

    @property
    def alive(self) -> bool:
        """True if the process has not ended."""
        return not self._ends_within(0)

    def wait_until_ready(self, limit_s: float) -> None:
        """Waits until the worker has imported TensorFlow. Raises WorkerDied if it ends or takes too long."""
        with self._limited(limit_s, IMPORTING):
            self._pipe.recv()

    def run(self, task: str, args: tuple[Any, ...], limit_s: float) -> Any:
        """The task's result. Raises the task's own error, or WorkerDied."""
        with self._limited(limit_s, in_words(task)):
            # `send` keeps a view of a BytesIO, which Python 3.13 complains about if the worker dies while it is sent to
            self._pipe.send_bytes(pickle.dumps((task, args)))
            self._pipe.recv()  # it has arrived
            self._begun = True
            ok, value = self._pipe.recv()
        if ok:
            return value
        raise value

    @contextlib.contextmanager
    def _limited(self, limit_s: float, doing: str) -> Iterator[None]:
        """Kills the worker after the limit. This also ends a read or write that blocks on its pipe."""
        self._begun, self._oom_kills = False, oom_kills()
        timer = threading.Timer(limit_s, self._overrun)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:  # OSError: the worker died in the middle of its answer
            how = f"{TOO_SLOW} {limit_s:.0f} s" if self._overran else self.how_it_ended()
            signal_name = None if self._overran else signal_in(self._returncode)
            raise WorkerDied(f"{how} while {doing}", self._begun, self._overran, signal_name) from error
        finally:
            timer.cancel()

    def _overrun(self) -> None:
        self._overran = True
        self.kill()

    def how_it_ended(self) -> str:
        """The signal that ended the process, or its exit code and the last line that it wrote."""
        self.kill(GRACE_S)
        how = how_it_ended(self._returncode, self._log)
        by_system = signal_in(self._returncode) == "SIGKILL" and oom_kills() > self._oom_kills
        return f"{how} ({OUT_OF_MEMORY})" if by_system else how

    def _ends_within(self, seconds: float | None) -> bool:
        """True if the process has ended. Only one thread may collect the exit code."""
        with self._ending:
            if self._returncode is None:
                try:
                    self._returncode = self._process.wait(seconds) or 0
                except psutil.TimeoutExpired:
                    return False
            return True

    def kill(self, grace_s: float = 0.0) -> None:
        """Kills the worker unless it ends within the grace period."""
        if not self._ends_within(grace_s):
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.kill()
            self._ends_within(None)

    def close(self) -> None:
        """Kills the worker and frees its resources in this process."""
        self._pipe.close()
        self.kill()
        self._free()

    def _free(self) -> None:
        self._log.close()
        self._scratch.cleanup()


def how_it_ended(returncode: int | None, log: IO[bytes]) -> str:
    """Completes "The process ...": the signal that killed it, or its exit code and the last line that it wrote."""
    if signal_name := signal_in(returncode):
        return f"was killed by {signal_name}"
    log.seek(0)
    last = log.read().decode(errors="replace").strip().splitlines()[-1:]
    how = f"exited with code {returncode}"
    return f"{how} ({last[0][:300]})" if last else how


def signal_in(returncode: int | None) -> str | None:
    """The name of the signal that ended a process; None if no signal did."""
    if returncode in _WINDOWS_FAULTS:
        return _WINDOWS_FAULTS[returncode]
    if returncode is None or returncode >= 0:
        return None
    try:
        return signal.Signals(-returncode).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-returncode}"
