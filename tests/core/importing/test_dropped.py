"""Uploaded files: which of them hold predictions, and which may."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.uploads import keep_upload
from dashboard.core.importing.dropped import keep_predictions, recognise
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.settings import Settings
from tests.conftest import encoded, picture

PROBS = np.array([[0.9, 0.1], [0.25, 0.75]])


def saved(path: Path, array: np.ndarray) -> Path:
    np.save(path, array)
    return path


def test_an_array_of_probabilities_with_its_labels(tmp_path: Path) -> None:
    labels, probs = saved(tmp_path / "a_labels.npy", np.array([0, 1])), saved(tmp_path / "probs.npy", PROBS)
    for order in ([labels, probs], [probs, labels]):
        found = recognise(order, CLASS_NAMES)
        assert found and (found.predictions, found.labels) == (probs, labels)
        assert (found.n_rows, found.n_classes, found.unsure) == (2, 2, "")
        assert found.label_counts == {"0": 1, "1": 1}
    assert list(found.possible_names("m@1", ("a", "b"))) == ["m@1", "numbers from 0"]
    assert list(found.possible_names("m@1", ("a", "b", "c"))) == ["numbers from 0"]


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 8, 8, 3), np.uint8), np.arange(4), np.array([[0.5, 0.1]]), np.array([[2.0, -1.0]]), np.ones((3, 1))],
    ids=["images", "labels", "does not sum to 1", "logits", "one column"],
)
def test_other_arrays_are_no_predictions(tmp_path: Path, array: np.ndarray) -> None:
    assert recognise([saved(tmp_path / "x.npy", array)], CLASS_NAMES) is None


def test_tables_of_probabilities(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,p_cat,p_dog\na.png,cat,0.9,0.1\n")
    found = recognise([tmp_path / "theirs.csv"], CLASS_NAMES)
    assert found and found.class_names == ("cat", "dog") and not found.unsure and found.label_counts == {"cat": 1}
    (tmp_path / "labels.csv").write_text("file,label\na.png,cat\n")
    assert recognise([tmp_path / "labels.csv"], CLASS_NAMES) is None
    (tmp_path / "onehot.csv").write_text("image,cat,dog\na,1.0,0.0\nb,0.0,1.0\n")
    found = recognise([tmp_path / "onehot.csv"], ("cat", "dog"))
    assert found and found.unsure == "its numbers are all 0 or 1, as in a table of true labels"
    assert found.possible_names("m@1", ("x", "y")) == {"the file": ("cat", "dog")}


def test_one_probability_per_row(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,p_dog\na.png,cat,0.1\nb.png,dog,\n")
    found = recognise([tmp_path / "theirs.csv"], CLASS_NAMES)
    assert found and found.n_classes == 1 and found.unsure.startswith("only one of its columns may hold probabilities")
    assert found.possible_names("m@1", CLASS_NAMES) == {"the file": ("not dog", "dog")}
    (tmp_path / "labels.csv").write_text("file,label,p_value\na.png,cat,7\nb.png,dog,0.5\n")
    assert recognise([tmp_path / "labels.csv"], CLASS_NAMES) is None
    for array in (np.array([0.1, 0.9]), np.array([[0.1], [0.9]])):
        found = recognise([saved(tmp_path / "x.npy", array)], CLASS_NAMES)
        assert found and (found.n_rows, found.n_classes, found.unsure) == (2, 1, "")
        assert list(found.possible_names("m@1", ("a", "b"))) == ["m@1", "numbers from 0"]


def test_a_parquet_file_of_images_and_probabilities_is_asked_about(tmp_path: Path) -> None:
    columns = {"image": [encoded(picture(1))], "label": ["cat"], "pred_probs": [[0.5, 0.5]]}
    pq.write_table(pa.table(columns), tmp_path / "both.parquet")
    found = recognise([tmp_path / "both.parquet"], CLASS_NAMES)
    assert found and found.unsure == "it also holds image, which may be images"
    pq.write_table(pa.table({"image": columns["image"], "label": ["cat"]}), tmp_path / "images.parquet")
    assert recognise([tmp_path / "images.parquet"], CLASS_NAMES) is None


def test_what_is_no_prediction_is_not_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    image, table = ("a.png", io.BytesIO(encoded(picture(1)))), ("labels.csv", io.BytesIO(b"file,label\na.png,cat\n"))
    assert keep_predictions([image, table], CLASS_NAMES, settings) is None
    assert keep_predictions([table], CLASS_NAMES, settings) is None
    assert not settings.uploads_dir.exists() or list(settings.uploads_dir.iterdir()) == []
    kept = keep_predictions(
        [("p.npy", io.BytesIO(saved(tmp_path / "p.npy", PROBS).read_bytes()))], CLASS_NAMES, settings
    )
    assert kept and kept.predictions.is_file()


def test_an_earlier_upload_stays(tmp_path: Path) -> None:
    """The same images come first alone, then with labels, then under another name."""
    settings = Settings(data_dir=tmp_path)
    images, labels = io.BytesIO(), io.BytesIO()
    np.save(images, np.zeros((4, 8, 8, 3), np.uint8))
    np.save(labels, np.eye(4, dtype=np.uint8))  # one-hot: no predictions

    def content(file: io.BytesIO) -> io.BytesIO:
        return io.BytesIO(file.getvalue())

    kept = keep_upload(content(images), "x.npy", settings)
    assert keep_predictions([("x.npy", content(images)), ("labels.npy", content(labels))], ("a", "b"), settings) is None
    assert keep_predictions([("x (1).npy", content(images))], ("a", "b"), settings) is None
    assert kept.is_file() and [path.name for path in settings.uploads_dir.glob("*/*")] == ["x.npy"]


def test_files_that_may_be_both_are_a_dataset_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "both.npz", images=np.stack([picture(0), picture(1)]), pred_probs=PROBS, labels=[0, 1])
    found = recognise([tmp_path / "both.npz"], CLASS_NAMES)
    assert found and found.unsure == "it also holds images, which may be images"
    assert len(open_dataset(found.as_dataset(Settings(data_dir=tmp_path))).samples) == 2


def test_real_predictions(shared_dir: Path) -> None:
    probs = shared_dir / "oracles" / "cifar10_test_pred_probs.npy"
    if not probs.exists():
        pytest.skip(f"{probs} is not there")
    found = recognise([probs, probs.with_name("cifar10_test_labels.npy")], CLASS_NAMES)
    assert found and found.n_rows == 10_000 and not found.unsure and set(found.label_counts.values()) == {1000}
