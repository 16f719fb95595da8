"""Launcher: `streamlit run app.py` or, with the dashboard installed, `classifier-dashboard run`.

If a package is missing or broken, the server says which one, in the terminal and to browsers, and nothing else.
"""

from __future__ import annotations

import sys

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from dashboard.core.diagnostics.not_started import why_not_started
from dashboard.core.shell import PACKAGE
from dashboard.web.off import HIDDEN, Off

try:
    from dashboard.server import parts
except Exception as error:  # a package of a wrong version raises anything
    fault = why_not_started(error)
    print(f"\nThe dashboard does not start. {fault}", file=sys.stderr, flush=True)
    is_local = config.get_option("server.address") in ("127.0.0.1", "localhost")
    told = {"reason": fault.message, "fix": fault.fix} if is_local else {"reason": HIDDEN}
    parts = {"middleware": [Middleware(Off, **told, base=config.get_option("server.baseUrlPath"))]}

app = st.App(PACKAGE / "main.py", **parts)
