"""`python -m dashboard data`: get datasets."""

from __future__ import annotations

import typer

from dashboard.cli.arguments import AsJson
from dashboard.cli.output import print_json, progress, show, stop
from dashboard.core.datasets import cifar10_archive
from dashboard.core.errors import DashboardError
from dashboard.core.settings import get_settings
from dashboard.core.shell import in_command
from dashboard.schemas.downloads import DownloadRecord

data_app = typer.Typer(no_args_is_help=True, help="Get datasets.")


@data_app.command("get-cifar10")
def get_cifar10(as_json: AsJson = False) -> None:
    """Download the official CIFAR-10 archive (163 MB) and verify it."""
    try:
        with progress() as bar:
            task = bar.add_task("CIFAR-10", total=None, rate="")
            path = cifar10_archive.download(
                get_settings().downloads_dir,
                lambda done, total: bar.update(
                    task, completed=done, total=total or None, rate=f"{done / 2**20:.0f} MB"
                ),
            )
    except DashboardError as error:
        stop(error, as_json)
    if as_json:
        print_json(DownloadRecord(path=str(path)))
    show(f"CIFAR-10 is at {path}. Evaluate its test set: python -m dashboard evaluate {in_command(str(path))}")
