from __future__ import annotations

import io
import shutil
import zipfile
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, ModelError, WorkerError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.methods import PIXEL_METHODS
from dashboard.core.files import sha256_of
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models import quarantine
from dashboard.core.models.adding import NewModel, add_model, read_input_size
from dashboard.core.models.foreign import ForeignModel
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.registry import Registry
from dashboard.core.models.samples import kept_samples
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore
from tests.core.colour_model import CLASSES, make_registry, make_samples
from tests.evaluating import evaluate
from tests.small_disk import fill
from tests.small_model import dense, forked, saved, small

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "samples"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def notes(version: ModelVersion) -> str:
    return " ".join(version.provenance["notes"])


def refused(code: str, file: Path, registry: Registry, samples: Path | None = None, **options: Any) -> DashboardError:
    """The error of a refused model, after checking that no file is left behind."""
    with pytest.raises(ModelError) as caught:
        add_model(NewModel(file, "foreign", **options), registry, samples)
    assert caught.value.code == code, caught.value
    assert not registry.root.exists() or list(registry.root.iterdir()) == []
    assert caught.value.fix
    return caught.value


@pytest.fixture(scope="module")
def article(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    file = shared_dir / "models" / "cifar10_cnn_model.keras"
    return add_model(NewModel(file, "article"), Registry(tmp_path_factory.mktemp("models")), SAMPLES)


class TestSharedModel:
    """The model of the article on which this project is based."""

    def test_is_understood(self, article: ModelVersion, shared_dir: Path) -> None:
        assert (article.ref, article.input_shape, article.output) == ("article@1", (32, 32, 3), "probabilities")
        assert article.class_names == CLASS_NAMES
        assert article.preprocessing.scaling_name == "1/255"
        assert "CIFAR-10's are assumed" in notes(article)
        assert "by scaling: 1/255 18" in notes(article)
        original = shared_dir / "models" / "cifar10_cnn_model.keras"
        assert article.provenance["original_sha256"] == sha256_of(original)
        assert sorted(p.name for p in article.folder.iterdir()) == ["model.json", "model.keras"]

    def test_explains_every_sample(self, article: ModelVersion, explainer: Explainer) -> None:
        files = sorted(SAMPLES.glob("*/*.png"))
        assert len(files) == 22
        for file in files:
            explanation = explainer.explain(article, file.read_bytes())
            assert not explanation.empty, file
            assert explanation.heatmap.max() == 1

    def test_is_as_good_as_it_was(
        self, article: ModelVersion, pool: WorkerPool, shared_dir: Path, tmp_path: Path
    ) -> None:
        store = RunStore(tmp_path)
        run = evaluate(shared_dir / "cifar10" / "cifar10-test-2000.zip", article, pool, store)
        evaluation = store.folder(run.run_id).load().evaluation()
        assert evaluation is not None and evaluation.accuracy.n == 2000
        assert evaluation.accuracy.value == pytest.approx(0.736, abs=0.025)


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled grayscale model without a convolution, saved as HDF5."""
    import keras

    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), *dense(10, "softmax")])
    model.compile("adam", "categorical_crossentropy")
    return saved(model, tmp_path_factory.mktemp("file") / "digits.h5")


@pytest.fixture(scope="module")
def digits(digits_file: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """A model added under a name that already has a version."""
    registry = Registry(tmp_path_factory.mktemp("models"))
    (registry.root / "digits" / "1").mkdir(parents=True)
    new = NewModel(digits_file, "digits", [str(i) for i in range(10)], scaling="1/255")
    return add_model(new, registry, SAMPLES, PIXEL_METHODS)


class TestGrayHdf5:
    def test_becomes_the_next_version(self, digits: ModelVersion, digits_file: Path) -> None:
        assert digits.ref == "digits@2" and digits.class_names == tuple("0123456789")
        assert (digits.input_shape, digits.output, digits.preprocessing.color) == (
            (28, 28, 1), "probabilities", "grayscale",
        )  # fmt: skip
        assert sha256_of(digits_file) == digits.provenance["original_sha256"]
        assert sorted(p.name for p in digits.folder.iterdir()) == ["model.json", "model.keras"]
        assert sorted(p.name for p in digits.folder.parents[1].iterdir()) == ["digits", "last_versions.json"]

    def test_says_what_was_assumed(self, digits: ModelVersion) -> None:
        assert "methods that need no layer can explain it (integrated-gradients, " in notes(digits)
        assert "labelled samples" not in notes(digits)  # the samples are not digits

    def test_answers_as_it_did(self, digits: ModelVersion, digits_file: Path, inference: Inference, png: Any) -> None:
        import keras

        data = png(seed=4, width=28, height=28)
        [prediction] = inference.predict(digits, [data])
        assert isinstance(prediction, Prediction)
        gray = pixels(data) @ np.array([[0.299], [0.587], [0.114]], np.float32) / 255
        model = keras.saving.load_model(digits_file, compile=False)
        np.testing.assert_allclose(prediction.pred_probs, np.asarray(model(gray))[0], atol=1e-5)


def test_lambda_is_refused(registry: Registry, tmp_path: Path) -> None:
    import keras

    mark = tmp_path / "was-here"
    first = [keras.layers.Lambda(eval(f"lambda x, p={str(mark)!r}: (open(p, 'w').close(), x)[1]"))]
    file = saved(small((32, 32, 3), dense(10, "softmax"), first), tmp_path / "m.keras")
    mark.unlink(missing_ok=True)
    assert "Lambda" in refused("model_refused", file, registry).message
    assert not mark.exists()


def test_files_that_are_no_models(registry: Registry, tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.keras", tmp_path / "text.keras"
    empty.touch()
    text.write_text("hello")
    refused("model_damaged", empty, registry)
    refused("model_format", text, registry)
    refused("model_format", tmp_path, registry)
    refused("model_missing", tmp_path / "absent.keras", registry)


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
            copy.writestr(name, data.replace(b'"units": 3', b'"units": 200000') if name == "config.json" else data)
    assert "more than the 1 GB" in refused("model_memory", large, registry, memory_bytes=2**30).message


def test_model_that_hangs(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.keras")
    monkeypatch.setattr(quarantine, "TASK_S", 0.01)
    monkeypatch.setattr(quarantine, "BYTES_PER_S", 2**40)
    error = refused("model_damaged", file, registry)
    assert "m.keras was given up: loading and trying it took longer than" in error.message


def test_a_file_whose_structure_cannot_be_read_to_its_end(
    registry: Registry, shared_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shared_dir / "cases" / "hostile" / "h5-hang.h5"
    if not file.is_file():
        pytest.skip(f"needs {file}")
    monkeypatch.setattr(quarantine, "STRUCTURE_S", 3.0)
    error = refused("model_damaged", file, registry, class_names=("a", "b"))
    assert "took longer than 3 s" in error.message and "Copy or download" in error.fix


def test_a_full_disk_leaves_no_part_of_a_model(small_disk: Path, tmp_path: Path) -> None:
    file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.keras")
    known = {"class_names": CLASS_NAMES, "scaling": "1/255"}
    fill(small_disk, leave=20_000)
    assert "No space left" in refused("storage", file, Registry(small_disk / "models"), **known).message
    assert not [*(small_disk / "models").iterdir()]


@pytest.mark.parametrize("name", ["../evil", "", ".hidden", "a/b"])
def test_names_that_leave_the_folder(name: str, registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        add_model(NewModel(tmp_path / "any.keras", name), registry)
    assert caught.value.code == "bad_name"
    assert not registry.root.exists()


def test_unknown_scaling(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="1/255"):
        add_model(NewModel(tmp_path / "any.keras", "m", scaling="1/256"), registry)
    assert not registry.root.exists()


def test_reads_input_size() -> None:
    assert read_input_size("224x160") == (224, 160)
    for wrong in ("224", "x", "224x", "ax3", "-1x3"):
        with pytest.raises(ModelError):
            read_input_size(wrong)


def pixels(data: bytes) -> np.ndarray:
    """(1, H, W, 3) float32 of a PNG file."""
    image = Image.open(io.BytesIO(data))
    return np.asarray(image.convert("RGB"), np.float32)[None]


@pytest.mark.parametrize(
    ("code", "said", "fix"),
    [
        ("out_of_memory", "could not be tried", "--memory-gb"),
        ("task_failed", "cannot be used", "Please report this"),
        ("worker_failed", "ended the process", "--memory-gb"),
    ],
)
def test_a_task_that_runs_out_of_memory_is_told_from_one_that_fails(
    code: str, said: str, fix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def submit(*arguments: object, **options: object) -> Future[None]:
        failed: Future[None] = Future()
        failed.set_exception(WorkerError("describe_model failed.", code=code))
        return failed

    tried = quarantine.Quarantine(
        ForeignModel(tmp_path / "f.keras", "f.keras", tmp_path / "m.keras", None, None, 2**30), 60
    )
    monkeypatch.setattr(tried, "_pool", SimpleNamespace(submit=submit))
    with pytest.raises(ModelError, match=said) as refused:
        tried._run("describe_model")
    assert fix in refused.value.fix


class TestWhatIsAskedFor:
    """Each message names a way out, and following it to the letter works."""

    def test_the_names_of_ten_classes_are_not_assumed_without_evidence(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        file = saved(small((32, 32, 3), dense(10, "softmax")), tmp_path / "m.keras")
        error = refused("class_names", file, registry, SAMPLES)
        assert "CIFAR-10's were tried: " in error.message and "--class-names" in error.fix
        refused("class_names", file, registry)

    def test_the_scaling(self, registry: Registry, tmp_path: Path) -> None:
        file = saved(small((8, 8, 3), dense(4, "softmax")), tmp_path / "m.keras")
        error = refused("scaling_unknown", file, registry, class_names=CLASSES)
        assert "--scale 1/255" in error.fix
        version = add_model(NewModel(file, "m", CLASSES, scaling="1/255", resample="bilinear"), registry)
        assert version.preprocessing.scaling_name == "1/255"
        assert registry.get(version.ref).preprocessing.resample == "bilinear"

    def test_samples_decide_and_stay_with_the_model(self, registry: Registry, tmp_path: Path) -> None:
        original = make_registry(tmp_path / "original").get("colour@1")  # right on raw pixels only
        samples = make_samples(tmp_path / "samples")
        new = NewModel(original.file, "colour", CLASSES, samples=samples)
        version = add_model(new, registry, SAMPLES)
        assert version.preprocessing.scaling_name == "raw"
        assert "raw is used: on the samples it is clearly the best of" in notes(version)
        assert {sample.label for sample in kept_samples(version.folder)} == set(CLASSES)
        wrong = NewModel(original.file, "other", ("a", "b", "c", "d"), samples=samples)
        with pytest.raises(ModelError, match="labels that are not classes of the model: blue, dark, green, red"):
            add_model(wrong, registry)

    def test_samples_of_other_classes_than_cifar10_s_do_not_replace_the_class_names(
        self, registry: Registry, tmp_path: Path
    ) -> None:
        file = saved(small((8, 8, 3), dense(10, "softmax")), tmp_path / "m.keras")
        samples = make_samples(tmp_path / "samples")
        with pytest.raises(ModelError) as caught:
            add_model(NewModel(file, "m", samples=samples), registry)
        error = caught.value
        assert "The names of the model's 10 classes are unknown." in error.message
        assert "samples has other labels: blue, dark, green, red" in error.message
        assert error.code == "class_names" and "--class-names" in error.fix
        names = (*CLASSES, *"abcdef")
        version = add_model(NewModel(file, "m", names, samples=samples, scaling="raw"), registry)
        assert version.class_names == names

    def test_a_zip_with_its_labels(self, registry: Registry, tmp_path: Path) -> None:
        file = saved(small((8, 8, 3), dense(2, "softmax")), tmp_path / "m.keras")
        with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
            archive.write(file, "export/model.keras")
            archive.writestr("export/labels.txt", "0 cat\n1 dog\n")
        version = add_model(NewModel(tmp_path / "m.zip", "m", scaling="tf"), registry)
        assert version.class_names == ("cat", "dog") and version.preprocessing.scaling_name == "-1..1"
        assert version.provenance["original_file"] == "m.zip"
        assert sorted(p.name for p in version.folder.iterdir()) == ["model.json", "model.keras"]


def test_a_model_that_takes_blue_first_is_asked_about(registry: Registry, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    pixels = keras.Input((8, 8, 3))
    scores = keras.layers.Dense(3)
    model = keras.Model(pixels, scores(keras.layers.GlobalAveragePooling2D()(pixels)))
    scores.set_weights([np.array([[0, 0, 0], [0, 0, 1], [0, 1, 0]], np.float32), np.array([150, 0, 0], np.float32)])
    model.save(tmp_path / "m.keras")  # dark unless the second or third number is high: green or red
    samples = make_samples(tmp_path / "samples", each=8)
    shutil.rmtree(samples / "blue")
    given = {"class_names": ("dark", "red", "green"), "samples": samples}

    error = refused("color_unknown", tmp_path / "m.keras", registry, **given)
    assert "with the colours in the order blue, green, red and the scaling raw, 24 of 24" in error.message
    assert "--color bgr --scale raw" in error.fix
    version = add_model(NewModel(tmp_path / "m.keras", "m", color="bgr", scaling="raw", **given), registry)
    assert version.preprocessing.color == "bgr" and "Warning" not in notes(version)
    version = add_model(NewModel(tmp_path / "m.keras", "m", color="rgb", scaling="raw", **given), registry)
    assert "Warning: with the colours in the order blue, green, red" in notes(version)
    given["samples"] = make_samples(tmp_path / "few", each=2)
    shutil.rmtree(given["samples"] / "blue")
    version = add_model(NewModel(tmp_path / "m.keras", "m", scaling="raw", **given), registry)
    assert version.preprocessing.color == "rgb" and "6 of 6 labelled samples are right" in notes(version)
    assert "too few samples to tell one from the other" in notes(version)


def test_a_network_of_branches_is_told_with_the_default_layer(registry: Registry, tmp_path: Path) -> None:
    file = saved(forked(4), tmp_path / "m.keras")
    told = notes(add_model(NewModel(file, "m", CLASSES), registry, pixel_methods=PIXEL_METHODS))
    assert "Maps are made from the layer right if no other is chosen. The network splits into branches" in told
    assert "the branch that ends in left: choose that layer to see it." in told and "and occlusion look at" in told


def test_a_scaling_with_its_own_order_of_colours_refuses_another(registry: Registry, tmp_path: Path) -> None:
    file = saved(small((8, 8, 3), dense(4, "softmax")), tmp_path / "m.keras")
    error = refused("bad_scaling", file, registry, class_names=CLASSES, scaling="caffe", color="rgb")
    assert "does not fit --color rgb" in error.message and "Leave out --color" in error.fix


CASES = Path("cases") / "models"


@pytest.mark.parametrize(
    ("file", "names", "scaling", "answers"),
    [
        (
            "caffe_rgb.keras",
            ("red", "green", "blue"),
            "raw",
            {"red.png": "red", "green.png": "green", "blue.png": "blue"},
        ),
        ("noise_bright.keras", ("dark", "bright"), "raw", {"white.png": "bright", "black.png": "dark"}),
        ("div255_sigmoid.keras", ("cat", "dog"), "raw", {}),
        ("tutorial_transfer.keras", ("cat", "dog"), "raw", {}),
        ("tutorial_transfer.h5", ("cat", "dog"), "raw", {}),
        ("teachable_machine_converted_keras.zip", None, "-1..1", {}),
        ("teachable_old.h5", ("cat", "dog"), "-1..1", {}),
    ],
)
def test_cases_from_the_field(
    file: str, names: tuple[str, ...] | None, scaling: str, answers: dict[str, str],
    registry: Registry, inference: Inference, shared_dir: Path,
) -> None:  # fmt: skip
    version = add_model(NewModel(shared_dir / CASES / file, "case", names), registry, SAMPLES)
    assert version.class_names == (names or ("cat", "dog"))
    assert version.preprocessing.scaling_name == scaling
    for picture, answer in answers.items():
        [prediction] = inference.predict(version, [(shared_dir / "cases" / "data" / picture).read_bytes()])
        assert isinstance(prediction, Prediction)
        assert (version.class_names[prediction.class_id], prediction.pred_probs.max() > 0.99) == (answer, True)
