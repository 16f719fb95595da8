"""The training command: which options it refuses, and when it trains from the beginning."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.core.datasets.cifar10_archive import LabelledImages
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.shell import ROOT
from dashboard.training import __main__ as command
from dashboard.training import fit as fit_module
from dashboard.training.recipes import Recipe
from tests.conftest import picture

TINY = Recipe("tiny", widths=(4, 4), epochs=1, batch_size=20, small_share=0.0, holdout=20)


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a training on generated images."""
    archive = tmp_path / "cifar.tar.gz"
    archive.write_bytes(b"made up")
    images = LabelledImages(
        np.stack([picture(i) for i in range(60)]), np.arange(60) % len(CLASS_NAMES), ("x.png",) * 60
    )
    monkeypatch.setattr("dashboard.core.datasets.cifar10_archive.read", lambda path, split: images)
    monkeypatch.setattr(command, "RECIPES", {"tiny": TINY})
    monkeypatch.setattr("dashboard.training.publish.STRANGERS", 20)
    monkeypatch.setattr("dashboard.training.publish.CORRUPTED_IMAGES", 5)
    folders = ["--data", str(archive), "--models", str(tmp_path / "models"), "--work", str(tmp_path / "work")]
    return ["--recipe", "tiny", "--precision", "float32", *folders]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the training command and returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["training", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.app()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_another_start_is_another_training_and_a_finished_one_begins_anew(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, trained = fit_module.fit, []

    def counting(recipe: Recipe, data: Any, checkpoint: Path, **kw: Any) -> Any:
        trained.append(checkpoint)
        assert not checkpoint.exists()
        return real(recipe, data, checkpoint, **kw)

    monkeypatch.setattr(fit_module, "fit", counting)
    assert run(monkeypatch, *arguments) == 0
    assert run(monkeypatch, *arguments, "--start-from", "tiny@1") == 0
    assert run(monkeypatch, *arguments) == 0
    assert len(trained) == 3 and len(set(trained)) == 2 and trained[0] == trained[2]
    assert sorted(p.name for p in (tmp_path / "models" / "tiny").iterdir()) == ["1", "2", "3"]
    assert not any(path.exists() for path in trained)


def test_a_name_that_cannot_be_published_is_refused_before_the_training(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments, "--name", "my model") == 1
    assert "cannot be a model's name" in capsys.readouterr().err and not (tmp_path / "work").exists()


@pytest.mark.parametrize("epochs", ["0", "-5", "x"])
def test_epochs_that_make_no_sense_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, epochs: str
) -> None:
    assert run(monkeypatch, *arguments, f"--epochs={epochs}") == 2


@pytest.mark.parametrize("wrong", [("--recipe", "magic"), ("--precision", "float8"), ("--quick",)])
def test_choices_that_there_are_not_are_refused(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *arguments, *wrong) == 2


def test_every_training_of_the_readme_is_one_that_the_command_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr(command, "train", lambda recipe, options: begun.append(recipe.name))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    written = re.findall(
        r"^(?:KERAS_BACKEND=jax )?python -m dashboard\.training(.*?)(?:  +#.*)?$", readme, re.MULTILINE
    )
    assert [run(monkeypatch, *arguments.split()) for arguments in written] == [0] * 4
    assert begun == ["cifar10-resnet-short", "cifar10-teacher", "cifar10-resnet-patient", "cifar10-resnet-robust"]


def test_a_start_of_another_size_is_refused_in_words(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 0
    monkeypatch.setattr(command, "RECIPES", {"tiny": dataclasses.replace(TINY, widths=(4, 6))})
    assert run(monkeypatch, *arguments, "--start-from", "tiny") == 1
    assert "has another size" in capsys.readouterr().err


def test_the_revision_says_whether_the_code_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    revision = command._revision()
    assert revision == "unknown" or len(revision.removesuffix("-dirty")) >= 7
    monkeypatch.setenv("PATH", "")
    assert command._revision() == "unknown", "there is no git"
    assert (ROOT / "dashboard").is_dir()


def test_a_teacher_not_trained_yet_is_told_with_its_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments, "--teachers", "tiny") == 1
    assert "python -m dashboard.training --recipe tiny" in capsys.readouterr().err
    assert run(monkeypatch, *arguments, "--teachers", "stranger") == 1
    assert capsys.readouterr().err.startswith("There is no model 'stranger'. Known versions: none.\n")
