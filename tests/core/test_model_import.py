from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

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
    assert not registry.root.exists() or list(registry.root.iterdir()) == []
    assert caught.value.fix
    return caught.value


def answers(inference: Inference, version: ModelVersion, files: list[bytes]) -> list[Prediction]:
    predictions = inference.predict(version, files)
    assert all(isinstance(p, Prediction) for p in predictions)
    return predictions  # type: ignore[return-value]


@pytest.fixture(scope="module")
def article(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    file = shared_dir / "models" / "cifar10_cnn_model.keras"
    return add_model(file, "article", Registry(tmp_path_factory.mktemp("models")), samples=SAMPLES)


class TestSharedModel:
    """The model of the article that this project starts from."""

    def test_is_understood(self, article: ModelVersion, shared_dir: Path) -> None:
        assert (article.ref, article.input_shape, article.output) == ("article@1", (32, 32, 3), "probabilities")
        assert article.class_names == CLASS_NAMES
        assert article.preprocessing.scaling_name == "1/255"
        assert "CIFAR-10's are assumed" in notes(article)
        assert "by scaling: 1/255 18" in notes(article)
        original = shared_dir / "models" / "cifar10_cnn_model.keras"
        assert article.provenance["original_sha256"] == sha256_of(original)
        assert sorted(p.name for p in article.folder.iterdir()) == ["model.json", "model.keras"]

    def test_explains_every_sample(self, article: ModelVersion, inference: Inference) -> None:
        files = sorted(SAMPLES.glob("*/*.png"))
        assert len(files) == 20
        for file in files:
            explanation = inference.explain(article, file.read_bytes())
            assert not explanation.empty, file
            assert explanation.heatmap.max() == 1

    def test_is_as_good_as_it_was(
        self, article: ModelVersion, pool: WorkerPool, shared_dir: Path, tmp_path: Path
    ) -> None:
        store = RunStore(tmp_path)
        run = evaluate(shared_dir / "cifar10" / "cifar10-test-2000.zip", article, pool, store)
        evaluation = store.load(run.run_id).evaluation()
        assert evaluation is not None and evaluation.accuracy.n == 2000
        assert evaluation.accuracy.value == pytest.approx(0.736, abs=0.025)


def test_hdf5_is_converted(registry: Registry, inference: Inference, tmp_path: Path, png: Any) -> None:
    model = small((32, 32, 3), dense(3, "softmax"))
    model.compile("adam", "categorical_crossentropy")
    file = saved(model, tmp_path / "old.h5")
    before = sha256_of(file)
    version = add_model(file, "old", registry, class_names=("a", "b", "c"), scaling="raw")
    assert sha256_of(file) == before == version.provenance["original_sha256"]
    assert sorted(p.name for p in version.folder.iterdir()) == ["model.json", "model.keras"]
    [prediction] = answers(inference, version, [png(seed=4)])
    np.testing.assert_allclose(prediction.pred_probs, np.asarray(model(pixels(png(seed=4))))[0], atol=1e-5)


def test_hdf5_of_keras_2(registry: Registry, tmp_path: Path) -> None:
    import keras

    first = [keras.layers.DepthwiseConv2D(3)]
    file = saved(small((32, 32, 3), dense(3, "softmax"), first), tmp_path / "keras2.h5")

    def age(layer: dict[str, Any]) -> None:
        config = layer["config"]
        if layer["class_name"] == "InputLayer":
            config["batch_input_shape"] = config.pop("batch_shape")
            del config["optional"]
        if layer["class_name"] == "DepthwiseConv2D":
            config["groups"] = 1

    edit_hdf5(file, lambda config: [age(layer) for layer in config["config"]["layers"]])
    assert add_model(file, "old", registry, class_names=("a", "b", "c")).class_names == ("a", "b", "c")


def test_gray_digits(registry: Registry, inference: Inference, tmp_path: Path, png: Any) -> None:
    model = small((28, 28, 1), dense(10, None))
    file = saved(model, tmp_path / "digits.keras")
    error = refused("class_names", file, registry, samples=SAMPLES)  # ten outputs, but gray: not CIFAR-10
    assert "10 classes" in error.message and "--class-names" in error.fix
    version = add_model(file, "digits", registry, class_names=[str(i) for i in range(10)], samples=SAMPLES)
    assert (version.input_shape, version.output, version.preprocessing.color) == ((28, 28, 1), "logits", "grayscale")
    assert "labelled samples" not in notes(version)  # they are no digits
    [prediction] = answers(inference, version, [png(width=28, height=28)])
    gray = pixels(png(width=28, height=28)) @ np.array([[0.299], [0.587], [0.114]]) / 255
    np.testing.assert_allclose(prediction.logits, np.asarray(model(gray.astype(np.float32)))[0], atol=1e-4)


@pytest.mark.parametrize(("activation", "output"), [("sigmoid", "probabilities"), (None, "logits")])
def test_two_classes_from_one_output(
    activation: str | None, output: str, registry: Registry, inference: Inference, tmp_path: Path, png: Any
) -> None:
    model = small((16, 16, 3), dense(1, activation))
    version = add_model(saved(model, tmp_path / "m.keras"), "pets", registry, class_names=("cat", "dog"), scaling="raw")
    assert version.output == output
    assert "first class name" in notes(version)
    [prediction] = answers(inference, version, [png(width=16, height=16)])
    answer = float(np.asarray(model(pixels(png(width=16, height=16))))[0, 0])
    dog = answer if activation else 1 / (1 + np.exp(-answer))
    np.testing.assert_allclose(prediction.pred_probs, [1 - dog, dog], atol=1e-5)


def test_model_that_scales_by_itself_gets_raw_pixels(registry: Registry, tmp_path: Path) -> None:
    import keras

    first = [keras.layers.RandomFlip(), keras.layers.Rescaling(1 / 255)]
    file = saved(small((32, 32, 3), dense(10, "softmax"), first), tmp_path / "m.keras")
    version = add_model(file, "m", registry)
    assert version.preprocessing.scaling_name == "raw"
    assert "by itself" in notes(version)
    again = add_model(file, "m", registry, scaling="1/255")
    assert (again.ref, again.preprocessing.scaling_name) == ("m@2", "1/255")


def test_compiled_models_inside_a_model_lose_their_training_state(registry: Registry, tmp_path: Path) -> None:
    import keras

    inner = small((32, 32, 3), [])
    inner.compile("adam", "mse")
    inputs = keras.Input((32, 32, 3))
    outer = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inner(inputs)))
    outer.compile("sgd", keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    version = add_model(saved(outer, tmp_path / "m.keras"), "nested", registry, class_names=("a", "b", "c"))
    with zipfile.ZipFile(version.file) as archive:
        config = json.loads(archive.read("config.json"))
    assert not config.get("compile_config")
    assert "Adam" not in json.dumps(config)


def test_size_must_be_said_for_a_model_of_any_size(registry: Registry, tmp_path: Path) -> None:
    file = saved(small((None, None, 3), dense(3, "softmax")), tmp_path / "any.keras")
    error = refused("input_size", file, registry, class_names=("a", "b", "c"))
    assert "--input-size" in error.fix
    version = add_model(file, "any", registry, class_names=("a", "b", "c"), input_size=(48, 40))
    assert version.input_shape == (48, 40, 3)


def test_model_without_convolution_is_added_with_a_note(registry: Registry, tmp_path: Path) -> None:
    import keras

    layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), *dense(3, "softmax")]
    file = saved(keras.Sequential(layers), tmp_path / "dense.keras")
    assert "explanations do not" in notes(add_model(file, "dense", registry, class_names=("a", "b", "c")))


