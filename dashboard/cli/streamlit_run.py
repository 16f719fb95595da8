"""`python -m streamlit`, with a sentence instead of a traceback if a package cannot be imported."""

from __future__ import annotations

import runpy
import sys

from dashboard.core.diagnostics.not_started import why_not_started


def main() -> None:
    """Runs Streamlit with the arguments of this program, after most of what the pages need."""
    try:
        import dashboard.services  # noqa: F401

        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except ImportError as error:
        sys.exit(f"The dashboard does not start. {why_not_started(error)}")


if __name__ == "__main__":
    main()
