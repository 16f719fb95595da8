"""`python -m streamlit`, with a sentence instead of a traceback if a package cannot be imported."""

from __future__ import annotations

import runpy
import sys

from dashboard.core.errors import cannot_import


def main() -> None:
    """Runs Streamlit with the arguments of this program, after what `app.py` imports."""
    try:
        import dashboard.services  # noqa: F401

        runpy.run_module("streamlit", run_name="__main__", alter_sys=True)
    except ImportError as error:
        sys.exit(f"The dashboard does not start. {cannot_import(error)}")


if __name__ == "__main__":
    main()
