"""Small fixtures that the tests share: a worker pool, a Keras model in a registry, ZIP files of generated images."""

from __future__ import annotations

import os

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # before TensorFlow is imported, here or in a worker
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.core.engine import launching
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import RECORD, ModelVersion, to_record
from tests.parallel import (  # noqa: F401  # hooks
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tests.postgres import database, postgres, settings, sqlite_settings, writer  # noqa: F401  # fixtures
from tests.small_disk import small_disk  # noqa: F401  # a fixture

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

TINY_INPUT = Preprocessing(32, 32, scale=1 / 127.5, mean=(1.0,))

MakeZip = Callable[..., Path]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of reference data beside the checkout. The tests must pass without it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the reference data in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """One real worker with TensorFlow for the whole test session. Tests that kill workers start their own pools."""
    pool = WorkerPool(1)
    yield pool
    pool.close()
    launching.template.close()


@pytest.fixture(scope="session")
def inference(pool: WorkerPool) -> Inference:
    return Inference(pool)


@pytest.fixture(scope="session")
def explainer(pool: WorkerPool) -> Explainer:
    return Explainer(pool)


def picture(seed: int, width: int = 32, height: int = 32) -> np.ndarray:
    """A (height, width, 3) uint8 image of soft coloured blobs; each seed gives another image."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(image: Image.Image | np.ndarray, format: str = "PNG", **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def png() -> Callable[..., bytes]:
    """`png(seed=0, width=32, height=32)` gives the bytes of a small PNG file."""
    return lambda seed=0, width=32, height=32: encoded(picture(seed, width, height))


@pytest.fixture
def by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program was started as `classifier-dashboard`, as an installed dashboard is."""
    monkeypatch.setattr("sys.argv", ["/env/bin/classifier-dashboard"])


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    """`make_zip({"cat": 3, "dog": 2}, name="pets.zip", prefix="", extra={"cat/broken.png": b"..."})` gives a path."""

    def make(
        classes: Mapping[str, int] | None = None,
        name: str = "images.zip",
        prefix: str = "",
        extra: Mapping[str, bytes] | None = None,
    ) -> Path:
        path = tmp_path / name
        seed = 0
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for label, count in ({"cat": 2, "dog": 2} if classes is None else classes).items():
                for i in range(count):
                    archive.writestr(f"{prefix}{label}/{i}.png", encoded(picture(seed)))
                    seed += 1
            for member, data in (extra or {}).items():
                archive.writestr(member, data)
        return path

    return make


@pytest.fixture(scope="session")
def tiny_registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A models folder with one version, tiny@1: two convolutions with random weights, and CIFAR-10's classes."""
    import keras

    folder = tmp_path_factory.mktemp("models") / "tiny" / "1"
    folder.mkdir(parents=True)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="conv_a"),
            keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu", name="conv_b"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(len(CLASS_NAMES), kernel_initializer=keras.initializers.RandomNormal(stddev=3.0)),
        ]
    )
    version = ModelVersion("tiny", "1", folder, CLASS_NAMES, TINY_INPUT, "logits", sha256="", temperature=0.5)
    model.save(version.file)
    write_json(folder / RECORD, to_record(replace(version, sha256=sha256_of(version.file))))
    return Registry(folder.parents[1])


@pytest.fixture(scope="session")
def tiny_version(tiny_registry: Registry) -> ModelVersion:
    return tiny_registry.get("tiny@1")
