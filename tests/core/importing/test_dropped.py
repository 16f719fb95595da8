"""Uploaded files: which of them hold predictions, and which may."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.uploads import keep_upload
from dashboard.core.errors import DatasetError
from dashboard.core.importing.dropped import DroppedPredictions, keep_predictions, recognise
from dashboard.core.importing.opening import open_predictions, read_arrays
from dashboard.core.importing.true_labels import read_given_labels
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
    (tmp_path / "numbers.csv").write_text("p_0,p_1\n0.5,0.5\n0.25,0.75\n")
    numbered = recognise([tmp_path / "numbers.csv"], CLASS_NAMES)
    assert numbered and numbered.possible_names("m@1", ("x", "y")) == {"the file": ("0", "1"), "m@1": ("x", "y")}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_logits_is_refused_when_it_is_uploaded(tmp_path: Path, kind: str) -> None:
    frame = pd.DataFrame({"file": ["a.png"], "p_cat": [-1.5], "p_dog": [2.5], "label": ["cat"]})
    data = frame.to_csv(index=False).encode() if kind == "csv" else frame.to_parquet()
    with pytest.raises(DatasetError, match="holds numbers outside 0 to 1") as refused:
        keep_predictions([(f"x.{kind}", io.BytesIO(data))], CLASS_NAMES, Settings(data_dir=tmp_path))
    assert refused.value.fix == "Save probabilities, the softmax of logits."


def test_one_probability_per_row(tmp_path: Path) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,p_dog\na.png,cat,0.1\nb.png,dog,\nc.png,ant,0.2\n")
    found = recognise([tmp_path / "theirs.csv"], CLASS_NAMES)
    assert found and found.n_classes == 1 and found.unsure.startswith("only one of its columns may hold probabilities")
    assert found.possible_names("m@1", CLASS_NAMES) == {"the file": ("not dog", "dog")}
    (tmp_path / "labels.csv").write_text("file,label,p_value\na.png,cat,7\nb.png,dog,0.5\n")
    assert recognise([tmp_path / "labels.csv"], CLASS_NAMES) is None
    for array in (np.array([0.1, 0.9]), np.array([[0.1], [0.9]])):
        found = recognise([saved(tmp_path / "x.npy", array)], CLASS_NAMES)
        assert found and (found.n_rows, found.n_classes, found.unsure) == (2, 1, "")
        assert list(found.possible_names("m@1", ("a", "b"))) == ["m@1", "numbers from 0"]


@pytest.mark.parametrize(
    "labels, column, names",
    [
        (("yes", "no", "no"), "prob", ("no", "yes")),
        (("yes", "no", "none of these"), "prob", ("no", "yes")),
        (("yes", "no", ""), "prob_no", ("yes", "no")),
        (("1", "-1", "1"), "score", ("-1", "1")),
        (("1", "-1", "0"), "score", ("0", "1")),
    ],
)
def test_two_true_labels_are_the_classes_of_one_probability_per_row(
    tmp_path: Path, labels: Sequence[str], column: str, names: tuple[str, str]
) -> None:
    rows = "".join(f"{i},{label},{i / 4}\n" for i, label in enumerate(labels))
    (tmp_path / "x.csv").write_text(f"id,y_true,{column}\n{rows}")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and found.possible_names("m@1", ("a", "b")) == {"the true labels": names, "m@1": ("a", "b")}
    assert found.known_class == ("no" if column == "prob_no" else "")
    assert found.likely_class(names) == (1 if names == ("0", "1") else None)


@pytest.mark.parametrize("labels", [("yes", "no", "perhaps"), ("yes", "yes", "")])
def test_more_or_fewer_true_labels_are_not_the_two_classes(tmp_path: Path, labels: Sequence[str]) -> None:
    rows = "".join(f"{i},{label},{i / 4}\n" for i, label in enumerate(labels))
    (tmp_path / "x.csv").write_text(f"id,y_true,prob\n{rows}")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and list(found.possible_names("m@1", CLASS_NAMES)) == ["numbers from 0"]


def test_a_parquet_file_of_images_and_probabilities_is_asked_about(tmp_path: Path) -> None:
    columns = {"image": [encoded(picture(1))], "label": ["cat"], "pred_probs": [[0.5, 0.5]]}
    pq.write_table(pa.table(columns), tmp_path / "both.parquet")
    found = recognise([tmp_path / "both.parquet"], CLASS_NAMES)
    assert found and found.unsure == "it also holds image, which may be images"
    pq.write_table(pa.table({"image": columns["image"], "label": ["cat"]}), tmp_path / "images.parquet")
    assert recognise([tmp_path / "images.parquet"], CLASS_NAMES) is None


LABELS = np.array([0, 1, 1])
THREE = np.array([[0.9, 0.1], [0.25, 0.75], [0.4, 0.6]])


@pytest.mark.parametrize(
    "arrays, probs, labels",
    [
        ({"a": THREE, "b": LABELS}, "a", "b"),
        ({"b": np.array(["cat", "dog", "dog"]), "a": THREE}, "a", "b"),
        ({"x": np.eye(2)[LABELS], "y": THREE}, "y", "x"),
        ({"y_true": LABELS, "y_pred": THREE}, "y_pred", "y_true"),
        ({"ids": LABELS + 7, "truth": LABELS, "z": THREE}, "z", "truth"),
        ({"classes": LABELS, "predicted": LABELS, "z": THREE}, "z", "classes"),
        ({"a": THREE, "b": np.arange(5)}, "a", None),
    ],
)  # fmt: skip
def test_the_arrays_of_an_npz_are_known_by_shape_and_values(
    tmp_path: Path, arrays: dict[str, np.ndarray], probs: str, labels: str | None
) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and (found.n_rows, found.n_classes, found.unsure, found.readings) == (3, 2, "", ())
    told = f"{labels} the true labels" if labels else "no array true labels"
    assert found.notes == (f"By the shapes of the arrays in x.npz, {probs} holds the probabilities, {told}.",)
    assert bool(found.label_counts) == bool(labels)


@pytest.mark.parametrize(
    "probs", ["probs", "y_prob", "y_proba", "pred_proba", "proba", "probabilities", "predictions", "pred_probs"]
)
@pytest.mark.parametrize("labels", ["y_true", "true_labels", "gt", "target"])
@pytest.mark.parametrize("values", [LABELS, LABELS[:, None], LABELS.astype(float), np.eye(2)[LABELS]])
def test_true_labels_beside_probabilities_of_a_known_name(
    tmp_path: Path, probs: str, labels: str, values: np.ndarray
) -> None:
    np.savez(tmp_path / "x.npz", **{probs: THREE, "class_name": np.array(["cat", "dog"]), labels: values})
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and (found.readings, found.notes, found.label_counts) == ((), (), {"0": 1, "1": 2})


def test_labels_of_another_length_are_not_overlooked(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", probs=THREE, y_true=[0, 1, 1, 0])
    with pytest.raises(DatasetError, match="y_true has 4 labels for 3"):
        open_predictions(tmp_path / "x.npz", None)


@pytest.mark.parametrize("values", [LABELS, np.eye(2)[LABELS], np.array(["cat", "dog", "dog"])])
def test_an_array_that_may_hold_the_labels_of_known_probabilities_is_asked_about(
    tmp_path: Path, values: np.ndarray
) -> None:
    np.savez(tmp_path / "x.npz", probs=THREE, foo=values)
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and [(each.probs, each.labels) for each in found.readings] == [("probs", "foo"), ("probs", None)]
    assert sum(found.read_as(found.readings[0]).label_counts.values()) == 3
    assert found.read_as(found.readings[1]).label_counts == {}
    with pytest.raises(DatasetError, match=r"x.npz does not say which array holds the true labels: either") as refused:
        open_predictions(tmp_path / "x.npz", None)
    assert "`--arrays probs,foo` or `--arrays probs`" in refused.value.fix
    for typed, reading in zip(("probs,foo", "probs"), found.readings, strict=True):
        assert read_arrays(tmp_path / "x.npz", typed) == reading


@pytest.mark.parametrize(
    "other",
    [
        {"foo": LABELS + 7},
        {"foo": np.array(["a.png", "b.png", "c.png"])},
        {"image_id": LABELS},
        {"y_pred": LABELS},
        {"foo": THREE},
        {"classes": np.array(["cat", "dog"])},
    ],
)
def test_arrays_that_hold_no_labels_are_not_asked_about(tmp_path: Path, other: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "x.npz", probs=THREE, **other)
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and found.readings == () and found.label_counts == {}


@pytest.mark.parametrize("column", ["gt", "y_true", "target", "actual", "true_label", "true_labels"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_true_labels_beside_columns_of_probabilities(tmp_path: Path, column: str, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    table = pa.table({"p_cat": THREE[:, 0], "p_dog": THREE[:, 1], column: ["cat", "dog", "dog"]})
    pq.write_table(table, path) if kind == "parquet" else table.to_pandas().to_csv(path, index=False)
    found = recognise([path], CLASS_NAMES)
    assert found and found.label_counts == {"cat": 1, "dog": 2}


def test_arrays_that_may_be_read_in_two_ways_are_asked_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=THREE, b=THREE[::-1], c=LABELS)
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and [(each.probs, each.labels) for each in found.readings] == [("a", "c"), ("b", "c")]
    chosen = found.read_as(found.readings[1])
    assert (chosen.n_rows, chosen.n_classes, chosen.label_counts) == (3, 2, {"0": 1, "1": 2})
    with pytest.raises(
        DatasetError, match=r"x.npz does not say which array .* either a holds .*, or b holds"
    ) as refused:
        open_predictions(tmp_path / "x.npz", None)
    assert "`--arrays a,c`" in refused.value.fix
    assert read_arrays(tmp_path / "x.npz", "a,c") == found.readings[0]
    with pytest.raises(DatasetError, match=r"x.npz has no array d; it has a, b, c"):
        read_arrays(tmp_path / "x.npz", "a,d")
    np.savez(tmp_path / "labels.npz", a=THREE, b=LABELS, c=1 - LABELS)
    found = recognise([tmp_path / "labels.npz"], CLASS_NAMES)
    assert found and [each.labels for each in found.readings] == ["b", "c"]


@pytest.mark.parametrize("probs", ["probs", "a"])
@pytest.mark.parametrize(
    "names, other, differ",
    [
        (("labels", "y_true"), 1 - LABELS, True),
        (("y", "targets"), np.eye(2)[1 - LABELS], True),
        (("labels", "true_label"), np.array(["cat", "dog", "cat"]), True),
        (("labels", "true_label"), np.array(["cat", "dog", "dog"]), False),  # the names of the same classes
        (("labels", "y_true"), LABELS.astype(float), False),
        (("y_test", "y_train"), np.array([0, 1, 1, 0]), False),  # of other rows
        (("labels", "y_true"), np.array(0), False),
    ],
)
def test_arrays_called_like_labels_that_differ_are_asked_about(
    tmp_path: Path, probs: str, names: tuple[str, str], other: np.ndarray, differ: bool
) -> None:
    np.savez(tmp_path / "x.npz", **{probs: THREE, names[0]: LABELS, names[1]: other})
    np.savez(tmp_path / "y.npz", **{names[0]: LABELS, names[1]: other})
    found, opened = (
        recognise([tmp_path / "x.npz"], CLASS_NAMES),
        open_predictions(saved(tmp_path / "x.npy", THREE), None),
    )
    if not differ:
        assert found and found.readings == () and found.label_counts == {"0": 1, "1": 2}
        assert read_given_labels(tmp_path / "y.npz", opened).labels == ["0", "1", "1"]
        return
    assert found and [each.labels for each in found.readings] == [*names]
    with pytest.raises(DatasetError, match="does not say which array holds the true labels") as refused:
        open_predictions(tmp_path / "x.npz", None)
    assert f"`--arrays {probs},{names[1]}`" in refused.value.fix
    with pytest.raises(DatasetError, match=f"which array holds labels: {names[0]} and {names[1]} differ"):
        read_given_labels(tmp_path / "y.npz", opened)


@pytest.mark.parametrize(
    "other", [{"logits": THREE * 9}, {"features": np.ones((3, 128))}, {"images": np.zeros((3, 8, 8, 3))}]
)
def test_other_arrays_of_an_npz_are_no_predictions(tmp_path: Path, other: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "x.npz", **other, b=LABELS)
    assert recognise([tmp_path / "x.npz"], CLASS_NAMES) is None


def test_numbers_of_an_npz_that_may_be_anything(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([0.1, 0.7, 0.9]), b=LABELS)
    found = recognise([tmp_path / "x.npz"], CLASS_NAMES)
    assert found and (found.n_classes, found.unsure) == (1, "a may hold any numbers between 0 and 1")


@pytest.mark.parametrize(
    "header",
    [
        "label,prediction",
        "true,pred",
        "actual,predicted",
        "y_true,y_pred",
        "target,output",
        "True Label;Predicted Label",
    ],
)
@pytest.mark.parametrize("rows", [["cat,cat", "dog,cat", "dog,dog"], ["0,0", "1,0", "1,1"]])
def test_predicted_classes_without_probabilities(tmp_path: Path, header: str, rows: list[str]) -> None:
    rows = [row.replace(",", ";") for row in rows] if ";" in header else rows
    (tmp_path / "x.csv").write_text("\n".join([header, *rows]))
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    names = ("cat", "dog") if "cat" in rows[0] else ("0", "1")
    assert found and (found.n_rows, found.class_names, found.unsure) == (3, names, "")
    assert found.label_counts == {names[0]: 1, names[1]: 2}
    assert found.notes[0].startswith("x.csv has no probabilities, only predicted classes.")


@pytest.mark.parametrize("column", ["confidence", "Conf", "max_prob"])
def test_a_confidence_beside_predicted_classes_is_told_not_to_be_used(tmp_path: Path, column: str) -> None:
    (tmp_path / "x.csv").write_text(f"file,true,predicted,{column}\na.png,cat,cat,0.9\nb.png,dog,cat,0.6\n")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and found.notes[1:] == (
        f"The column {column} is not used as a probability, since those of the other classes are missing.",
    )
    (tmp_path / "x.csv").write_text("file,true,predicted,camera\na.png,cat,cat,9\nb.png,dog,cat,0\n")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and len(found.notes) == 1


def test_numbers_beside_predicted_classes_are_told_not_to_be_used(tmp_path: Path) -> None:
    header, path = "file,true,predicted,blurred,certain,indoors", tmp_path / "x.csv"
    rows = ["a.png,cat,cat,0.5,0.25,1", "b.png,dog,cat,0.1,0.5,0"]
    path.write_text("\n".join([header, *rows]))
    found = recognise([path], CLASS_NAMES)
    assert found and found.notes[1:] == (
        "The numbers from 0 to 1 in blurred, certain are not used as probabilities. If such a column holds the probability "
        "of the class dog, call it p_dog, then import the file again.",
    )
    path.write_text("\n".join([header.replace("certain", "p_dog"), *rows]))
    found = recognise([path], CLASS_NAMES)
    assert found and (found.n_classes, found.class_names) == (1, ("dog",))
    path.write_text("\n".join([header, *rows, "c.png,ship,ship,0.2,0.7,0"]))
    found = recognise([path], CLASS_NAMES)
    assert found and found.notes[1].endswith("since there is no such column for each class.")


@pytest.mark.parametrize("column", ["y_prob", "y_proba", "proba", "pred_proba", "prob"])
def test_one_probability_beside_predicted_classes_is_known_by_its_name(tmp_path: Path, column: str) -> None:
    (tmp_path / "x.csv").write_text(f"y_true,y_pred,{column}\n0,0,0.25\n1,0,0.4\n1,1,0.9\n")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and (found.n_classes, found.notes) == (1, ())
    (tmp_path / "x.csv").write_text(f'y_true,y_pred,{column}\n0,0,"[0.75, 0.25]"\n1,0,"[0.6, 0.4]"\n')
    with pytest.raises(DatasetError, match=f"all classes of an image in one cell of the column {column}"):
        open_predictions(tmp_path / "x.csv", None)


def test_columns_of_true_labels_that_differ_are_told_before_the_import(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("file,p_cat,p_dog,label,category\na,0.9,0.1,cat,cat\nb,0.8,0.2,dog,cat\n")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and found.notes == ("x.csv has several columns that may hold labels: label is used, category is not.",)
    (tmp_path / "y.csv").write_text("file,label\na,cat\nb,dog\n")
    found = recognise([tmp_path / "x.csv", tmp_path / "y.csv"], CLASS_NAMES)
    assert found and found.labels and found.notes == ()


def test_predicted_classes_and_labels_in_two_tables(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("file,prediction\na.png,cat\nb.png,dog\n")
    (tmp_path / "truth.csv").write_text("file,label\nb.png,ship\na.png,cat\n")
    found = recognise([tmp_path / "truth.csv", tmp_path / "p.csv"], CLASS_NAMES)
    assert found and found.predictions.name == "p.csv" and found.class_names == ("cat", "dog", "ship")


def test_decimals_that_are_predicted_are_probabilities(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("label,prediction\n0,0.25\n1,0.75\n")
    found = recognise([tmp_path / "x.csv"], CLASS_NAMES)
    assert found and found.n_classes == 1 and found.unsure


@pytest.mark.parametrize(
    "rows, why",
    [
        ("20.5,31.5\n31.5,40.5", "prediction does not hold classes"),
        ("0,cat\n1,dog", "has no class that is both in"),
    ],
)
def test_columns_that_do_not_fit_are_no_predicted_classes(tmp_path: Path, rows: str, why: str) -> None:
    with pytest.raises(DatasetError, match=why):
        keep_predictions(
            [("x.csv", io.BytesIO(f"label,prediction\n{rows}\n".encode()))], CLASS_NAMES, Settings(data_dir=tmp_path)
        )


def test_uploaded_probabilities_without_a_header_line(tmp_path: Path) -> None:
    numbers, labels = ("x.csv", b"0.25,0.75\n0.5,0.5\n"), ("y.csv", b"label\n0\n1\n")
    for files in ([numbers], [labels, numbers]):
        with pytest.raises(DatasetError, match=r"x.csv has no header line") as error:
            keep_predictions([(name, io.BytesIO(data)) for name, data in files], (), Settings(data_dir=tmp_path))
        assert "header='p_0,p_1'" in error.value.fix


def test_an_uploaded_table_in_another_encoding_is_told_how_to_save_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    table = "Datei;Klasse;Vorhersage\nKäse 1.jpg;cat;dog\nKäse 2.jpg;dog;dog\n"
    with pytest.raises(DatasetError, match=r"t.csv is not UTF-8 text\.") as refused:
        keep_predictions([("t.csv", io.BytesIO(table.encode("cp1252")))], CLASS_NAMES, settings)
    assert refused.value.fix.startswith(
        'Save it as UTF-8. In Excel, save it as "CSV UTF-8 (comma delimited)". If these'
    )
    assert keep_predictions([("t.csv", io.BytesIO(table.encode("utf-8-sig")))], CLASS_NAMES, settings)


def test_what_is_no_prediction_is_not_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    image, table = ("a.png", io.BytesIO(encoded(picture(1)))), ("labels.csv", io.BytesIO(b"file,label\na.png,cat\n"))
    assert keep_predictions([image, table], CLASS_NAMES, settings) is None
    with pytest.raises(DatasetError, match=r"labels.csv is a table without images, and no predictions are recognised"):
        keep_predictions([table], CLASS_NAMES, settings)
    with pytest.raises(DatasetError, match=r"labels.csv and more.csv are tables without images"):
        keep_predictions([table, ("more.csv", io.BytesIO(b"id,age\n1,2\n"))], CLASS_NAMES, settings)
    assert not settings.uploads_dir.exists() or list(settings.uploads_dir.iterdir()) == []
    kept = keep_predictions(
        [("p.npy", io.BytesIO(saved(tmp_path / "p.npy", PROBS).read_bytes()))], CLASS_NAMES, settings
    )
    assert kept and kept.predictions.is_file()


def test_arrays_of_predicted_classes_are_told_as_such(tmp_path: Path) -> None:
    settings, classes = Settings(data_dir=tmp_path / "data"), np.array([0, 1, 2])

    def kept(**arrays: np.ndarray) -> DroppedPredictions | None:
        files = [(f"{name}.npy", saved(tmp_path / f"{name}.npy", array)) for name, array in arrays.items()]
        return keep_predictions([(name, io.BytesIO(path.read_bytes())) for name, path in files], CLASS_NAMES, settings)

    with pytest.raises(DatasetError, match=r"y_pred.npy holds predicted classes, and no probabilities"):
        kept(y_true=classes, y_pred=classes)
    np.savez(tmp_path / "x.npz", y_true=classes, y_pred=classes)
    with pytest.raises(DatasetError, match=r"x.npz holds predicted classes") as refused:
        keep_predictions([("x.npz", io.BytesIO((tmp_path / "x.npz").read_bytes()))], CLASS_NAMES, settings)
    assert "'label': data['y_true'].ravel()" in refused.value.fix
    assert list(settings.uploads_dir.iterdir()) == []
    assert kept(images=np.zeros((3, 8, 8), np.uint8), y_pred=classes) is None
    assert kept(labels=classes) is None


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
