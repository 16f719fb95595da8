"""Launcher: `streamlit run app.py`. The pages are in pages/, the entry script in dashboard/main.py.

The entry script does not lie beside pages/, because Streamlit would then serve those files past `st.navigation`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    from dashboard.ui.resources import get_services

    services = get_services()  # the workers import TensorFlow while the first page is on its way
    yield
    services.engine.close()


app = st.App(Path(__file__).parent / "dashboard" / "main.py", lifespan=_lifespan)