def test_wrong_class_names(registry: Registry, tmp_path: Path) -> None:
    file = saved(small((32, 32, 3), dense(3, "softmax")), tmp_path / "m.keras")
    assert "3 classes, but 2 names" in refused("class_names", file, registry, class_names=("a", "b")).message
    refused("class_names", file, registry, class_names=("a", "b", "a"))
    assert "not known" in refused("class_names", file, registry).message


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_lambda_is_refused(suffix: str, registry: Registry, tmp_path: Path) -> None:
    import keras

    mark = tmp_path / "was-here"
    first = [keras.layers.Lambda(eval(f"lambda x, p={str(mark)!r}: (open(p, 'w').close(), x)[1]"))]
    file = saved(small((32, 32, 3), dense(10, "softmax"), first), tmp_path / f"m.{suffix}")
    mark.unlink(missing_ok=True)
    assert "Lambda" in refused("model_refused", file, registry).message
    assert not mark.exists()


def test_hdf5_with_a_class_that_is_no_part_of_keras_is_refused(registry: Registry, tmp_path: Path) -> None:
    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.h5")
    edit_hdf5(file, lambda config: config["config"]["layers"][1].update(class_name="deserialize"))
    assert "deserialize" in refused("model_refused", file, registry).message


def test_hdf5_that_points_into_another_file_is_refused(registry: Registry, tmp_path: Path) -> None:
    import h5py

    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.h5")
    with h5py.File(file, "r+") as opened:
        opened["model_weights/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
    assert "elsewhere" in refused("model_refused", file, registry).message


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_truncated_file(suffix: str, registry: Registry, tmp_path: Path) -> None:
    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / f"m.{suffix}")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "damaged" in refused("model_damaged", file, registry).message


