"""`python -m dashboard` and, with the dashboard installed, `classifier-dashboard`: see `dashboard.cli.app`."""

# every Python must be able to read this file, `app.py` and `dashboard/__init__.py`, to be told that it is the wrong one
import sys


def wrong_python():  # type: () -> str
    """What to do if this is a Python that the dashboard does not run on; "" if it does."""
    if (3, 10) <= sys.version_info[:2] <= (3, 13):  # as in pyproject.toml
        return ""
    return (
        "This is Python {}.{}; the dashboard needs Python 3.10 to 3.13. Install Python 3.12, then make a new environment "
        "with `python3.12 -m venv --clear .venv` and `.venv/bin/python -m pip install -r requirements.txt` (Windows: see "
        "README.md), and start the dashboard with `.venv/bin/python -m dashboard run`.".format(*sys.version_info)
    )


def main():  # type: () -> None
    """Runs the command line, or says which package it lacks, or that it needs another Python."""
    wrong = wrong_python()
    if wrong:
        sys.exit(wrong)
    try:
        from dashboard.cli.app import main as run_command
    except ImportError as error:
        from dashboard.core.diagnostics.not_started import why_not_started

        sys.exit(str(why_not_started(error)))
    run_command()


if __name__ == "__main__":
    main()
