"""Launcher: `streamlit run app.py` or, with the dashboard installed, `classifier-dashboard run`.

The pages are in pages/, the entry script in dashboard/main.py.

The entry script does not lie beside pages/, because Streamlit would then serve those files past `st.navigation`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from dashboard.core.settings import PACKAGE, get_settings
from dashboard.ui.uploaded_files import UploadsOnDisk

UNVISITED_S = 5.0  # seconds after which the workers start although no page has been opened
DRAWING_S = 0.3  # seconds that a browser has to draw the first page before the workers start
M_ARENA_MAX = -8  # of glibc's malloc.h

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own pool keeps what it once had
with contextlib.suppress(OSError, AttributeError):  # other systems have no glibc
    # glibc's memory of a thread keeps what it once had, too, and every session has threads
    ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 2)


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    # on a thread, because the browser loads Streamlit's own files meanwhile
    threading.Thread(target=_start_services, name="start", daemon=True).start()
    yield
    from dashboard.ui.resources import get_services

    get_services().close()


def _start_services() -> None:
    """Makes ready what the first page needs, and when it is served, what comes after it."""
    from dashboard.ui.resources import get_services, page_served

    services = get_services()
    if page_served.wait(UNVISITED_S):
        time.sleep(DRAWING_S)  # importing TensorFlow would slow the page down
    services.start()
    import dashboard.ui.predict.picture_view  # noqa: F401 - the first picture need not wait for it


app = st.App(
    PACKAGE / "main.py",
    lifespan=_lifespan,
    middleware=[Middleware(UploadsOnDisk, folder=get_settings().uploads_dir)],
)
