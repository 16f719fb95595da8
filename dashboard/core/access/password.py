"""The shared password of the pages, kept as an Argon2 hash. Each client has a few tries a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.core.errors import AccessError, DashboardError
from dashboard.core.files import check_no_folder, read_whole, write_atomically
from dashboard.core.settings import check_data_dir
from dashboard.core.shell import as_called

if TYPE_CHECKING:
    from dashboard.core.settings import Settings

FILE_NAME = "password.txt"
SHORTEST = 8  # characters
_TRIES, _WITHIN_S = 5, 60.0
_MOST_CLIENTS = 10_000
_LONGEST = 1000  # characters
_VARIABLE = "DASHBOARD_PASSWORD_HASH"
_SET_AGAIN = "set the password again with `python -m dashboard password`"


class Password:
    """Checks the shared password. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._stated, self._data_dir = settings.password_hash, settings.data_dir
        self._file = settings.data_dir / FILE_NAME
        self._lock = threading.Lock()
        self._one_check = threading.Lock()  # a check needs 64 MiB of memory and a processor for a moment
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()  # by client: when it failed

    @property
    def is_set(self) -> bool:
        """True if the pages need a password. Raises DashboardError if the stored one cannot be read."""
        return bool(self._hash())

    @property
    def may_be_set(self) -> bool:
        """True if the pages need a password, also if it cannot be read now."""
        try:
            return self.is_set
        except DashboardError:
            return True

    @property
    def fingerprint(self) -> str:
        """Changes with the password; "" if none is set. Raises DashboardError as `is_set` does."""
        return self._hash()

    def set(self, password: str) -> None:
        """Stores a new password in a file of the data folder. Raises AccessError if it is too short, or OSError."""
        from argon2 import PasswordHasher

        if not SHORTEST <= len(password) <= _LONGEST:
            raise AccessError(
                "The password is too short or too long.",
                f"Use {SHORTEST} to {_LONGEST:,} characters.",
                "password_wrong",
            )
        write_atomically(self._file, f"{PasswordHasher().hash(password)}\n".encode())
        self._file.chmod(0o600)

    def verify(self, password: str, client: str) -> None:
        """Returns if the password is right.

        Args:
            client: who tries, such as the address; all tries of the same client count together.

        Raises:
            AccessError: with the code password_wrong or too_many_tries.
            DashboardError: no password is set, or what is stored is not a hash of one.
        """
        from argon2.exceptions import VerifyMismatchError

        stored = self._hash()
        if not stored:
            raise DashboardError("No password is set.", "Set one with `python -m dashboard password`.", "settings")
        self._begin_try(client)
        try:
            self._compare(stored, password[: _LONGEST + 1])
        except VerifyMismatchError:
            raise AccessError("The password is wrong.", "Try again, or ask for it.", "password_wrong") from None
        with self._lock:
            self._tries.pop(client, None)

    def check(self) -> bool:
        """True if a password is set and can be tried, False if none is set. Raises DashboardError as `verify` does."""
        from argon2.exceptions import VerifyMismatchError

        if stored := self._hash():
            with suppress(VerifyMismatchError):
                self._compare(stored, "")
        return bool(stored)

    def _compare(self, stored: str, password: str) -> None:
        """Raises VerifyMismatchError if the password is another one, and DashboardError if `stored` is no hash."""
        from argon2 import PasswordHasher
        from argon2.exceptions import VerificationError, VerifyMismatchError

        try:
            with self._one_check:
                PasswordHasher().verify(stored, password)
        except VerifyMismatchError:
            raise
        except (ValueError, VerificationError) as error:
            if self._stated.get_secret_value().strip():
                what, way_out = _VARIABLE, f"Remove {_VARIABLE}, {_SET_AGAIN}, then restart the dashboard."
            else:
                what, way_out = f"The content of {self._file}", f"To replace it, {_SET_AGAIN}."
            why = f" ({error})" if isinstance(error, VerificationError) else ""
            raise DashboardError(
                f"{what} is not the Argon2 hash of a password{why}.", as_called(way_out), "settings"
            ) from error

    def _begin_try(self, client: str) -> None:
        """Counts the try before it is made, so that many at the same time do not get past the limit."""
        now = time.monotonic()
        with self._lock:
            tries = self._tries.setdefault(client, deque())
            self._tries.move_to_end(client)
            while len(self._tries) > _MOST_CLIENTS:
                self._tries.popitem(last=False)
            while tries and tries[0] <= now - _WITHIN_S:
                tries.popleft()
            if len(tries) >= _TRIES:
                wait_s = round(tries[0] + _WITHIN_S - now) + 1
                raise AccessError(
                    f"There were {_TRIES} wrong tries within a minute.",
                    f"Try again in {wait_s} seconds.",
                    "too_many_tries",
                )
            tries.append(now)

    def _hash(self) -> str:
        stated = self._stated.get_secret_value().strip()
        if stated:
            return stated
        try:
            stored = read_whole(self._file).decode().strip()
            if not stored:
                raise OSError("it is empty")  # else a damaged file would open the pages
            return stored
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            check_data_dir(self._data_dir)
            if isinstance(error, PermissionError):
                way_out = f"Make it readable for the dashboard's user, or {_SET_AGAIN}."
            elif self._file.is_dir():
                way_out = f"Remove this folder, then {_SET_AGAIN}."
            else:
                way_out = f"To replace it, {_SET_AGAIN}."
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DashboardError(
                f"The password file {self._file} cannot be read: {why}.", as_called(way_out), "permission"
            ) from error


def forget_password(data_dir: Path) -> bool:
    """Removes the stored password, so that the pages are open again. False if none is stored. Raises OSError."""
    file = data_dir / FILE_NAME
    check_no_folder(file)
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
