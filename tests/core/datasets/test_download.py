"""Downloads from a real server on this machine, one that also breaks off."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dashboard.core.background import BackgroundTask
from dashboard.core.datasets.download import OnProgress, fetch
from dashboard.core.errors import DatasetError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: len(CONTENT) // 3] if self.path == "/cut" else CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def until_ended(download: BackgroundTask[None]) -> None:
    end = time.monotonic() + 10
    while download.state.active:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_whole_file_gets_its_name(url: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    fetch(f"{url}/whole", tmp_path / "new" / "file", SHA256, lambda done, total: seen.append((done, total)))
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file"]


def test_a_connection_that_breaks_off_leaves_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        fetch(f"{url}/cut", tmp_path / "file", SHA256)
    assert caught.value.code == "download_failed" and str(tmp_path / "file") in caught.value.fix
    assert list(tmp_path.iterdir()) == []
    fetch(f"{url}/whole", tmp_path / "file", SHA256)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_parts_of_killed_processes_are_removed_and_fresh_ones_stay(url: str, tmp_path: Path) -> None:
    import os

    old, fresh = tmp_path / ".file.a.unfinished", tmp_path / ".file.b.unfinished"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    fetch(f"{url}/whole", tmp_path / "file", SHA256)
    assert not old.exists() and fresh.exists()


def test_one_download_however_often_it_is_started(url: str, tmp_path: Path) -> None:
    begun, go_on = [], threading.Event()

    def work(on_progress: OnProgress) -> None:
        on_progress(5, 10)
        begun.append(1)
        assert go_on.wait(10)
        fetch(f"{url}/cut", tmp_path / "file", SHA256, on_progress)

    download = BackgroundTask("download", lambda task: work(task.advance))
    assert not download.state.active and download.state.error is None
    download.start()
    download.start()
    while not begun:
        time.sleep(0.01)
    assert download.state.active and (download.state.done, download.state.total) == (5, 10)
    go_on.set()
    until_ended(download)
    assert begun == [1]
    assert download.state.error is not None and download.state.error.code == "download_failed"
