"""The commands that judge methods and models on many images, on a tiny model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dashboard.core.analysis.robustness import Measured, Robustness
from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.metrics.intervals import Mean, mean
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import Settings
from dashboard.studies import __main__ as command
from dashboard.studies.robustness import labelled_images, markdown, record
from dashboard.studies.study import MethodStudy
from dashboard.worker.models.loading import load
from tests.conftest import ROOT, encoded, picture


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


def test_the_command_on_robustness(labelled: Path, tiny_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "get_settings", lambda: Settings(models_dir=tiny_registry.root))

    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(command.app, ["robustness", *arguments])
        return done.exit_code, done.stdout, done.stderr

    options = ("--data", str(labelled), "--kind", "contrast", "--kind", "gaussian noise")
    status, out, _ = run(*options, "--json")
    record = json.loads(out)
    assert status == 0 and record["model"] == "tiny@1" and record["images"] == 7
    assert record["clean"]["error"] == pytest.approx(1 / 7), "one label of the seven pictures is wrong"
    low, high = record["clean"]["error_ci95"]
    assert (low, high) == pytest.approx((0.026, 0.513), abs=0.001), "Wilson's interval of 1 of 7"
    assert set(record["corruptions"]) == {"contrast", "gaussian noise"}
    errors = [one["error"] for kind in record["corruptions"].values() for one in kind["strengths"]]
    assert len(errors) == 10 and record["mean_error"] == pytest.approx(np.mean(errors))
    assert record["corruptions"]["contrast"]["trained"] is record["mean_error_not_trained"] is None
    assert len(record["mean_energy_by_strength"]) == 6
    status, out, _ = run(*options, "--images", "3")
    assert status == 0 and "3 images of labelled.zip" in out and "| none | | | | | | " in out
    assert "| mean of all | " in out and "does not say which corruptions it was trained with" in out
    assert "With 3 images, the 95% interval of an error by strength reaches up to " in out
    assert run(*options, "--kind", "frost")[0] == 2 and CliRunner().invoke(command.app, []).exit_code == 2


def test_a_study_prints_no_warning_of_tensorflow(labelled: Path, tiny_registry: Registry, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dashboard.studies", "robustness", "--data", str(labelled), "--kind", "contrast"]
    environment = {**os.environ, "DASHBOARD_MODELS_DIR": str(tiny_registry.root), "DASHBOARD_DATA_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and "| contrast | " in done.stdout, done.stderr
    assert "AutoGraph" not in done.stderr and "WARNING:tensorflow" not in done.stderr


def test_the_table_marks_what_was_trained_with() -> None:
    clean = Measured(0.05, 0.01, -5)
    rows = {kind: (Measured(error, 0.02, -4.0),) * 5 for kind, error in (("contrast", 0.1), ("snow", 0.3))}
    found = Robustness(9, 0, clean, rows, trained=("contrast",))
    table = markdown(found, says_trained=True)
    assert "| contrast (trained) | 10.0 | 10.0 |" in table and "| snow | 30.0 |" in table
    assert "| mean of the nine | | | | | | 10.0 | 2.0 |" in table and "| mean of all | | | | | | 20.0 | 2.0 |" in table
    assert "| mean of not trained | | | | | | 30.0 | 2.0 |" in table and "-5.00, -4.00, -4.00" in table
    assert record(found, True)["mean_error_not_trained"] == pytest.approx(0.3)


def test_robustness_needs_labels_and_square_pictures(labelled: Path, tiny_version: ModelVersion) -> None:
    dataset = open_dataset(labelled)
    with pytest.raises(DatasetError, match="No picture has a label"):
        labelled_images(replace(tiny_version, class_names=tuple("abcdefghij")), dataset, 5)
    wide = replace(tiny_version, preprocessing=replace(tiny_version.preprocessing, width=48))
    with pytest.raises(DatasetError, match="32 x 48 pixels with 3 channels"):
        labelled_images(wide, dataset, 5)


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


@pytest.mark.parametrize(
    "spearman, needed, told",
    [(0.1, True, "passed"), (0.3, False, "passed, but partly the same with shuffled weights"),
     (0.8, False, "passed, but almost the same with shuffled weights"), (None, None, "passed")],
)  # fmt: skip
def test_maps_that_stay_the_same_with_shuffled_weights_are_told(
    spearman: float | None, needed: bool | None, told: str
) -> None:
    one = Mean(0.2, 0.1, 0.3)
    found = MethodStudy("grad-cam", 9, one, one, one, 0.1, 0.5, spearman, 2)
    assert found.needs_what_was_learnt is needed
    assert command.markdown([found]).endswith(f"| {told} |")
