"""The command that judges methods on many images, on a tiny model."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.metrics.intervals import Mean, mean
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.studies import __main__ as command
from dashboard.studies.study import MethodStudy
from dashboard.worker.models.loading import load
from tests.conftest import encoded, picture


@pytest.fixture
def labelled(tmp_path: Path, tiny_version: ModelVersion) -> Path:
    """Six pictures that the model is right about, one that it is wrong about, one that is none."""
    path = tmp_path / "labelled.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for seed, prediction in enumerate(load(tiny_version).predict(np.stack([picture(i) for i in range(7)]))):
            class_id = prediction.class_id if seed else (prediction.class_id + 1) % 10
            archive.writestr(f"{tiny_version.class_names[class_id]}/{seed}.png", encoded(picture(seed)))
        archive.writestr("cat/broken.png", b"...")
        archive.writestr("zebra/0.png", encoded(picture(0)))
    return path


def test_only_what_the_model_is_right_about_is_used(labelled: Path, tiny_version: ModelVersion) -> None:
    model = load(tiny_version)
    images, targets = command.correctly_classified(model, open_dataset(labelled), 100)
    assert len(images) == 6 and [p.class_id for p in model.predict(images)] == targets.tolist()
    assert not any(np.array_equal(image, picture(0)) for image in images)
    few, _ = command.correctly_classified(model, open_dataset(labelled), 2)
    assert np.array_equal(few, images[:2])
    liar = replace(model, version=replace(tiny_version, class_names=tuple("abcdefghij")))
    with pytest.raises(DatasetError, match="right about none"):
        command.correctly_classified(liar, open_dataset(labelled), 2)


def test_the_command(labelled: Path, tiny_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "get_settings", lambda: Settings(models_dir=tiny_registry.root))

    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(command.app, ["--data", str(labelled), *arguments])
        return done.exit_code, done.stdout, done.stderr

    options = ("--methods", "grad-cam", "--methods", "occlusion", "--images", "5", "--randomized", "2")
    status, out, _ = run(*options, "--json")
    record = json.loads(out)
    assert status == 0 and record["model"] == "tiny@1"
    for method in record["methods"]:
        assert method["images"] == 5 and method["randomized"] == 2 and -1 <= method["spearman"] <= 1
        for name in ("score", "over_random", "over_gaussian"):
            assert method[name]["low"] <= method[name]["value"] <= method[name]["high"]
    status, out, _ = run(*options)
    assert status == 0 and "5 correctly classified images" in out and "| Grad-CAM | " in out and "| Occlusion | " in out
    status, out, error = run("--methods", "magic")
    assert status == 1 and out == "" and "smooth-grad" in error
    assert run(*options, "--json", "--markdown")[0] == 2


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    found = mean(values)
    assert found.value == values.mean() and found.low == pytest.approx(values.mean() - 1.96 * 0.1, abs=0.03)
    assert mean(np.ones(3)) == Mean(1, 1, 1) == mean(np.ones(1))


@pytest.mark.parametrize(
    "over_random, over_gaussian, verdict",
    [((0.1, 0.3), (0.01, 0.2), "better"), ((0.1, 0.3), (-0.1, 0.2), "mixed"), ((-0.1, 0.3), (0.1, 0.2), "chance")],
)
def test_the_verdict_goes_by_the_intervals(
    over_random: tuple[float, float], over_gaussian: tuple[float, float], verdict: str
) -> None:
    one, other = Mean(0.2, *over_random), Mean(0.1, *over_gaussian)
    assert MethodStudy("grad-cam", 9, one, one, other, 0.1, 0.5, 0.0, 2).verdict == verdict


@pytest.mark.parametrize("spearman, needed", [(0.1, True), (0.3, False), (None, None)])
def test_maps_that_are_alike_with_shuffled_weights_are_told(spearman: float | None, needed: bool | None) -> None:
    one = Mean(0.2, 0.1, 0.3)
    found = MethodStudy("grad-cam", 9, one, one, one, 0.1, 0.5, spearman, 2)
    assert found.needs_what_was_learnt is needed
    assert ("alike with shuffled weights" in command.markdown([found])) == (needed is False)
