"""`python -m streamlit`, with a sentence instead of a traceback if a package cannot be imported."""

from __future__ import annotations

import logging
import runpy
import signal
import sys
from typing import NoReturn

from dashboard.core.diagnostics.not_started import why_not_started
from dashboard.core.shell import program

_SERVER = "streamlit.web.server.starlette.starlette_server"
_PORT_TAKEN = "Port %s is not available"  # what Streamlit says


def main() -> None:
    """Runs Streamlit with the arguments of this program, after most of what the pages need."""
    logging.getLogger(_SERVER).addFilter(_with_way_out)
    signal.signal(signal.SIGINT, _end)  # of which Streamlit, when it has ended, says "Aborted!"
    try:
        import dashboard.services  # noqa: F401

        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except ImportError as error:
        sys.exit(f"The dashboard does not start. {why_not_started(error)}")


def _end(*_: object) -> NoReturn:
    sys.exit(130)  # as shells tell Ctrl-C


def _with_way_out(record: logging.LogRecord) -> bool:
    if record.msg == _PORT_TAKEN:
        record.msg += f". Stop the program that uses it, or choose another port: `{program()} run --port NUMBER`."
    return True


if __name__ == "__main__":
    main()
