"""A template process, which has imported TensorFlow and forks the workers.

A fork takes a few milliseconds and shares the template's memory, where an interpreter of its own imports TensorFlow for
several seconds. The template keeps a spare, a fork of itself, so that its own death costs no import either.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import pickle
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import IO

import psutil

from dashboard.core.engine.contract import TOO_SLOW
from dashboard.core.engine.process import GRACE_S, how_it_ended, signal_in
from dashboard.core.engine.system import PipeEnd
from dashboard.core.engine.worker import WorkerDied
from dashboard.core.shell import ROOT

COMMAND = (sys.executable, "-m", "dashboard.worker.template")
FORK_S = 20.0  # seconds that a fork may take; it takes milliseconds
_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>
ONE_THREAD = {  # a fork copies only the calling thread, so the template must not have others
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


class NotSafeToFork(Exception):
    """Workers must be started as interpreters of their own: the template has several threads, or cannot pass them on."""


class _Process:
    """A running template and our end of its control socket."""

    def __init__(self, control: socket.socket, process: psutil.Process) -> None:
        self.control, self.process = control, process

    @property
    def alive(self) -> bool:
        """False once the process has ended: it alone holds the other end."""
        if sys.platform == "win32":
            return False
        poll = select.poll()
        poll.register(self.control, 0)
        return not poll.poll(0)

    def end(self) -> int | None:
        """Ends the process and returns its exit code."""
        self.control.close()
        try:
            return self.process.wait(GRACE_S)
        except psutil.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def kill(self) -> None:
        """Ends a process that does not answer."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.kill()
        self.end()


class Template:
    """Starts the template process with the first fork, and again when it has died. Thread-safe."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._active: _Process | None = None
        self._spare: _Process | None = None
        self._starting: _Process | None = None
        self._log: IO[bytes] = io.BytesIO()  # of the template and its spare; a file once one was started
        self.unsafe = False  # forking was tried and is not safe here

    def processes(self) -> list[int]:
        """The process ids of the template and its spare, also of one that is still importing."""
        return [each.process.pid for each in (self._starting, self._active, self._spare) if each]

    def begin(self) -> None:
        """Starts the template without waiting for its import, so that the first fork waits less."""
        with self._lock, contextlib.suppress(OSError, NotSafeToFork):  # the first fork raises it
            if not self._active and not self._starting:
                self._starting = self._spawn(os.environ)

    def fork(self, pipe: PipeEnd, log: IO[bytes], environment: Mapping[str, str], limit_s: float) -> psutil.Process:
        """A new worker, which is a child of this process. Waits for the template's import.

        Args:
            pipe: the worker's end of its pipe.
            log: the worker's output.
            environment: the worker's environment variables.
            limit_s: seconds that the template may take to import TensorFlow.

        Raises:
            WorkerDied: the template cannot be started, or ended before it answered.
            NotSafeToFork: see there; then `unsafe` is True from now on.
            OSError: the system starts no process.
        """
        with self._lock:
            active = self._active = self._living() or self._start(environment, limit_s)
            try:
                worker = _ask(active, "worker", pipe, log, environment)
            except TimeoutError:
                self._replace()
                how = f"was not started, because its template {TOO_SLOW} {FORK_S:.0f} s and was replaced"
                raise WorkerDied(how, overran=True) from None
            except (OSError, EOFError) as error:  # not asked again with this pipe: a worker may hold it already
                self._active, code = None, active.end()
                how = f"was not started, because its template {how_it_ended(code, self._log)}"
                raise WorkerDied(how, signal=signal_in(code)) from error
            with contextlib.suppress(OSError, EOFError):  # the next fork finds out
                self._keep_spare(active, environment)
            return worker

    def close(self) -> None:
        """Ends the template for good. Its workers go on."""
        with self._lock:
            for each in (self._active, self._spare, self._starting):
                if each:
                    each.end()
            self._active = self._spare = self._starting = None
            self._log.close()

    def _replace(self) -> None:
        """Ends the template, which hangs, and its spare, which most likely hangs too and would have to be waited for."""
        for each in (self._active, self._spare):
            if each:
                each.kill()
        self._active = self._spare = None

    def _living(self) -> _Process | None:
        """The template or its spare, whichever is alive."""
        for each in (self._active, self._spare):
            if each and each.alive:
                if each is self._spare:
                    self._spare = None
                return each
            if each:
                each.end()
        self._active = self._spare = None
        return None

    def _start(self, environment: Mapping[str, str], limit_s: float) -> _Process:
        started = self._starting = self._starting or self._spawn(environment)
        try:
            return self._until_imported(started, limit_s)
        finally:
            self._starting = None

    def _until_imported(self, started: _Process, limit_s: float) -> _Process:
        started.control.settimeout(limit_s)
        try:
            threads = _receive(started.control)
        except TimeoutError:
            started.kill()
            raise WorkerDied(f"{TOO_SLOW} {limit_s:.0f} s while importing TensorFlow", overran=True) from None
        except (EOFError, OSError) as error:
            code = started.end()
            how = f"{how_it_ended(code, self._log)} while importing TensorFlow"
            raise WorkerDied(how, signal=signal_in(code)) from error
        if threads != 1:
            started.end()
            self.unsafe = True
            raise NotSafeToFork(f"the template has {threads} threads")
        started.control.settimeout(FORK_S)
        return started

    def _spawn(self, environment: Mapping[str, str]) -> _Process:
        if not _adopts_orphans():
            self.unsafe = True
            raise NotSafeToFork("the system does not let this process adopt the workers")
        ours, theirs = socket.socketpair()
        self._log.close()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        with theirs:
            process = psutil.Popen(
                [*self._command, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                env={**environment, **ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
            )
        return _Process(ours, process)

    def _keep_spare(self, active: _Process, environment: Mapping[str, str]) -> None:
        if self._spare:
            if self._spare.alive:
                return
            self._spare.end()
            self._spare = None
        ours, theirs = socket.socketpair()
        ours.settimeout(FORK_S)
        with theirs:
            try:
                self._spare = _Process(ours, _ask(active, "template", theirs, self._log, environment))
            except BaseException:
                ours.close()
                raise


def _ask(
    template: _Process, kind: str, pipe: PipeEnd | socket.socket, log: IO[bytes], environment: Mapping[str, str]
) -> psutil.Process:
    """Lets the template fork a process of this kind. Raises OSError or EOFError if the template is dead or cannot fork."""
    if sys.platform == "win32":
        raise NotSafeToFork("Windows has no forks")
    message = pickle.dumps((kind, dict(environment)))
    header = len(message).to_bytes(4, "big")
    socket.send_fds(template.control, [header], [pipe.fileno(), log.fileno()])
    template.control.sendall(message)
    pid = _receive(template.control)
    if not pid:
        raise ChildProcessError("the template cannot fork")
    try:
        return psutil.Process(pid)
    except psutil.Error as error:
        raise ChildProcessError(f"process {pid} has ended") from error


def _receive(control: socket.socket) -> int:
    data = control.recv(4)
    if len(data) < 4:
        raise EOFError
    return int.from_bytes(data, "big")


def _adopts_orphans() -> bool:
    """Makes this process the parent of the workers, whose own parent ends at once: prctl(2). False if that fails.

    So their exit codes reach this process, and no worker depends on the template's life.
    """
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
