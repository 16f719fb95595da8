"""Tables whose column of labels has a name that is not known: the user says which column it is."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from dashboard.core.datasets import Dataset, label_counts, open_dataset
from dashboard.core.datasets.choices import FOLDERS, Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.labels_option import labels_choice
from dashboard.core.datasets.uploads import keep_uploads
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.asking import ask
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import UndecidedError
from dashboard.core.settings import Settings
from tests.core.datasets.test_splits import folder_of

ROWS = pd.DataFrame(
    {
        "lesion_id": [f"HAM_{i:03}" for i in range(6)],
        "image_id": [f"ISIC_{i}" for i in range(6)],
        "dx": ["cat", "dog", "cat", "dog", "cat", "ship"],
        "age": [80.5, 71.5, 60.5, 42.5, 33.5, 24.5],
        "sex": ["male", "female", "female", "male", "", "male"],
        "dx_type": ["histo"] * 6,
    }
)
COUNTS = {"cat": 3, "dog": 2, "ship": 1}


def written(suffix: str, rows: pd.DataFrame = ROWS) -> bytes:
    """The rows as a file of this kind."""
    if suffix == "parquet":
        file = io.BytesIO()
        rows.to_parquet(file)
        return file.getvalue()
    records = rows.to_dict("records")
    texts = {"csv": rows.to_csv(index=False), "tsv": rows.to_csv(index=False, sep="\t"), "json": json.dumps(records)}
    return texts.get(suffix, "\n".join(map(json.dumps, records))).encode()


def make(root: Path, suffix: str = "csv", folder: str = "", table: str = "metadata") -> Path:
    folder_of(root, [f"{folder}ISIC_{i}.png" for i in range(6)])
    (root / f"{table}.{suffix}").write_bytes(written(suffix))
    return root


def used(dataset: Dataset) -> dict[str, int]:
    return label_counts(dataset.samples)


@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet"])
@pytest.mark.parametrize("folder", ["", "images/", "HAM10000_images_part_1/"])
def test_the_column_of_the_labels_is_asked(tmp_path: Path, suffix: str, folder: str) -> None:
    path = make(tmp_path / "d", suffix, folder)
    with pytest.raises(
        UndecidedError, match="none of its columns is called like labels; one of 2 columns may"
    ) as asked:
        open_dataset(path)
    question = asked.value.question
    assert (question.topic, question.chosen) == ("label_column", None)
    told = {answer.value: answer.meaning for answer in question.answers}
    assert told == {"dx": "cat, dog, ship", "sex": "male, female"} and "--label-column dx " in asked.value.fix
    dataset = open_dataset(path, Choices(label_column="dx"))
    assert used(dataset) == COUNTS and {"sex", "age"} <= {*dataset.attributes().columns.column_names}  # type: ignore[union-attr]
    assert [(each.topic, each.chosen, each.certain) for each in dataset.questions] == [("label_column", "dx", True)]
    described = describe(path, Choices(label_column="dx"), tmp_path / "described")
    assert used(open_dataset(described)) == COUNTS
    with pytest.raises(
        DatasetError, match="has no column 'breed'; it has lesion_id, image_id, dx, age, sex"
    ) as refused:
        open_dataset(path, Choices(label_column="breed"))
    assert refused.value.code == "choice"


@pytest.mark.parametrize("header", ["Bild;Tier;Schüler", "Datei;Tier;Schüler"])
def test_the_column_of_the_labels_is_asked_if_only_other_columns_are_not_utf8(tmp_path: Path, header: str) -> None:
    folder_of(tmp_path, [f"{i}.png" for i in range(6)])
    rows = "".join(f"{i}.png;{('cat', 'dog')[i % 2]};{('Jörg', 'Käthe', 'Zoë')[i % 3]}\r\n" for i in range(6))
    (tmp_path / "Liste.csv").write_bytes(f"{header}\r\n{rows}".encode("cp1252"))
    with pytest.raises(UndecidedError, match="none of its columns is called like labels; a column may hold") as asked:
        open_dataset(tmp_path)
    [answer] = asked.value.question.answers  # the pupils' names, which occur twice each, depend on the encoding
    assert (answer.value, answer.meaning) == ("Tier", "cat, dog")
    assert asked.value.question.asks.endswith("(to choose among all, save the table as UTF-8 first)?")
    assert 'In Excel, save it as "CSV UTF-8' in asked.value.fix
    dataset = open_dataset(tmp_path, Choices(label_column="Tier"))
    assert used(dataset) == {"cat": 3, "dog": 3}
    assert "Liste.csv is not UTF-8. It is read as cp1252, which matters for its other columns only." in dataset.notes
    assert dataset.attributes().columns["Schüler"].to_pylist()[:3] == ["Jörg", "Käthe", "Zoë"]  # type: ignore[union-attr]
    with pytest.raises(DatasetError, match="its encoding is not known"):
        open_dataset(tmp_path, Choices(label_column="Schüler"))


@pytest.mark.parametrize("pupil", ["Schüler", "Schueler"])
def test_all_columns_are_offered_if_the_names_of_images_tell_the_encoding(tmp_path: Path, pupil: str) -> None:
    names = [f"{animal} {i}.png" for animal in ("möwe", "kätzchen", "hund") for i in range(2)]
    folder_of(tmp_path / "d", [f"Bilder/{name}" for name in names])
    rows = "".join(
        f"{name};{('Vögel', 'Katze')[i % 2]};{('Jörg', 'Zoë', 'Anna')[i % 3]}\r\n" for i, name in enumerate(names)
    )
    table = tmp_path / "d" / "Tabelle.csv"
    table.write_bytes(f"Dateiname;Tier;{pupil}\r\n{rows}".encode("cp1252"))
    with pytest.raises(UndecidedError, match="one of 2 columns may hold them") as asked:
        open_dataset(tmp_path / "d")
    told = {answer.value: answer.meaning for answer in asked.value.question.answers}
    assert told == {"Tier": "Vögel, Katze", pupil: "Jörg, Zoë, Anna"} and "UTF-8" not in asked.value.question.asks
    assert used(open_dataset(tmp_path / "d", Choices(label_column=pupil))) == {"Jörg": 2, "Zoë": 2, "Anna": 2}
    with pytest.raises(DatasetError, match=f"has no column 'breed'; it has Dateiname, Tier, {pupil}"):
        open_dataset(tmp_path / "d", Choices(label_column="breed"))
    table.write_bytes(f"Dateiname;{pupil}\r\n{rows}".encode("cp1252"))
    [note] = [note for note in open_dataset(tmp_path / "d").notes if "Tabelle.csv" in note]
    assert "its line 2 has 3 cells, but its first line has 2" in note


def test_a_note_on_an_unknown_encoding_has_the_way_out(tmp_path: Path) -> None:
    folder_of(tmp_path, [f"Bilder/cat_{i}.png" for i in range(4)])
    rows = "".join(f"cat_{i}.png;{('Vögel', 'Käfer')[i % 2]}\r\n" for i in range(4))
    (tmp_path / "Tabelle.csv").write_bytes(f"Datei;Label\r\n{rows}".encode("cp1252"))
    [note] = [note for note in open_dataset(tmp_path).notes if "its encoding is not known" in note]
    assert 'In Excel, save it as "CSV UTF-8 (comma delimited)".' in note


@pytest.mark.parametrize(("column", "chosen"), [("label", ""), ("Tier", "Tier")])
def test_the_folders_of_images_tell_the_encoding_of_a_table(tmp_path: Path, column: str, chosen: str) -> None:
    names = [f"{pupil}/IMG_{i}.png" for pupil in ("Jörg", "Zoe") for i in range(3)]
    folder_of(tmp_path / "d", names)
    rows = "".join(f"{name};{('cat', 'dog')[i % 2]};Zoë\r\n" for i, name in enumerate(names))
    (tmp_path / "d" / "Liste.csv").write_bytes(f"Datei;{column};Schüler\r\n{rows}".encode("cp1252"))
    dataset = open_dataset(tmp_path / "d", Choices(labels="Liste.csv", label_column=chosen))
    assert used(dataset) == {"cat": 3, "dog": 3}
    assert dataset.attributes().columns["Schüler"].to_pylist() == ["Zoë"] * 6  # type: ignore[union-attr]
    elsewhere = tmp_path / "Liste.csv"
    (tmp_path / "d" / "Liste.csv").rename(elsewhere)
    labels = labels_choice(tmp_path / "d", str(elsewhere))
    assert used(open_dataset(tmp_path / "d", Choices(labels=labels, label_column=chosen))) == {"cat": 3, "dog": 3}
    elsewhere.write_bytes(
        f"Datei;{column}\r\n".encode() + "Jörg/IMG_0.png;cat\r\nÄnne/IMG_1.png;dog\r\n".encode("mac_roman")
    )
    assert used(open_dataset(tmp_path / "d", Choices(labels=labels, label_column=chosen)))["cat"] == 1


def test_a_known_column_can_be_replaced_by_another(tmp_path: Path) -> None:
    folder_of(tmp_path, [f"{i}.png" for i in range(4)])
    (tmp_path / "t.csv").write_text(
        "file,label,dx\n" + "".join(f"{i}.png,{i % 2},{'cat' if i < 2 else 'dog'}\n" for i in range(4))
    )
    assert used(open_dataset(tmp_path)) == {"0": 2, "1": 2}
    assert used(open_dataset(tmp_path, Choices(label_column="DX"))) == {"cat": 2, "dog": 2}


def test_a_table_elsewhere_is_asked_about_too(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "d", [f"ISIC_{i}.png" for i in range(6)])
    (tmp_path / "truth.csv").write_bytes(written("csv"))
    labels = labels_choice(path, str(tmp_path / "truth.csv"))
    with pytest.raises(UndecidedError, match=r"truth.csv names images, but none of its columns is called like labels"):
        open_dataset(path, Choices(labels=labels))
    assert used(open_dataset(path, Choices(labels=labels, label_column="dx"))) == COUNTS


def test_folders_that_may_be_classes_are_an_answer(tmp_path: Path, tiny_version: ModelVersion) -> None:
    path = make(tmp_path / "d", folder="cat/")
    with pytest.raises(UndecidedError, match=r"a table that could be its labels.*so could its folders, cat") as asked:
        open_dataset(path)
    assert [answer.value for answer in asked.value.question.answers] == ["metadata.csv", FOLDERS]
    assert used(open_dataset(path, Choices(labels=FOLDERS))) == {"cat": 6}
    assert used(open_dataset(path, Choices(labels="metadata.csv", label_column="dx"))) == COUNTS

    first = ask(path, tiny_version, {"labels": "metadata.csv"}, (asked.value.question,))
    assert [each.topic for each in first.questions] == ["labels", "label_column"] and first.needs_the_user
    both = ask(path, tiny_version, {"labels": "metadata.csv", "label_column": "dx"}, first.questions)
    assert both.dataset is not None and used(both.dataset) == COUNTS
    other = ask(path, tiny_version, {"labels": FOLDERS, "label_column": "dx"}, both.questions)
    assert other.dataset is not None and used(other.dataset) == {"cat": 6}


def test_class_folders_are_used_and_the_table_is_offered(tmp_path: Path) -> None:
    folder_of(tmp_path, [f"{'hound' if i % 2 else 'tabby'}/ISIC_{i}.png" for i in range(6)])
    (tmp_path / "metadata.csv").write_bytes(written("csv"))
    dataset = open_dataset(tmp_path)
    assert used(dataset) == {"tabby": 3, "hound": 3}
    [question] = dataset.questions
    assert (question.topic, question.chosen, question.certain) == ("labels", FOLDERS, True)
    assert [answer.value for answer in question.answers] == ["metadata.csv", FOLDERS]
    assert used(open_dataset(tmp_path, Choices(label_column="dx"))) == COUNTS


def test_a_choice_of_a_column_needs_a_table(tmp_path: Path) -> None:
    folder_of(tmp_path, ["cat/0.png", "dog/1.png"])
    with pytest.raises(DatasetError, match="has no table whose columns could be chosen") as refused:
        open_dataset(tmp_path, Choices(label_column="dx"))
    assert refused.value.code == "choice" and "--label-column" in refused.value.fix


@pytest.mark.parametrize("header", ["file,prediction,age", "file,output", "file,age,pred,score"])
def test_predictions_are_not_offered_as_labels(tmp_path: Path, header: str) -> None:
    folder_of(tmp_path, [f"{i}.png" for i in range(4)])
    cells = {"prediction": "cat,{}.5", "output": "cat", "age,pred,score": "{}.5,cat,0.5"}
    row = cells.get(header.removeprefix("file,"), "cat,{}.5")
    rows = "".join(f"{i}.png,{row.format(i) if i % 2 else row.format(i).replace('cat', 'dog')}\n" for i in range(4))
    (tmp_path / "results.csv").write_text(f"{header}\n{rows}")
    with pytest.raises(DatasetError, match=r"results.csv cannot be used as a labels file"):
        open_dataset(tmp_path)


def test_the_column_of_a_table_for_one_split_only(tmp_path: Path) -> None:
    folder_of(tmp_path, [f"train/a{i}.png" for i in range(4)] + [f"test/b{i}.png" for i in range(3)])
    rows = "".join(f"a{i},{20.5 + i},{'cat' if i % 2 else 'dog'}\n" for i in range(4))
    (tmp_path / "train.csv").write_text(f"id,age,species\n{rows}")
    with pytest.raises(UndecidedError, match=r"train.csv names images"):
        open_dataset(tmp_path)
    dataset = open_dataset(tmp_path, Choices(label_column="species"))
    assert used(dataset) == {"cat": 2, "dog": 2} and "since no other has labels" in dataset.notes[0]


@pytest.mark.parametrize("folder", ["", "images/", "HAM10000_images_part_{}/"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_csv_without_a_suffix_is_read(tmp_path: Path, folder: str, end: bytes) -> None:
    """As Harvard Dataverse gives the table of HAM10000."""
    path = folder_of(tmp_path / "d", [f"{folder.format(1 + i // 3)}ISIC_{i}.png" for i in range(6)])
    (path / "HAM10000_metadata").write_bytes(written("csv").replace(b"\n", end))
    with pytest.raises(UndecidedError, match="none of its columns is called like labels") as asked:
        open_dataset(path)
    assert "HAM10000_metadata" in asked.value.message
    for labels in ("", labels_choice(path, "HAM10000_metadata"), labels_choice(path, str(path / "HAM10000_metadata"))):
        dataset = open_dataset(path, Choices(labels=labels, label_column="dx"))
        assert used(dataset) == COUNTS and len(dataset.samples) == 6
    (path / "HAM10000_metadata").write_bytes(written("csv").replace(b"ship", b"cat"))
    assert used(open_dataset(path, Choices(label_column="dx"))) == {"cat": 4, "dog": 2}
    (path / "HAM10000_metadata").rename(tmp_path / "truth")
    labels = labels_choice(path, str(tmp_path / "truth"))
    assert used(open_dataset(path, Choices(labels=labels, label_column="dx"))) == {"cat": 4, "dog": 2}


def test_a_csv_without_a_suffix_that_is_not_used_is_no_failed_image(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "d", ["cat/ISIC_0.png", "dog/ISIC_1.png"])
    (path / "HAM10000_metadata").write_bytes(written("csv"))
    dataset = open_dataset(path)
    assert used(dataset) == {"cat": 1, "dog": 1} and len(dataset.samples) == 2
    (path / "HAM10000_metadata").unlink()
    (path / "notes").write_bytes(b"image_id is what the microscope wrote, dx what the doctors said\n")
    [_, _, other] = open_dataset(path).samples
    assert other.name == "notes"


def test_without_a_suffix_the_first_line_tells_a_table_unless_it_is_wanted(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "d", [f"ISIC_{i}.png" for i in range(6)])
    (path / "truth").write_bytes(written("csv").replace(b"image_id", b"which"))
    assert used(open_dataset(path)) == {} and len(open_dataset(path).samples) == 7
    assert used(open_dataset(path, Choices(labels="truth", label_column="dx"))) == COUNTS


@pytest.mark.parametrize(
    "name, header, encoding, separator",
    [
        ("Labels.txt", "Datei,Klasse", "utf-16", "\t"),
        ("Tabelle1.txt", "Datei,Klasse", "utf-16-le", "\t"),
        ("Tabelle1.txt", "Aufnahme,Klasse", "utf-16", "\t"),
        ("Tabelle1.txt", "Datei,Klasse", "utf-8-sig", "\t"),
        ("truth.TXT", "image,label", "utf-8", ","),
    ],
)
def test_a_text_that_is_a_table_is_read(tmp_path: Path, name: str, header: str, encoding: str, separator: str) -> None:
    path = folder_of(tmp_path / "d", [f"ISIC_{i}.png" for i in range(6)])
    rows = [header.split(","), *([f"ISIC_{i}.png", dx] for i, dx in enumerate(ROWS["dx"]))]
    content = "\r\n".join(separator.join(row) for row in rows).encode(encoding)
    (path / name).write_bytes(content)
    (path / "readme.txt").write_text("Datei,Klasse: how the images came about\n")
    for labels in ("", name, labels_choice(path, name), labels_choice(path, str(path / name))):
        dataset = open_dataset(path, Choices(labels=labels))
        assert used(dataset) == COUNTS and len(dataset.samples) == 6
    files = [(each.name, io.BytesIO(each.read_bytes())) for each in sorted(path.iterdir())]
    assert used(open_dataset(keep_uploads(files, Settings(data_dir=tmp_path / "data")))) == COUNTS


def test_a_text_that_is_no_table_stays_what_it_is(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "d", [f"ISIC_{i}.png" for i in range(6)])
    texts = {
        "readme.txt": b"The images, and their class.\nISIC_0.png cat\n", "classes.txt": b"cat\ndog\nship\n",
        "classes2.txt": b"name,class\ncat,0\ndog,1\n", "other.txt": b"file,label\nx.png,cat\ny.png,dog\n",
        "notes.txt": "Klasse\t9b\r\nDatum\t1.2.\r\n".encode("utf-16"),
    }  # fmt: skip
    for name, content in texts.items():
        (path / name).write_bytes(content)
    dataset = open_dataset(path)
    assert used(dataset) == {} and len(dataset.samples) == 6
    assert any(note.startswith("5 files that are not images are ignored") for note in dataset.notes)
    with pytest.raises(DatasetError, match="names none of the 6 images"):
        open_dataset(path, Choices(labels="other.txt"))
    with pytest.raises(DatasetError, match="no columns of file names and labels were recognised"):
        open_dataset(path, Choices(labels="classes.txt"))
    (path / "labels.csv").write_bytes(written("csv").replace(b"dx", b"label"))
    (path / "Labels.txt").write_bytes(written("csv").replace(b"dx", b"label").replace(b"cat", b"dog"))
    assert used(open_dataset(path)) == COUNTS, "a CSV comes first"


def test_the_lines_of_a_table_in_a_text_are_no_names_of_classes(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "d", [f"ISIC_{i}.png" for i in range(6)])
    rows = "".join(f"ISIC_{i}.png\t{i // 2}\r\n" for i in range(6))
    (path / "Labels.txt").write_bytes(f"Datei\tKlasse\r\n{rows}".encode("utf-16"))
    assert used(open_dataset(path)) == {"0": 2, "1": 2, "2": 2}
