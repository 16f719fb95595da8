"""python -m dashboard: see `dashboard.cli`."""

from dashboard.cli import app

app(prog_name="python -m dashboard")
