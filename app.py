"""Launcher: `streamlit run app.py` or, with the dashboard installed, `classifier-dashboard run`.

The pages are in pages/, the entry script in dashboard/main.py.

The entry script does not lie beside pages/, because Streamlit would then serve those files past `st.navigation`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from dashboard.core.settings import PACKAGE

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own pool keeps what it once had


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    # on a thread, because the first page need not wait for what it imports; the workers import TensorFlow meanwhile
    threading.Thread(target=_start_services, name="start", daemon=True).start()
    yield
    from dashboard.ui.resources import get_services

    get_services().close()


def _start_services() -> None:
    from dashboard.ui.resources import get_services

    get_services()


app = st.App(PACKAGE / "main.py", lifespan=_lifespan)
