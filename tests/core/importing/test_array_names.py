"""The names of images and classes among the arrays of an .npz file of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.core.analysis.same_images import same_images
from dashboard.core.errors import DatasetError
from dashboard.core.importing.dropped import recognise
from dashboard.core.importing.opening import open_predictions
from dashboard.core.importing.predictions import Imported, ImportRequest, import_predictions
from dashboard.core.importing.which_arrays import Reading
from dashboard.core.runs.store import RunStore

PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]])
FILES = np.array(["a.png", "b.png", "c.png", "d.png"])
CLASSES = np.array(["cat", "dog", "frog"])
TRUE = np.array(["cat", "dog", "dog", "cat"])


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "key, values",
    [
        ("files", FILES), ("filename", FILES), ("fileNames", FILES), ("filenames", FILES), ("paths", FILES), ("images", FILES),
        ("image_paths", FILES), ("names", FILES), ("ids", FILES), ("image_ids", FILES), ("files", FILES.astype("S")),
        ("ids", np.array([40, 30, 20, 10])), ("image_id", np.array([3, 2, 1, 0])),
    ],
)  # fmt: skip
def test_labels_are_matched_by_the_names_of_the_images(
    tmp_path: Path, store: RunStore, key: str, values: np.ndarray
) -> None:
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, **{key: values})
    names = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
    rows = [f"{name},{label}\n" for name, label in zip(names, TRUE, strict=True)]
    (tmp_path / "y.csv").write_text("file,label\n" + "".join(reversed(rows)))
    imported = import_predictions(ImportRequest(path, tuple(CLASSES), tmp_path / "y.csv"), store)
    table = store.folder(imported.manifest.run_id).load().table
    assert table["file"].tolist() == names and table["true_label"].tolist() == TRUE.tolist()
    assert imported.manifest.notes == ("Labels are taken from y.csv.",)


@pytest.mark.parametrize(
    "values", [FILES[[0, 1, 0, 1]], np.array([0, 1, 1, 0]), np.array([0.5, 1, 2, 3]), FILES[:, None]]
)
def test_values_that_repeat_or_are_no_names_do_not_name_the_images(tmp_path: Path, values: np.ndarray) -> None:
    opened = open_predictions(saved(tmp_path / "x.npz", pred_probs=PROBS, labels=[0, 1, 1, 0], ids=values), None)
    assert list(opened.files()) == []


def test_names_of_images_are_not_taken_for_true_labels(tmp_path: Path) -> None:
    for arrays in ({"pred_probs": PROBS, "ids": np.arange(4) % 4}, {"scores": PROBS, "files": FILES}):
        found = recognise([saved(tmp_path / "x.npz", **arrays)], ())
        assert found and found.readings == () and found.label_counts == {}


def test_the_names_of_images_are_given_piece_by_piece(
    tmp_path: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.core.importing.predictions_file.PIECE_ROWS", 3)
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, files=FILES, labels=TRUE, class_names=CLASSES)
    table = store.folder(import_predictions(ImportRequest(path), store).manifest.run_id).load().table
    assert table["file"].tolist() == FILES.tolist() and table["true_label"].tolist() == TRUE.tolist()


@pytest.mark.parametrize("key", ["files", "ids"])
def test_predictions_for_other_images_are_not_compared_row_by_row(tmp_path: Path, store: RunStore, key: str) -> None:
    def run(name: str, names: list[str]) -> Any:
        path = saved(tmp_path / name, pred_probs=PROBS, labels=[0, 1, 1, 0], **{key: np.array(names)})
        return store.folder(import_predictions(ImportRequest(path), store).manifest.run_id).load()

    first = run("x.npz", ["a", "b", "c", "d"])
    with pytest.raises(DatasetError, match="share no image"):
        same_images(first, run("y.npz", ["e", "f", "g", "h"]))
    assert same_images(first, run("z.npz", ["d", "c", "b", "x"])).places_b.tolist() == [2, 1, 0]


@pytest.mark.parametrize("key", ["class_names", "classes", "label_names", "names", "categories", "target_names"])
@pytest.mark.parametrize("values", [CLASSES, CLASSES.astype("S")])
def test_the_classes_have_the_names_in_the_file(tmp_path: Path, store: RunStore, key: str, values: np.ndarray) -> None:
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, labels=TRUE, **{key: values})
    imported = import_predictions(ImportRequest(path), store)
    assert imported.manifest.class_names == tuple(CLASSES) and imported.manifest.notes == ()
    assert imported.evaluation and imported.evaluation.accuracy.value == 0.75
    found = recognise([path], ("x", "y", "z"))
    assert found and found.possible_names("m@1", ("x", "y", "z")) == {"the file": tuple(CLASSES)}


def accuracy(imported: Imported) -> float | None:
    return imported.evaluation.accuracy.value if imported.evaluation else None


def test_class_names_that_the_user_gives_count(tmp_path: Path, store: RunStore) -> None:
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, labels=TRUE, class_names=CLASSES)
    ordered = import_predictions(ImportRequest(path, ("dog", "cat", "frog")), store)
    assert ordered.manifest.class_names == ("dog", "cat", "frog") and accuracy(ordered) == 0
    assert ordered.manifest.notes == (
        "x.npz names the classes cat, dog, frog. Instead, the given names count: dog, cat, frog.",
    )
    renamed = import_predictions(ImportRequest(path, ("x", "y", "z")), store)
    assert renamed.manifest.class_names == ("x", "y", "z") and accuracy(renamed) == 0.75
    same = import_predictions(ImportRequest(path, tuple(CLASSES)), store)
    assert same.manifest.notes == () and accuracy(same) == 0.75


def test_both_classes_of_one_probability_may_be_named_in_the_file(tmp_path: Path, store: RunStore) -> None:
    arrays = {"pred_probs": np.array([0.9, 0.2, 0.8]), "labels": np.array(["yes", "no", "no"])}
    path = saved(tmp_path / "x.npz", **arrays, classes=np.array(["no", "yes"]))
    imported = import_predictions(ImportRequest(path), store)
    assert imported.manifest.class_names == ("no", "yes") and accuracy(imported) == pytest.approx(2 / 3)
    assert "It is taken as that of yes" in imported.manifest.notes[0]
    found = recognise([path], ())
    assert found and found.possible_names("m@1", ("a", "b")) == {"the file": ("no", "yes")}
    turned = import_predictions(ImportRequest(path, ("yes", "no")), store)
    assert "It is taken as that of no" in turned.manifest.notes[0]
    with pytest.raises(DatasetError) as refused:
        import_predictions(ImportRequest(path, ("a", "b", "c")), store)
    assert "`--class-names no,yes`" in str(refused.value.fix)


@pytest.mark.parametrize(
    "arrays, told",
    [
        ({"class_names": CLASSES[[0, 1, 1]]}, "x.npz: class_names is not used, since class names must be different"),
        ({"class_names": CLASSES[:2]}, "x.npz: class_names is not used, since it has 2 names for 3 classes."),
        ({"files": FILES[:2]}, "x.npz: files is not used, since it has 2 names for 4 rows."),
    ],
)
def test_names_that_do_not_fit_are_told(
    tmp_path: Path, store: RunStore, arrays: dict[str, np.ndarray], told: str
) -> None:
    imported = import_predictions(ImportRequest(saved(tmp_path / "x.npz", pred_probs=PROBS, **arrays)), store)
    assert imported.manifest.class_names == ("0", "1", "2") and imported.manifest.notes[0].startswith(told)


def test_names_that_may_be_those_of_images_or_of_classes_are_not_guessed(tmp_path: Path) -> None:
    square, names = PROBS[:3], np.array(["x", "y", "z"])
    opened = open_predictions(saved(tmp_path / "x.npz", pred_probs=square, names=names), None)
    assert opened.class_names is None and list(opened.files()) == []
    assert opened.notes == (
        "x.npz: names may name the images or the classes, so it is not used. Call it files or class_names.",
    )
    opened = open_predictions(
        saved(tmp_path / "x.npz", pred_probs=square, names=names, classes=CLASSES), None, Reading("pred_probs", None)
    )
    assert opened.class_names == tuple(CLASSES) and list(opened.files()) == names.tolist() and opened.notes == ()


@pytest.mark.parametrize("name", [b"\xff\xfe", "a\0b", "\ud800"])
def test_names_that_are_no_text_are_refused(tmp_path: Path, name: str | bytes) -> None:
    values = [name, *FILES[1:].tolist()] if isinstance(name, str) else [name, b"b", b"c", b"d"]
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, files=np.array(values))
    with pytest.raises(DatasetError, match=r"x.npz: files cannot be read as names"):
        open_predictions(path, None)


def test_names_of_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, files=FILES)
    monkeypatch.setattr("dashboard.core.importing.array_names._MOST_CHARS", 20)
    assert list(open_predictions(path, None).files()) == FILES.tolist()
    monkeypatch.setattr("dashboard.core.importing.array_names._MOST_CHARS", 19)
    with pytest.raises(DatasetError, match=r"x.npz: files cannot be read as names: its names have more than 19 char"):
        open_predictions(path, None)


def test_names_beside_labels_in_another_file(tmp_path: Path, store: RunStore) -> None:
    path = saved(tmp_path / "x.npz", pred_probs=PROBS, files=FILES, class_names=CLASSES)
    order = [3, 0, 2]
    labels = saved(tmp_path / "y.npz", labels=TRUE[order], files=FILES[order])
    imported = import_predictions(ImportRequest(path, labels=labels), store)
    given = store.folder(imported.manifest.run_id).load().table["true_label"]
    assert given.astype(object).fillna("").tolist() == ["cat", "", "dog", "cat"]


def test_the_arrays_that_are_chosen_leave_the_names(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npz", a=PROBS, b=PROBS[::-1], c=TRUE, files=FILES, class_names=CLASSES)
    found = recognise([path], ())
    assert found and len(found.readings) == 2
    chosen = found.read_as(found.readings[1])
    assert chosen.class_names == tuple(CLASSES) and sum(chosen.label_counts.values()) == 4


@pytest.mark.parametrize("array", ["files", "class_names", "labels"])
def test_text_that_is_no_unicode_is_damage(tmp_path: Path, store: RunStore, array: str) -> None:
    beyond = np.frombuffer(np.array([[ord("a"), 0x80000000], [ord("b"), ord("c")]], np.uint32).tobytes(), "<U2")
    np.savez(tmp_path / "x.npz", **{"pred_probs": np.array([[0.25, 0.75], [0.5, 0.5]]), array: beyond})
    with pytest.raises(DatasetError) as caught:
        import_predictions(ImportRequest(tmp_path / "x.npz"), store)
    assert caught.value.fix and store.list() == []