def test_files_that_are_no_models(registry: Registry, tmp_path: Path) -> None:
    empty, text, weights = tmp_path / "empty.keras", tmp_path / "text.keras", tmp_path / "m.weights.h5"
    empty.touch()
    text.write_text("hello")
    small((32, 32, 3), dense(10, "softmax")).save_weights(weights)
    refused("model_damaged", empty, registry)
    refused("model_format", text, registry)
    refused("model_format", tmp_path, registry)
    refused("model_missing", tmp_path / "absent.keras", registry)
    assert "weights only" in refused("model_weights_only", weights, registry).message


def test_models_that_are_no_image_classifiers(registry: Registry, tmp_path: Path) -> None:
    import keras

    images, more = keras.Input((32, 32, 3)), keras.Input((32, 32, 3))
    flat = keras.layers.Flatten()(keras.layers.Add()([images, more]))
    two = keras.Model([images, more], keras.layers.Dense(10)(flat))
    assert "2 inputs" in refused("model_shape", saved(two, tmp_path / "two.keras"), registry).message
    table = keras.Sequential([keras.Input((7,)), *dense(10, "softmax")])
    assert "no image model" in refused("model_shape", saved(table, tmp_path / "table.keras"), registry).message
    first = keras.Sequential([keras.Input((3, 32, 32)), keras.layers.Flatten(), *dense(10, "softmax")])
    assert "channels first" in refused("model_shape", saved(first, tmp_path / "first.keras"), registry).message
    grid = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Conv2D(10, 3)])
    assert "no classifier" in refused("model_shape", saved(grid, tmp_path / "grid.keras"), registry).message
    regression = small((32, 32, 3), dense(1, "relu"))
    assert "regression" in refused("model_shape", saved(regression, tmp_path / "r.keras"), registry).message


def test_subclassed_model(registry: Registry, tmp_path: Path) -> None:
    import keras

    class Net(keras.Model):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.dense = keras.layers.Dense(10)

        def call(self, x: Any) -> Any:
            return self.dense(keras.ops.mean(x, axis=(1, 2)))

    model = Net()
    model(np.zeros((1, 32, 32, 3), np.float32))
    error = refused("model_subclassed", saved(model, tmp_path / "net.keras"), registry)
    assert "Net: a subclassed model" in error.message


