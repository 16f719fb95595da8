"""Uploads to a real server: they are on disk, not in its memory, and nothing of them stays behind."""

from __future__ import annotations

import hashlib
import http.client
import os
import resource
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.e2e.dashboard_server import ROOT, Server, running_server

SCRIPT = """
import os
import sys
sys.path.insert(0, {root!r})
import streamlit as st
from pathlib import Path
from starlette.middleware import Middleware
from dashboard.ui.uploaded_files import UploadsOnDisk
app = st.App({page!r}, middleware=[Middleware(UploadsOnDisk, folder=Path(os.environ["DASHBOARD_DATA_DIR"]) / "uploads")])
"""
PAGE = """
import hashlib
import streamlit as st
from dashboard.core.errors import DashboardError
from dashboard.ui.uploaded_files import content_of, forget, opened
files = st.file_uploader("files", accept_multiple_files=True)
for file in files:
    try:
        content = opened(file)
    except DashboardError as error:
        st.text(f"{error.code}: {error}")
        continue
    with content:
        digest, size = hashlib.sha256(), 0
        while block := content.read(2**20):
            digest.update(block)
            size += len(block)
    st.text(f"{file.name} {file.size} {size} {digest.hexdigest()}")
if files and st.session_state.get("forget"):
    for file in files:
        forget(file)
"""
BLOCK = os.urandom(2**20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Streamlit with the dashboard's uploads and a page that reads them."""
    folder = tmp_path_factory.mktemp("uploads")
    (folder / "page.py").write_text(PAGE)
    (folder / "app.py").write_text(SCRIPT.format(root=str(ROOT), page=str(folder / "page.py")))
    with running_server(folder / "data", folder / "app.py") as server:
        yield server


class Client:
    """A session of a browser, as far as uploads need it."""

    def __init__(self, server: Server, socket: ClientConnection) -> None:
        self._server, self._socket = server, socket
        first = self._run()
        [self.session] = {m.new_session.initialize.session_id for m in first if m.HasField("new_session")}
        [self.widget] = {m.delta.new_element.file_uploader.id for m in first} - {""}

    def _run(self, uploads: list[tuple[str, str, int]] | None = None) -> list[ForwardMsg]:
        message = BackMsg()
        message.rerun_script.query_string = ""
        if uploads:
            state = message.rerun_script.widget_states.widgets.add(id=self.widget)
            for file_id, name, size in uploads:
                info = state.file_uploader_state_value.uploaded_file_info.add(file_id=file_id, name=name, size=size)
                info.file_urls.file_id = file_id
        self._socket.send(message.SerializeToString())
        sent: list[ForwardMsg] = []
        while not (sent and sent[-1].WhichOneof("type") == "script_finished"):
            sent.append(ForwardMsg.FromString(self._socket.recv(60)))
        return sent

    def texts(self, uploads: list[tuple[str, str, int]]) -> list[str]:
        """What the page says of the uploads."""
        return [m.delta.new_element.text.body for m in self._run(uploads) if m.delta.new_element.text.body]

    def put(self, name: str, blocks: int, leave_after: int | None = None) -> tuple[int, str]:
        """Uploads a file of so many megabytes, or leaves in the middle. Returns the status and the id of the file."""
        file_id = str(uuid.uuid4())
        connection = http.client.HTTPConnection(urlsplit(self._server.url).netloc, timeout=60)
        connection.request("GET", "/_stcore/health")
        answer = connection.getresponse()
        answer.read()
        cookies = "; ".join(
            value.partition(";")[0] for key, value in answer.getheaders() if key.lower() == "set-cookie"
        )
        token = next((c.partition("=")[2] for c in cookies.split("; ") if c.startswith("_streamlit_xsrf")), "")
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()
        tail = b"\r\n--x--\r\n"
        connection.putrequest("PUT", f"/_stcore/upload_file/{self.session}/{file_id}")
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.putheader("Content-Length", str(len(head) + blocks * len(BLOCK) + len(tail)))
        connection.putheader("Cookie", cookies)
        connection.putheader("X-Xsrftoken", token)
        connection.endheaders(head)
        for block in range(blocks):
            if block == leave_after:
                connection.close()
                return 0, file_id
            connection.send(BLOCK)
        connection.send(tail)
        status = connection.getresponse().status
        connection.close()
        return status, file_id


@contextmanager
def files_of_at_most(server: Server, size: int) -> Iterator[None]:
    """The system refuses to let the server write beyond this size, as it does when a disk is full."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect(server.url.replace("http", "ws") + "/_stcore/stream", max_size=None) as socket:
        yield Client(server, socket)


def nameless_mb(server: Server) -> float:
    """Megabytes on disk in files that the server has opened and that have no name."""
    total, folder = 0, Path(f"/proc/{server.process.pid}/fd")
    for each in folder.iterdir():
        try:
            target = str(each.readlink())
            if "uploads" in target and "deleted" in target:
                total += each.stat().st_size
        except OSError:  # closed meanwhile
            continue
    return total / 2**20


def expect(condition: object, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_large_file_and_many_files_are_on_disk_and_read_as_they_were(server: Server, client: Client) -> None:
    before = server.memory_mb()
    sent = []
    for name, blocks in (("large.zip", 200), *((f"{i}.png", 4) for i in range(40))):
        status, file_id = client.put(name, blocks)
        assert status == 204
        sent.append((file_id, name, blocks * 2**20))
    assert server.memory_mb() - before < 100  # of 360
    assert 359 < nameless_mb(server) < 400
    told = client.texts(sent)
    assert server.memory_mb() - before < 150
    digests = {n: hashlib.sha256(BLOCK * n).hexdigest() for n in (4, 200)}
    assert told == [f"{name} {size} {size} {digests[size // 2**20]}" for _, name, size in sent]


def test_who_leaves_in_the_middle_leaves_nothing_behind(server: Server, client: Client) -> None:
    before = nameless_mb(server)
    client.put("half.zip", 150, leave_after=100)
    expect(lambda: nameless_mb(server) <= before + 1)
    assert not [path for path in (server.data / "uploads").rglob("*") if path.is_file()]


def test_the_page_says_why_an_upload_could_not_be_stored(server: Server, client: Client) -> None:
    before, logged = nameless_mb(server), len((server.data / "server.log").read_text())
    with files_of_at_most(server, 2**19):
        answers = [(name, blocks, client.put(name, blocks)) for name, blocks in (("small.png", 1), ("large.zip", 20))]
    assert [status for _, _, (status, _) in answers] == [204, 204]
    told = client.texts([(file_id, name, blocks * 2**20) for name, blocks, (_, file_id) in answers])
    assert len(told) == 2
    for name, text in zip(("small.png", "large.zip"), told, strict=True):
        assert text.startswith(f"storage: {name} could not be stored: File too large. Raise the limit")
    log = (server.data / "server.log").read_text()[logged:]
    assert "'small.png' could not be stored" in log and "Traceback" not in log
    assert nameless_mb(server) <= before + 1
