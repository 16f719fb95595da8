from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.diagnostics.checks import Check
from dashboard.core.diagnostics.context import TENSORFLOW, CheckContext
from dashboard.core.diagnostics.model_checks import ACCURACY, LATENCY, check_load, check_self_test, steps
from dashboard.core.errors import WorkerError
from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.health import ModelHealth
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.registry import Registry
from dashboard.core.models.samples import read_samples
from dashboard.core.models.self_test import LabelledFile
from dashboard.core.models.version import RECORD, ModelVersion, to_record
from dashboard.core.settings import Settings
from tests.core.colour_model import CLASSES, make_registry, make_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_samples(tmp_path_factory.mktemp("data") / "samples")


def checked(registry: Registry, inference: Inference, samples: Path, works: bool = True) -> dict[str, Check]:
    done = {} if works else {TENSORFLOW: Check(TENSORFLOW, "tensorflow", "error", "TensorFlow is not installed")}
    settings = Settings(data_dir=samples.parent, models_dir=registry.root)
    context = CheckContext(settings, registry, inference, inference._engine, ModelHealth(), done)
    for step in steps(context):
        for check in step.run(context):
            assert check.id.startswith(step.id) and check.group == step.group
            done[check.id] = check
    return {
        check_id.removeprefix("model.colour@1."): check for check_id, check in done.items() if check_id != TENSORFLOW
    }


def statuses(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.status for name, check in checks.items()}


def test_a_sound_model_passes_and_is_described(tmp_path: Path, inference: Inference, samples: Path) -> None:
    registry = make_registry(tmp_path)
    checks = checked(registry, inference, samples)
    assert statuses(checks) == {"file": "ok", "load": "ok", "self_test": "ok", "model.active": "ok"}
    version = registry.get("colour@1")
    assert checks["file"].detail("Size") == f"{version.file.stat().st_size:,} bytes"
    assert checks["file"].detail("SHA-256 in model.json") == version.sha256
    assert checks["load"].detail("Input") == "any x 8 x 8 x 3"
    assert checks["load"].detail("Output") == "any x 4"
    assert checks["load"].detail("Parameters") == "16"
    assert checks["load"].detail("Layers") == "3"
    assert 0 < float(checks["load"].detail(LATENCY).removesuffix(" ms")) < 5000
    assert checks["self_test"].detail(ACCURACY).startswith("100.0%")
    assert all(check.fix == "" for check in checks.values())


def test_a_wrong_scaling_is_named_with_the_step_that_mends_it(
    tmp_path: Path, inference: Inference, samples: Path
) -> None:
    check = checked(make_registry(tmp_path, "1/255"), inference, samples)["self_test"]
    assert check.status == "error"
    assert "predicts 'dark' for 100% of the samples" in check.summary
    assert "'raw'" in check.summary
    assert '"scale": 1.0, "mean": [0.0], "std": [1.0]' in check.fix
    [command] = check.commands
    assert command.endswith("--name colour --class-names dark,red,green,blue --scale raw")
    registry = make_registry(tmp_path / "other", "1/255")
    version = registry.get("colour@1")
    recipe = replace(version.preprocessing, fit="pad", resample="bilinear")
    write_json(version.folder / RECORD, to_record(replace(version, preprocessing=recipe)))
    [command] = checked(registry, inference, samples)["self_test"].commands
    assert command.endswith("dark,red,green,blue --fit pad --resample bilinear --scale raw")


def test_class_names_in_the_wrong_order_are_named_before_a_scaling(tmp_path: Path, inference: Inference) -> None:
    """Red and blue are swapped, so that pixels in the order blue, green, red explain the samples as well."""
    shifted = make_registry(tmp_path / "a", class_names=("red", "green", "blue", "dark"))
    samples = make_samples(tmp_path / "samples", 8)
    check = checked(shifted, inference, samples)["self_test"]
    assert "The order of the classes looks shifted by one" in check.summary
    assert check.fix.startswith("The class names are in the wrong order. ")
    assert 'set class_names to ["dark", "red", "green", "blue"].' in check.fix
    assert check.commands[0].endswith("--class-names dark,red,green,blue --scale raw") and len(check.commands) == 1
    swapped = make_registry(tmp_path / "b", class_names=("dark", "blue", "green", "red"))
    version = swapped.get("colour@1")
    write_json(version.folder / RECORD, to_record(replace(version, provenance={"original_file": "m.h5"})))
    check = checked(swapped, inference, samples)["self_test"]
    assert (
        "blue and red look swapped" in check.summary and "with the input scaling 'caffe' it is right" in check.summary
    )
    assert check.fix.startswith("Either the class names are in the wrong order or the pixels are scaled wrongly")
    names, scaling = check.commands
    assert names.endswith("--class-names dark,red,green,blue --scale raw")
    assert scaling.endswith("--class-names dark,blue,green,red --scale caffe")


class Answering:
    """Answers as many of the samples right as is said for the scaling of a version; the first samples are the wrong ones."""

    def __init__(self, samples: Sequence[LabelledFile], **right: int) -> None:
        self._labels = [CLASSES.index(sample.label) for sample in samples]
        self._right = right
        self.tried: set[str] = set()

    def predict(self, version: ModelVersion, files: Sequence[bytes]) -> list[Prediction]:
        name = version.preprocessing.scaling_name
        self.tried.add(name)
        right = self._right.get({"1/255": "scaled"}.get(name, name), 0)
        wrong = len(self._labels) - right
        given = [(label + (i < wrong)) % len(CLASSES) for i, label in enumerate(self._labels)]
        return [Prediction(np.eye(4, dtype=np.float32)[each], np.eye(4)[each]) for each in given]


@pytest.mark.parametrize(
    ("provenance", "scaled_right", "status"),
    [
        ({"original_file": "m.h5"}, 11, "warning"),  # 5 to 0: p = 1/32
        ({"original_file": "m.h5"}, 12, "ok"),  # 4 to 0: p = 1/16, which may be chance
        ({}, 11, "ok"),  # a version of ours was measured with its scaling, so no other one is tried
    ],
)
def test_a_model_that_passes_is_warned_of_a_scaling_that_fits_clearly_better(
    provenance: dict[str, str], scaled_right: int, status: str, tmp_path: Path, samples: Path
) -> None:
    """All 16 samples are right with raw pixels."""
    recipe = Preprocessing(8, 8)
    version = ModelVersion("m", "1", tmp_path, CLASSES, recipe, "logits", sha256="", provenance=provenance)
    files = read_samples(samples)
    inference = Answering(files, scaled=scaled_right, raw=16)
    check = check_self_test(version, inference, files)  # type: ignore[arg-type]
    assert check.status == status
    assert f"m@1 is right for {100 * scaled_right / 16:.1f}%" in check.summary
    assert ("raw" in inference.tried) is bool(provenance)
    if status == "warning":
        assert "; with the input scaling 'raw' it is right for 100.0%" in check.summary
        assert '"scale": 1.0, "mean": [0.0], "std": [1.0]' in check.fix and "--scale raw" in check.fix
        assert check.detail("Input scaling") == "1/255"
    else:
        assert "input scaling" not in check.summary and check.fix == ""


def test_a_missing_file(tmp_path: Path, inference: Inference, samples: Path) -> None:
    registry = make_registry(tmp_path)
    (tmp_path / "colour" / "1" / "model.keras").unlink()
    checks = checked(registry, inference, samples)
    assert statuses(checks) == {"file": "error"}  # and not once more as the active one
    assert "model.keras is missing" in checks["file"].summary
    assert "Restore" in checks["file"].fix


def test_a_truncated_file(tmp_path: Path, inference: Inference, samples: Path) -> None:
    registry = make_registry(tmp_path)
    file = tmp_path / "colour" / "1" / "model.keras"
    file.write_bytes(file.read_bytes()[:-2000])
    checks = checked(registry, inference, samples)
    assert statuses(checks) == {"file": "error", "load": "skipped", "self_test": "skipped", "model.active": "skipped"}
    assert (
        "colour@1 is used when no version is named, but cannot answer: its file is damaged"
        in checks["model.active"].summary
    )
    assert "cut off or damaged" in checks["file"].summary
    assert checks["file"].fix


def test_another_file_than_model_json_describes(tmp_path: Path, inference: Inference, samples: Path) -> None:
    registry = make_registry(tmp_path / "a")
    other = make_registry(tmp_path / "b").get("colour@1").file.read_bytes()
    (tmp_path / "a" / "colour" / "1" / "model.keras").write_bytes(other)
    check = checked(registry, inference, samples)["file"]
    assert check.status == "error"
    assert "is not the file that model.json describes (its checksum does not match)" in check.summary


def test_a_file_of_another_shape(tmp_path: Path, inference: Inference, samples: Path) -> None:
    registry = make_registry(tmp_path)
    version = registry.get("colour@1")
    wider = replace(version, preprocessing=replace(version.preprocessing, width=16))
    write_json(version.folder / RECORD, to_record(wider))
    checks = checked(registry, inference, samples)
    assert statuses(checks) == {"file": "ok", "load": "error", "self_test": "skipped", "model.active": "ok"}
    assert "(8, 8, 3)" in checks["load"].summary
    assert "(8, 16, 3)" in checks["load"].summary
    assert "models add" in checks["load"].commands[0]


def test_a_file_that_is_no_model_but_what_model_json_describes(
    tmp_path: Path, inference: Inference, samples: Path
) -> None:
    registry = make_registry(tmp_path)
    version = registry.get("colour@1")
    version.file.write_bytes(b"not a model")
    write_json(version.folder / RECORD, to_record(replace(version, sha256=sha256_of(version.file))))
    assert statuses(checked(registry, inference, samples))["load"] == "error"


def test_without_tensorflow_only_the_files_are_looked_at(tmp_path: Path, inference: Inference, samples: Path) -> None:
    checks = checked(make_registry(tmp_path), inference, samples, works=False)
    assert statuses(checks) == {"file": "ok", "load": "skipped", "self_test": "skipped", "model.active": "ok"}
    assert "TensorFlow is not usable" in checks["load"].summary


def test_other_classes_than_the_samples_are_no_fault(tmp_path: Path, inference: Inference, samples: Path) -> None:
    check = checked(make_registry(tmp_path, class_names=("a", "b", "c", "d")), inference, samples)["self_test"]
    assert check.status == "skipped"
    assert any(repr(name) in check.summary for name in CLASSES)


def test_no_samples_no_self_test(tmp_path: Path, inference: Inference) -> None:
    (tmp_path / "samples").mkdir()
    check = checked(make_registry(tmp_path / "models"), inference, tmp_path / "samples")["self_test"]
    assert check.status == "skipped" and "no sample images" in check.summary


def test_no_model_at_all(tmp_path: Path, inference: Inference, samples: Path) -> None:
    checks = checked(Registry(tmp_path), inference, samples)
    assert statuses(checks) == {"model.active": "error"}
    assert "python -m dashboard.training" in checks["model.active"].commands


def test_the_setting_names_a_model_that_is_not_there(tmp_path: Path, inference: Inference, samples: Path) -> None:
    make_registry(tmp_path)
    checks = checked(Registry(tmp_path, "gone@7"), inference, samples)
    assert statuses(checks) == {"file": "ok", "load": "ok", "self_test": "ok", "model.active": "error"}
    assert "gone@7" in checks["model.active"].summary


@pytest.mark.parametrize(
    ("code", "way_out"),
    [
        ("worker_unavailable", "see the checks of the workers"), ("worker_hung", "DASHBOARD_TASK_S"),
        ("task_failed", "save it again"), ("out_of_memory", "more memory"), ("worker_failed", "remove the folder"),
    ],
)  # fmt: skip
def test_a_worker_that_does_not_describe_the_model(code: str, way_out: str, tiny_version: ModelVersion) -> None:
    class Failing:
        def describe(self, version: ModelVersion) -> None:
            raise WorkerError("It failed.", code=code)

    check = check_load(tiny_version, Failing(), ModelHealth())  # type: ignore[arg-type]
    assert check.status == "error" and way_out in check.fix
    assert code == "worker_failed" or "remove the folder" not in check.fix