def test_weights_that_are_not_finite(registry: Registry, tmp_path: Path) -> None:
    model = small((32, 32, 3), dense(10, "softmax"))
    model.layers[-1].bias.assign(np.full(10, np.nan))
    assert "bias" in refused("not_finite", saved(model, tmp_path / "nan.keras"), registry).message


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is limited on Linux only")
def test_model_that_needs_too_much_memory(registry: Registry, tmp_path: Path) -> None:
    import keras

    file = saved(
        keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), *dense(3, "softmax")]), tmp_path / "m.keras"
    )
    large = tmp_path / "large.keras"
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(large, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            copy.writestr(name, data.replace(b'"units": 3', b'"units": 900000') if name == "config.json" else data)
    assert "more than the 1 GB" in refused("model_memory", large, registry, memory_bytes=2**30).message


def test_model_that_ends_its_process(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.keras")
    monkeypatch.setattr(model_import, "TASK_S", 0.01)  # a hang is ended like a crash
    error = refused("model_kills_worker", file, registry)
    assert "m.keras ended the process" in error.message and "GB of memory" in error.fix


def test_disk_full(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(path: Path, record: Any) -> None:
        raise OSError(28, "No space left on device")

    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.keras")
    monkeypatch.setattr(model_import, "write_json", no_space)
    assert "No space left" in refused("storage", file, registry).message


@pytest.mark.parametrize("name", ["../evil", "", ".hidden", "a/b"])
def test_names_that_leave_the_folder(name: str, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        add_model(tmp_path / "any.keras", name, registry)
    assert caught.value.code == "bad_name"
    assert not registry.root.exists()


def test_unknown_scaling(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="1/255"):
        add_model(tmp_path / "any.keras", "m", registry, scaling="1/256")
    assert not registry.root.exists()


class TestChoosingTheScaling:
    """20 samples; the numbers are how many each scaling gets right, the same ones first."""

    def results(self, **correct: int) -> SampleResults:
        names = {"scaled": "1/255", "raw": "raw"}
        return SampleResults({names[k]: np.arange(20) < n for k, n in correct.items()})

    def test_clearly_better_one_is_taken(self) -> None:
        chosen, found = choose_scaling(None, "1/255", False, self.results(scaled=9, raw=14))  # 5 to 0: p = 1/32
        assert chosen == "raw"
        assert "raw is used, which is clearly better" in found[0]

    def test_slightly_better_one_is_only_mentioned(self) -> None:
        chosen, found = choose_scaling(None, "1/255", False, self.results(scaled=10, raw=14))  # 4 to 0: p = 1/16
        assert chosen == "1/255"
        assert found == (
            "No scaling was given; 1/255 is assumed.",
            "Of 20 labelled samples it gets right, by scaling: 1/255 10, raw 14.",
        )

    def test_order_is_obeyed_with_a_warning(self) -> None:
        chosen, found = choose_scaling("1/255", "1/255", False, self.results(scaled=5, raw=18))
        assert chosen == "1/255"
        assert "Warning: raw is clearly better" in found[0]
        assert "gets 5 of 20 samples right" in found[2]

    def test_without_samples(self) -> None:
        assert choose_scaling("raw", "1/255", False, None) == ("raw", ())
        assert choose_scaling(None, "raw", True, None)[0] == "raw"


def test_reads_class_names(tmp_path: Path) -> None:
    assert read_class_names("a, b,c") == ("a", "b", "c")
    file = tmp_path / "names.txt"
    file.write_text("\ufefftabby cat\r\nhouse, brick\n\n", encoding="utf-8")
    assert read_class_names(str(file)) == ("tabby cat", "house, brick")
    with pytest.raises(ModelError):
        read_class_names(str(tmp_path / "absent.txt"))


def test_reads_input_size() -> None:
    assert read_input_size("224x160") == (224, 160)
    for wrong in ("224", "x", "224x", "ax3", "-1x3"):
        with pytest.raises(ModelError):
            read_input_size(wrong)


def pixels(data: bytes) -> np.ndarray:
    """(1, H, W, 3) float32 of a PNG file."""
    image = Image.open(io.BytesIO(data))
    return np.asarray(image.convert("RGB"), np.float32)[None]


def edit_hdf5(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    import h5py

    with h5py.File(file, "r+") as opened:
        config = json.loads(opened.attrs["model_config"])
        edit(config)
        del opened.attrs["model_config"]
        opened.attrs["model_config"] = json.dumps(config)
