"""Where a dashboard on this machine offers its workers to the command line, and what both must have in common."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from dashboard.core.engine.system import PipeEnd
from dashboard.core.settings import Settings
from dashboard.core.shell import PACKAGE

_WITHOUT_EFFECT_ON_ANSWERS = {
    "workers",
    "worker_start_s",
    "task_s",
    "chunk_size",
    "max_upload_mb",
    "fork",
    "allowed_hosts",
    "trusted_proxies",
    "log_level",
    "log_format",
}


def socket_path(settings: Settings) -> Path | None:
    """The socket for this data folder, in a folder that only this user can enter; None if there is no such folder."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"classifier-dashboard-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    name = hashlib.sha256(str(settings.data_dir.resolve()).encode()).hexdigest()[:16]
    return folder / f"{name}.sock" if private else None


def fingerprint(settings: Settings) -> str:
    """Equal for two processes whose workers give the same answers: the same code, Python and settings."""
    changed = max(file.stat().st_mtime_ns for file in PACKAGE.rglob("*.py"))
    shared = settings.model_dump_json(exclude=_WITHOUT_EFFECT_ON_ANSWERS)
    return hashlib.sha256(f"{PACKAGE} {changed} {sys.executable} {sys.version} {shared}".encode()).hexdigest()


def hang_up(connection: PipeEnd | Connection) -> None:
    """Ends a connection for both sides, also while other threads read or write; `close` alone would not wake them."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as whole:
        whole.shutdown(socket.SHUT_RDWR)
