"""python -m dashboard: see `dashboard.cli.app`."""

from dashboard.cli.app import main

main()
