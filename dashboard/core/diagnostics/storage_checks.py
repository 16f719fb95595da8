"""Checks that the data folder can be written to and has enough space."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from dashboard.core.diagnostics.checks import MIB, Check
from dashboard.core.diagnostics.context import CheckContext
from dashboard.core.shell import set_variable

LEAST_FREE_MIB = 200  # with less, not even a run can be stored

_OTHER_FOLDER = f"or name another folder with `{set_variable('DASHBOARD_DATA_DIR', '/path/to/folder')}`, then restart the dashboard."


def checks(context: CheckContext) -> Iterator[Check]:
    """The checks of the data folder."""
    settings = context.settings
    folders = (settings.data_dir, settings.runs_dir, settings.uploads_dir, settings.downloads_dir)
    return check_storage(folders, settings.max_upload_mb)


def check_storage(folders: Sequence[Path], max_upload_mb: int) -> Iterator[Check]:
    """Checks that runs and uploads can be stored.

    Args:
        folders: the data folder, then its subfolders that are written to; subfolders need not exist.
    """
    data_dir = folder = folders[0]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        for folder in filter(Path.exists, folders):
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"written by the diagnostics")
                file.flush()
    except OSError as error:
        summary = f"The data folder {folder} cannot be written to: {error.strerror}"
        yield Check(
            "storage.writable",
            "storage",
            "error",
            summary,
            f"Give this user permission to write there, {_OTHER_FOLDER}",
        )
    else:
        yield Check("storage.writable", "storage", "ok", f"The data folder {data_dir} can be written to")
    place = next(p for p in (data_dir, *data_dir.absolute().parents) if p.is_dir())
    yield check_space(data_dir, shutil.disk_usage(place).free // MIB, max_upload_mb)


def check_space(data_dir: Path, free_mib: int, max_upload_mb: int) -> Check:
    """Checks whether there is space for an upload, or at least for an evaluation."""
    summary = f"{free_mib / 1024:,.1f} GiB of disk are free for {data_dir}"
    if free_mib >= max(max_upload_mb, LEAST_FREE_MIB):
        return Check("storage.space", "storage", "ok", summary)
    fix = f"Remove old evaluations in {data_dir / 'runs'} and datasets in {data_dir / 'uploads'}, {_OTHER_FOLDER}"
    if free_mib >= LEAST_FREE_MIB:
        return Check(
            "storage.space", "storage", "warning", f"{summary}, less than one upload of {max_upload_mb:,} MB", fix
        )
    return Check("storage.space", "storage", "error", f"{summary}, too little to store an evaluation", fix)
