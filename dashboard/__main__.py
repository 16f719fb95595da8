"""`python -m dashboard` and, with the dashboard installed, `classifier-dashboard`: see `dashboard.cli.app`."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line, or says which package it lacks."""
    try:
        from dashboard.cli.app import main as run_command
    except ImportError as error:
        from dashboard.core.diagnostics.not_started import why_not_started

        sys.exit(str(why_not_started(error)))
    run_command()


if __name__ == "__main__":
    main()
