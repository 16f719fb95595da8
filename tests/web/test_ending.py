"""A server ends in time, whatever still runs in it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

from tests.conftest import ROOT

STUCK = """
import asyncio, time
from contextlib import asynccontextmanager
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from dashboard.web.ending import ending_in_time

@asynccontextmanager
async def lifespan(app):
    with ending_in_time(0.2, 0.5):
        yield
    time.sleep(60)

async def stuck(request):
    print("asked", flush=True)
    await asyncio.sleep(60)

uvicorn.run(Starlette(routes=[Route("/", stuck)], lifespan=lifespan), fd=0, log_config=None)
"""


def test_neither_a_request_nor_a_close_that_takes_long_is_waited_for() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        command = [sys.executable, "-c", STUCK]
        server = subprocess.Popen(command, cwd=ROOT, stdin=listening.fileno(), stdout=subprocess.PIPE)
        with socket.create_connection(listening.getsockname()) as client, server:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert server.stdout and server.stdout.readline() == b"asked\n"
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 1
            assert time.monotonic() - began < 5
