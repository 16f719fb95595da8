"""A session is forgotten when its time to come back is over, although no other session ends."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.e2e.dashboard_server import ROOT, running_server

SCRIPT = """
import asyncio
import sys
sys.path.insert(0, {root!r})
from contextlib import asynccontextmanager
import streamlit as st
from pathlib import Path
from dashboard.ui.memory import forget_ended_sessions

async def watch():
    while not forget_ended_sessions():
        await asyncio.sleep(0.2)
    Path({freed!r}).touch()

@asynccontextmanager
async def lifespan(app):
    task = asyncio.create_task(watch())
    yield
    task.cancel()

app = st.App({page!r}, lifespan=lifespan)
"""
PAGE = """
import streamlit as st

st.write("a page")
"""


def test_a_session_that_is_over_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL", "1")
    freed = tmp_path / "freed"
    (tmp_path / "page.py").write_text(PAGE)
    (tmp_path / "app.py").write_text(SCRIPT.format(root=str(ROOT), freed=str(freed), page=str(tmp_path / "page.py")))
    with running_server(tmp_path / "data", tmp_path / "app.py") as server:
        with connect(server.url.replace("http", "ws") + "/_stcore/stream", max_size=None) as socket:
            message = BackMsg()
            message.rerun_script.query_string = ""
            socket.send(message.SerializeToString())
            while ForwardMsg.FromString(socket.recv(60)).WhichOneof("type") != "script_finished":
                pass
            time.sleep(2)
            assert not freed.exists()  # the session goes on, however long its browser does nothing
        end = time.monotonic() + 30
        while not freed.exists() and time.monotonic() < end:
            time.sleep(0.1)
        assert freed.exists() and server.process.poll() is None
        log = (tmp_path / "data" / "server.log").read_text()
        assert "Traceback" not in log, log
