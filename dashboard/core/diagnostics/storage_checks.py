"""Checks that the data folder can be written to and has enough space."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dashboard.core.access.password import Password
from dashboard.core.diagnostics.checks import MIB, Check, without_full_stop
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.errors import DashboardError
from dashboard.core.files import how_to_write_again, readable_name
from dashboard.core.settings import Settings, check_data_dir
from dashboard.core.shell import set_variable

LEAST_FREE_MIB = 200  # with less, not even a run can be stored

_OTHER_FOLDER = f"or name another folder with `{set_variable('DASHBOARD_DATA_DIR', '/path/to/folder')}`, then restart the dashboard."


def steps(context: CheckContext) -> list[Step]:
    """The checks of the data folder."""
    settings = context.settings
    folders = (settings.data_dir, settings.runs_dir, settings.uploads_dir, settings.downloads_dir)
    shown = readable_name(str(settings.data_dir))
    return [
        Step(
            "storage.writable",
            "storage",
            f"whether the data folder {shown} can be written to",
            lambda _: [check_writable(folders)],
        ),
        Step(
            "storage.space",
            "storage",
            f"the free space for {shown}",
            lambda _: [check_space(settings.data_dir, free_mib(settings.data_dir), settings.max_upload_mb)],
        ),
        Step(
            "storage.password",
            "storage",
            "whether the password of the pages can be used",
            lambda _: check_password(settings),
            quiet=True,
        ),
    ]


def check_writable(folders: Sequence[Path]) -> Check:
    """Checks that runs and uploads can be stored.

    Args:
        folders: the data folder, then its subfolders that are written to; subfolders need not exist.
    """
    data_dir = folder = folders[0]
    try:
        check_data_dir(data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        for folder in folders:
            if not folder.exists():
                continue
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"written by the diagnostics")
                file.flush()
    except DashboardError as error:
        return Check("storage.writable", "storage", "error", without_full_stop(error.message), error.fix)
    except OSError as error:
        summary = f"The data folder {readable_name(str(folder))} cannot be written to: {error.strerror or error}"
        fix = f"{readable_name(how_to_write_again(error))}, {_OTHER_FOLDER}"
        return Check("storage.writable", "storage", "error", summary, fix)
    return Check(
        "storage.writable", "storage", "ok", f"The data folder {readable_name(str(data_dir))} can be written to"
    )


def check_password(settings: Settings) -> list[Check]:
    """Checks that users can enter the stored password; nothing if none is set."""
    try:
        if not Password(settings).check():
            return []
    except DashboardError as error:
        summary = f"Nobody can enter the password of the pages: {without_full_stop(error.message)}"
        return [Check("storage.password", "storage", "error", summary, error.fix)]
    return [Check("storage.password", "storage", "ok", "The password of the pages can be used")]


def free_mib(data_dir: Path) -> int:
    """The free space in MiB where the data folder is, or will be. Raises OSError."""
    place = next(p for p in (data_dir, *data_dir.absolute().parents) if p.is_dir())
    return shutil.disk_usage(place).free // MIB


def check_space(data_dir: Path, free_mib: int, max_upload_mb: int) -> Check:
    """Checks whether there is space for an upload, or at least for an evaluation."""
    shown = Path(readable_name(str(data_dir)))
    summary = f"{free_mib / 1024:,.1f} GiB of disk are free for {shown}"
    if free_mib >= max(max_upload_mb, LEAST_FREE_MIB):
        return Check("storage.space", "storage", "ok", summary)
    fix = f"Remove deleted evaluations with `python -m dashboard runs empty-bin`, old ones in {shown / 'runs'} and datasets in {shown / 'uploads'}, {_OTHER_FOLDER}"
    if free_mib >= LEAST_FREE_MIB:
        return Check(
            "storage.space", "storage", "warning", f"{summary}, less than one upload of {max_upload_mb:,} MiB", fix
        )
    return Check("storage.space", "storage", "error", f"{summary}, too little to store an evaluation", fix)
