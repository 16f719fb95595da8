"""A PostgreSQL server of the tests' own, which they may stop and start, and a database for each test."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.settings import Settings

PASSWORD = "p@ss/w:rd %41"  # must be percent-encoded in a URL
_IN_URL = "p%40ss%2Fw%3Ard%20%2541"
_USERS = ("postgres", "nobody")


def program(name: str) -> str | None:
    """The path of a program of PostgreSQL; Debian does not put all of them on the PATH."""
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *folders]))


class Postgres:
    """The server. It listens on this machine only."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self.port = _free_port()
        self._as_user = []
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            user = next((name for name in _USERS if _exists(name)), None)
            if user is None:
                pytest.skip("PostgreSQL does not run as root, and there is no other user")
            shutil.chown(folder, user)
            folder.chmod(0o755)
            self._as_user = ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups"]
        (folder / "password").write_text(PASSWORD)
        self._run(
            "initdb", "--no-sync", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "-U", "tests",
            "-D", str(self._data), "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"listen_addresses='127.0.0.1'\nport={self.port}\nunix_socket_directories=''\nfsync=off\n")

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self._data))

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Stops all processes of the server in the middle of whatever they do: connections stay open, nobody answers."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        processes = [first, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://tests:{_IN_URL}@127.0.0.1:{self.port}/{name}"

    def new_database(self, encoding: str = "UTF8") -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{secrets.token_hex(4)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")  # type: ignore[arg-type]
        return self.url(name)

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*self._as_user, str(program(command[0])), *command[1:]], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test session; skips where PostgreSQL is not installed."""
    if not (program("initdb") and program("pg_ctl")):
        pytest.skip("PostgreSQL is not installed: there is no initdb or no pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="dashboard-postgres-"))
    try:
        server = Postgres(folder)
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings with a new, empty database of each kind."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    return settings_of(tmp_path, database_url=SecretStr(url))


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> Iterator[WriteBehind]:
    writer = WriteBehind(database)
    yield writer
    writer.close(2)


def settings_of(data_dir: Path, **changes: object) -> Settings:
    """Settings that wait only a moment for a lock, and read no environment."""
    values = {"data_dir": data_dir, "database_url": SecretStr(""), "database_lock_s": 0.3, **changes}
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def waited_for(condition: object, seconds: float = 10) -> bool:
    """True as soon as the condition holds; False after so many seconds."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _exists(user: str) -> bool:
    import pwd

    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid
