from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.core import model_import
from dashboard.core.cifar10 import CLASS_NAMES
from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.evaluation import evaluate
from dashboard.core.files import sha256_of
from dashboard.core.inference import Inference
from dashboard.core.model_import import SampleResults, add_model, choose_scaling, read_class_names, read_input_size
from dashboard.core.records import Prediction
from dashboard.core.registry import ModelVersion, Registry
from dashboard.core.runs import RunStore
from dashboard.core.worker_pool import WorkerPool

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def small(shape: Sequence[int | None], last: list[Any], first: Sequence[Any] = ()) -> Any:
    """A Sequential with one convolution."""
    import keras

    keras.utils.set_random_seed(3)
    convolution = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D()]
    return keras.Sequential([keras.Input(tuple(shape)), *first, *convolution, *last])


def dense(units: int, activation: str | None) -> list[Any]:
    import keras

    return [keras.layers.Dense(units, activation=activation)]


def saved(model: Any, path: Path) -> Path:
    model.save(path)
    return path


def notes(version: ModelVersion) -> str:
    return " ".join(version.provenance["notes"])


def refused(code: str, file: Path, registry: Registry, **options: Any) -> DashboardError:
    """The error, after checking that nothing is left behind."""
    with pytest.raises(ModelError) as caught:
        add_model(file, "foreign", registry, **options)
    assert caught.value.code == code, caught.value
    assert list(registry.root.rglob("*")) == []
    assert caught.value.fix
    return caught.value


def answers(inference: Inference, version: ModelVersion, files: list[bytes]) -> list[Prediction]:
    predictions = inference.predict(version, files)
    assert all(isinstance(p, Prediction) for p in predictions)
    return predictions  # type: ignore[return-value]


class TestSharedModel:
    """The model of the article that this project starts from."""

    @pytest.fixture(scope="class")
    def version(self, shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
        file = shared_dir / "models" / "cifar10_cnn_model.keras"
        return add_model(file, "article", Registry(tmp_path_factory.mktemp("models")), samples=SAMPLES)

    def test_is_understood(self, version: ModelVersion, shared_dir: Path) -> None:
        assert (version.ref, version.input_shape, version.output) == ("article@1", (32, 32, 3), "probabilities")
        assert version.class_names == CLASS_NAMES
        assert version.preprocessing.scaling_name == "1/255"
        assert "CIFAR-10's are assumed" in notes(version)
        assert "by scaling: 1/255 18" in notes(version)
        original = shared_dir / "models" / "cifar10_cnn_model.keras"
        assert version.provenance["original_sha256"] == sha256_of(original)
        assert sorted(p.name for p in version.folder.iterdir()) == ["model.json", "model.keras"]

    def test_explains_every_sample(self, version: ModelVersion, inference: Inference) -> None:
        files = sorted(SAMPLES.glob("*/*.png"))
        assert len(files) == 20
        for file in files:
            explanation = inference.explain(version, file.read_bytes())
            assert not explanation.empty, file
            assert explanation.heatmap.max() == 1

    def test_is_as_good_as_it_was(
        self, version: ModelVersion, pool: WorkerPool, shared_dir: Path, tmp_path: Path
    ) -> None:
        store = RunStore(tmp_path)
        run = evaluate(shared_dir / "cifar10" / "cifar10-test-2000.zip", version, pool, store)
        evaluation = store.load(run.run_id).evaluation()
        assert evaluation is not None and evaluation.accuracy.n == 2000
        assert evaluation.accuracy.value == pytest.approx(0.736, abs=0.025)


def test_hdf5_is_converted(registry: Registry, inference: Inference, tmp_path: Path, png: Any) -> None:
    import keras
    from PIL import Image

    with pytest.warns(UserWarning) if False else _quiet():
        file = saved(small((32, 32, 3), dense(3, "softmax")), tmp_path / "old.h5")
    version = add_model(file, "old", registry, class_names=("a", "b", "c"), scaling="raw")
    assert zipfile.is_zipfile(version.file)
    assert [p.name for p in registry.root.rglob("original*")] == []
    [prediction] = answers(inference, version, [png(seed=4)])
    model = keras.saving.load_model(file, compile=False)
    import io

    pixels = np.asarray(Image.open(io.BytesIO(png(seed=4))).convert("RGB"), np.float32)
    np.testing.assert_allclose(prediction.pred_probs, np.asarray(model(pixels[None]))[0], atol=1e-5)


def _quiet() -> Any:
    import warnings

    context = warnings.catch_warnings()
    return context
