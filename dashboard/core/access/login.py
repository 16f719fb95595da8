"""Log-ins with the shared password: signed texts that a browser keeps in a cookie.

A log-in is `EXPIRES.RANDOM.SIGNATURE`. The key of the signature is made from a key file in the data folder and from the
hash of the password, so a new password ends all log-ins.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import secrets
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from dashboard.core.files import read_whole

KEY_FILE = "login.key"
LASTS_S = 7 * 86_400
_KEY_BYTES = 32
_LONGEST = 200  # characters


class Logins:
    """Gives and checks log-ins. Thread-safe."""

    def __init__(self, data_dir: Path, fingerprint: Callable[[], str]) -> None:
        """`fingerprint` changes with the password, see `Password.fingerprint`."""
        self._file, self._fingerprint = data_dir / KEY_FILE, fingerprint
        self._ended: set[str] = set()  # of this server; only pages that are still open have them after a restart

    @cached_property
    def cookie_name(self) -> str:
        """Differs for each data folder, because a browser shares cookies between the ports of a machine."""
        return f"dashboard_login_{hashlib.sha256(self._key).hexdigest()[:8]}"

    def give(self) -> str:
        """A log-in that begins now. Raises DashboardError if the password cannot be read."""
        begun = f"{int(time.time()) + LASTS_S}.{secrets.token_hex(16)}"
        return f"{begun}.{self._signature(begun)}"

    def is_valid(self, login: str) -> bool:
        """True for a log-in of this password that has not expired. Raises DashboardError as `give` does."""
        begun, _, signature = login[:_LONGEST].rpartition(".")
        expires, _, _ = begun.partition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(begun).encode()):
            return False
        return expires.isdecimal() and time.time() < int(expires) and login not in self._ended

    def end(self, login: str) -> None:
        """Lets a log-in count no more, also in other tabs of the browser. Raises DashboardError as `give` does."""
        if self.is_valid(login):
            self._ended.add(login)

    def _signature(self, begun: str) -> str:
        key = hmac.digest(self._key, self._fingerprint().encode(), "sha256")
        return hmac.new(key, begun.encode("utf-8", "replace"), "sha256").hexdigest()

    @cached_property
    def _key(self) -> bytes:
        """The key in the file, which is made if it is missing. Several servers may share the data folder."""
        try:
            if not self._file.exists():
                _make_key(self._file)
            key = read_whole(self._file)
            if len(key) == _KEY_BYTES:
                return key
            fault = f"it has {len(key)} instead of {_KEY_BYTES} bytes"
        except OSError as error:
            fault = error.strerror or str(error)
        logging.getLogger(__name__).warning(
            "The key of the log-ins, %s, cannot be used: %s. Log-ins end with this server.", self._file, fault
        )
        return secrets.token_bytes(_KEY_BYTES)


def _make_key(file: Path) -> None:
    """Writes a new key into the file, unless another server has just done so. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(made)
    finally:
        made.unlink(missing_ok=True)
