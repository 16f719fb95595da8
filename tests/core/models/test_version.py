from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard.core import shell
from dashboard.core.models import version


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_restore_is_advised_only_for_what_git_can_restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shell, version):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    ours, own, elsewhere = (tmp_path / "models" / name / "1" for name in ("ours", "own", "../../other"))
    for folder in (ours, own):
        folder.mkdir(parents=True)
        (folder / "model.keras").touch()
    assert not version.if_it_came_with_us(ours)  # a copy of the project without git
    shell.git_has.cache_clear()
    for command in (["init", "-q"], ["add", "models/ours"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert "`git restore models/ours/1`" in version.if_it_came_with_us(ours)
    assert not version.if_it_came_with_us(own) and not version.if_it_came_with_us(elsewhere)
    assert "add the model again" in version.how_to_restore(own)
    (ours / "model.keras").unlink()
    assert subprocess.run(["git", "restore", "models/ours/1"], cwd=tmp_path).returncode == 0
    assert (ours / "model.keras").exists()
