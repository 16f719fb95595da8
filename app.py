"""Launcher: `streamlit run app.py` or, with the dashboard installed, `classifier-dashboard run`.

If a package is missing or broken, the server says which one, in the terminal and to browsers, and nothing else.
"""

import sys

import streamlit as st

from dashboard.__main__ import wrong_python

if wrong_python():
    print(wrong_python(), file=sys.stderr, flush=True)
    st.error(wrong_python())  # an old Streamlit has no st.App, and runs this file for each page
    st.stop()
    sys.exit(1)

from starlette.middleware import Middleware
from streamlit import config

from dashboard.core.diagnostics.not_started import why_not_started
from dashboard.core.shell import PACKAGE
from dashboard.web.off import HIDDEN, Off

try:
    from dashboard.server import parts
except Exception as error:  # a package of a wrong version raises anything
    fault = why_not_started(error)
    print("\nThe dashboard does not start.", fault, file=sys.stderr, flush=True)
    is_local = config.get_option("server.address") in ("127.0.0.1", "localhost")
    told = {"reason": fault.message, "fix": fault.fix} if is_local else {"reason": HIDDEN}
    parts = {"middleware": [Middleware(Off, **told, base=config.get_option("server.baseUrlPath"))]}

app = st.App(PACKAGE / "main.py", **parts)
