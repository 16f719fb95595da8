"""What is asked before an evaluation, with the answers given so far."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.core.datasets import image_files
from dashboard.core.datasets.choices import FILE_NAMES, FOLDERS, NO_SPLITS, Choices
from dashboard.core.datasets.described import describe
from dashboard.core.datasets.labels_elsewhere import read_labels_elsewhere
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.asking import ask, with_classes_named
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.labels.class_ids import IDS_CHOSEN, IDS_UNCERTAIN
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import Answer, Question, UndecidedError
from dashboard.core.runs.evaluate_again import evaluate_again
from dashboard.core.runs.store import RunStore
from tests.conftest import MakeZip, encoded, picture


def pictures(*names: str) -> dict[str, bytes]:
    return {name: encoded(picture(i)) for i, name in enumerate(names)}


def test_what_is_certain_needs_no_user(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    asked = ask(make_zip({"cat": 1, "Plane": 1}), tiny_version, {})
    assert not asked.needs_the_user and asked.questions == () and asked.choices == Choices()


def test_a_default_is_shown_before_the_work_begins(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    path = make_zip({}, extra=pictures("train/cat/0.png", "test/cat/1.png"))
    asked = ask(path, tiny_version, {})
    assert asked.needs_the_user and asked.labels and not asked.labels.undecided
    assert [(q.topic, q.chosen) for q in asked.questions] == [("split", "test")]
    described = describe(path, Choices(split="train"), tmp_path)
    assert not ask(described, tiny_version, {}).needs_the_user, "the user has said so before"
    again = ask(described, tiny_version, {"split": "test"})
    assert again.dataset and [s.name for s in again.dataset.samples] == ["test/cat/1.png"]
    assert describe(described, again.choices, tmp_path) == describe(path, Choices(split="test"), tmp_path)


def test_one_question_after_the_other(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    tables = {"val/one.csv": b"image,label\n1,2\n2,3\n", "val/two.csv": b"image,label\n1,3\n2,2\n"}
    path = make_zip({}, extra=pictures("train/cat/0.png", "val/1.png", "val/2.png") | tables)
    first = ask(path, tiny_version, {})
    assert [(q.topic, q.chosen) for q in first.questions] == [("split", None)] and first.needs_the_user
    second = ask(path, tiny_version, {"split": "val"}, first.questions)
    assert [(q.topic, q.chosen) for q in second.questions] == [("split", "val"), ("labels", None)]
    third = ask(path, tiny_version, {"labels": "val/two.csv", "split": "val"}, second.questions)
    assert [(q.topic, q.chosen) for q in third.questions] == [
        ("split", "val"), ("labels", "val/two.csv"), ("labels_from", None),
    ]  # fmt: skip
    last = ask(path, tiny_version, {"labels": "val/two.csv", "split": "val", "labels_from": "1"}, third.questions)
    assert last.labels and not last.labels.undecided and last.label_map == {"3": "bird", "2": "automobile"}


def test_an_answer_that_does_not_apply_any_more_is_dropped(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    path = make_zip({"cat": 1})
    asked = ask(path, tiny_version, {"split": "val", "zip_encoding": "gbk", "labels": "gone.csv", "labels_from": "1"})
    assert asked.choices == Choices() and asked.dataset and not asked.needs_the_user
    with pytest.raises(DatasetError, match="does not exist"):
        ask(path.with_name("gone.zip"), tiny_version, {"split": "val"})


def test_numbers_that_a_file_seems_to_name_are_asked_about(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    names = {"class_indices.json": b'{"dog": 0, "cat": 1, "dog": 1}'}
    path = make_zip({"0": 1, "1": 1}, extra=names)
    with pytest.raises(UndecidedError, match=r"The labels are numbers from 0 to 1.*'dog' two values") as caught:
        plan_run(path, tiny_version)
    assert [answer.value for answer in caught.value.question.answers] == ["0"]
    asked = ask(path, tiny_version, {})
    assert asked.needs_the_user and asked.questions == (caught.value.question,) and asked.notes[-1] == IDS_UNCERTAIN
    answered = ask(path, tiny_version, {"labels_from": "0"})
    first, second = tiny_version.class_names[:2]
    assert answered.label_map == {"0": first, "1": second} and IDS_UNCERTAIN not in answered.notes
    assert answered.dataset and answered.notes == answered.dataset.notes[:-1]
    assert plan_run(path, tiny_version, first_id=0).mapping.class_of == {"0": first, "1": second}
    begun = begin_run(plan_run(path, tiny_version, first_id=0), RunStore(tmp_path / "runs"), 1, "run")
    begun.owner.release()
    assert IDS_UNCERTAIN not in begun.manifest.notes and IDS_CHOSEN in begun.manifest.notes
    called_so = replace(tiny_version, class_names=("0", "1", *tiny_version.class_names[2:]))
    assert not {IDS_UNCERTAIN, IDS_CHOSEN} & set(plan_run(path, called_so).notes), "the numbers are names of classes"
    assert f"--map 0={first} --map 1={second}" in evaluate_again(begun.manifest)[0]
    assert plan_run(path, tiny_version, {"0": second, "1": first}).mapping.class_of == {"0": second, "1": first}


def test_classes_called_like_splits_in_other_words(make_zip: MakeZip, tiny_version: ModelVersion) -> None:
    version = replace(tiny_version, class_names=("dev", "testset", *tiny_version.class_names[2:]))
    path = make_zip({}, extra=pictures("dev/0.png", "testset/1.png"))
    with pytest.raises(
        UndecidedError, match=r"has folders called dev and testset, and .* they may be splits or classes"
    ):
        plan_run(path, version)


def test_folders_that_are_splits_or_classes_of_the_model(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    version = replace(tiny_version, class_names=("Train", "test", *tiny_version.class_names[2:]))
    path = make_zip({}, extra=pictures("train/0.png", "test/1.png"))
    with pytest.raises(UndecidedError, match="they may be splits or classes") as asked:
        plan_run(path, version)
    assert "--split none" in asked.value.fix and asked.value.question.chosen is None
    assert ask(path, version, {}).questions == (asked.value.question,)
    plan = plan_run(describe(path, Choices(split="none"), tmp_path), version)
    assert plan.mapping.class_of == {"train": "Train", "test": "test"}
    assert len(plan_run(describe(path, Choices(split="test"), tmp_path), version).dataset.samples) == 1


def test_an_open_question_survives_the_way_between_processes() -> None:
    question = Question("split", "Which?", (Answer("test", "5 images"), Answer("a b", "2 images")))
    error = pickle.loads(pickle.dumps(UndecidedError("Several.", question, "several_splits")))
    assert error.question == question and error.code == "several_splits"
    assert error.fix == "Choose with --split:\n--split test   5 images\n--split 'a b'  2 images"


def test_numbers_that_are_no_class_ids_are_answered_with_a_class_for_each(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    path = make_zip({"0": 1, "1": 1}, extra={"data.yaml": b"names: [cat, dog\n"})
    with pytest.raises(UndecidedError) as asked:
        plan_run(path, tiny_version)
    assert asked.value.fix.endswith("choose a class for each label: --map 0=CLASS --map 1=CLASS")
    assert pickle.loads(pickle.dumps(asked.value)).fix == asked.value.fix
    first, second = tiny_version.class_names[:2]
    assert plan_run(path, tiny_version, {"0": second, "1": first}).mapping.class_of == {"0": second, "1": first}


@pytest.mark.parametrize(
    "files, label_map, whole",
    [
        (("val/0.png", "test/1.png"), {"val": "cat", "test": "dog"}, True),
        (("dev/0.png", "test/1.png", "prod/2.png"), {"dev": "cat", "test": "dog", "prod": "ship"}, True),
        (("dev/0.png", "test/1.png", "prod/2.png"), {"dev": "cat", "test": "dog"}, False),
        (("original/a/x.png", "mine/a/x.png"), {"original": "cat", "mine/": "dog"}, True),
        (("train/cat/0.png", "test/cat/1.png"), {"cat": "dog"}, False),
    ],
)
def test_a_map_that_names_all_folders_says_that_they_are_classes(
    make_zip: MakeZip, files: tuple[str, ...], label_map: dict[str, str], whole: bool
) -> None:
    path = make_zip({}, extra=pictures(*files))
    assert with_classes_named(path, Choices(), label_map) == Choices(split=NO_SPLITS if whole else "")
    assert with_classes_named(path, Choices(split="test"), label_map) == Choices(split="test")


def test_labels_elsewhere_are_read_once_also_with_a_map(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_zip({}, extra=pictures("0.png", "1.png"))
    labels = tmp_path / "truth.csv"
    labels.write_text("file,label\n0.png,left\n1.png,right\n")
    first, second = tiny_version.class_names[:2]
    label_map = {"left": first, "right": second}
    read: list[Path] = []

    def reading(where: Path, names: Sequence[str], column: str) -> LabelsTable:
        read.append(where)
        return read_labels_elsewhere(where, names, column)

    monkeypatch.setattr(image_files, "read_labels_elsewhere", reading)
    choices = with_classes_named(path, Choices(labels=str(labels)), label_map)
    assert plan_run(describe(path, choices, tmp_path), tiny_version, label_map).mapping.class_of == label_map
    assert read == [labels]


@pytest.fixture
def school_list(make_zip: MakeZip) -> Callable[[str], Path]:
    """`school_list("9b,9c")` makes a ZIP of images with a table whose column Klasse holds these school classes, in turn."""

    def made(school_classes: str, header: str = "Foto;Klasse;Vorhersage;Motiv;Name") -> Path:
        klassen, motifs, names = school_classes.split(","), ("cat", "dog"), ("Ida", "Ole", "Ida")
        rows = [
            f"{i}.png;{klassen[i % len(klassen)]};{motifs[i % 2]};{motifs[i // 3]};{names[i % 3]}" for i in range(6)
        ]
        table = "\n".join([header, *rows]).encode()
        return make_zip({}, extra=pictures(*(f"{i}.png" for i in range(6))) | {"Liste.csv": table})

    return made


@pytest.mark.parametrize("school_classes, told", [("9b,9c", "9b, 9c"), ("9b", "9b")])
def test_a_column_that_holds_classes_is_offered_if_the_one_called_so_holds_none(
    school_list: Callable[[str], Path], tiny_version: ModelVersion, school_classes: str, told: str
) -> None:
    path = school_list(school_classes)
    asked = ask(path, tiny_version, {})
    [question] = asked.questions
    assert (
        question.topic == "label_column" and question.chosen is None and asked.labels is None and asked.needs_the_user
    )
    assert [(answer.value, answer.meaning) for answer in question.answers][:2] == [
        ("Motiv", "cat, dog"),
        ("Klasse", told),
    ]
    answered = ask(path, tiny_version, {"label_column": "Motiv"}, asked.questions)
    assert not answered.needs_the_user and [s.label for s in answered.dataset.samples][:4] == [
        "cat",
        "cat",
        "cat",
        "dog",
    ]  # type: ignore[union-attr]
    kept = ask(path, tiny_version, {"label_column": "Klasse"}, asked.questions)
    assert kept.labels and [choice.label for choice in kept.labels.unmatched] == school_classes.split(",")
    assert [(each.topic, each.chosen) for each in kept.questions] == [("label_column", "Klasse")]
    with pytest.raises(DatasetError, match=r"None of the labels \(9b") as refused:
        plan_run(path, tiny_version)
    assert "To take the labels from the column Motiv, choose --label-column Motiv." in refused.value.fix


def test_a_box_with_its_default_stays_beside_an_open_question(
    school_list: Callable[[str, str], Path], tiny_version: ModelVersion
) -> None:
    path = school_list("9b,9c", "Foto;Gruppe;Vorhersage;Motiv;Name")
    guessed = Question("zip_encoding", "In which encoding?", (Answer("cp437", "ö"), Answer("cp932", "背")), "cp437")
    for answers, chosen in (({}, "cp437"), ({"zip_encoding": "cp932"}, "cp932")):
        questions = ask(path, tiny_version, answers, (guessed,)).questions
        assert [(each.topic, each.chosen) for each in questions] == [("zip_encoding", chosen), ("label_column", None)]


@pytest.mark.parametrize("grades", ["5,7,5,5", "0,1,2", "1,2,1,1", "1,2,3,4,5,6"])
def test_a_column_that_holds_classes_is_offered_if_numbers_are_not_their_ids(
    school_list: Callable[[str], Path], tiny_version: ModelVersion, grades: str
) -> None:
    path, version = school_list(grades), tiny_version
    asked = ask(path, version, {})
    assert [(each.topic, each.chosen, each.answers[0].value) for each in asked.questions] == [
        ("label_column", None, "Motiv")
    ]
    with pytest.raises(UndecidedError, match="are numbers, but not the ids of the classes in its column Motiv"):
        plan_run(path, version)
    assert plan_run(path, version, first_id=0).mapping.class_of  # whoever says where they begin may use them
    kept = ask(path, version, {"label_column": "Klasse"}, asked.questions)
    assert kept.questions[0].chosen == "Klasse"


def test_numbers_that_are_the_ids_of_the_classes_in_another_column_are_not_asked_about(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    for first in (0, 1):
        ids = {"cat": 3 + first, "dog": 5 + first, "airplane": first}
        rows = [f"{i}.png;{ids[name]};{name}" for i, name in enumerate(ids)]
        table = "\n".join(["Foto;Klasse;Motiv", *rows]).encode()
        path = make_zip({}, extra=pictures("0.png", "1.png", "2.png") | {"Liste.csv": table})
        assert "label_column" not in [each.topic for each in ask(path, tiny_version, {}).questions]


def test_no_column_is_offered_if_most_labels_are_classes_or_no_column_holds_a_few_words(
    school_list: Callable[..., Path], tiny_version: ModelVersion
) -> None:
    for path in (
        school_list("cat,dog,9b"),
        school_list("9b,9c", "Foto;Klasse;Vorhersage;Prediction;Score"),
    ):
        asked = ask(path, tiny_version, {})
        assert asked.questions == () and asked.labels and asked.labels.unmatched
        with pytest.raises(DatasetError) as refused:
            plan_run(path, tiny_version)
        assert "label-column" not in refused.value.fix


def test_a_column_of_words_that_are_no_classes_is_offered_if_the_labels_are_none_either(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    rows = [f"{i}.png;{('9b', '10a')[i % 2]};{i % 2};{('Katze', 'Hund')[i // 3]};Foto {i}" for i in range(6)]
    table = "\n".join(["Datei;Klasse;Jahr;Tier;Kommentar", *rows]).encode()
    path = make_zip({}, extra=pictures(*(f"{i}.png" for i in range(6))) | {"Liste.csv": table})
    asked = ask(path, tiny_version, {})
    [question] = asked.questions
    assert (question.topic, question.chosen) == ("label_column", "Klasse")
    assert question.answers == (Answer("Klasse", "9b, 10a"), Answer("Tier", "Katze, Hund"))
    assert asked.labels and [choice.label for choice in asked.labels.unmatched] == ["10a", "9b"]
    for column, labels in (("Klasse", ["10a", "9b"]), ("Tier", ["Hund", "Katze"])):
        answered = ask(path, tiny_version, {"label_column": column}, asked.questions)
        assert answered.labels and [choice.label for choice in answered.labels.unmatched] == labels
        assert [(each.topic, each.chosen) for each in answered.questions] == [("label_column", column)]
    with pytest.raises(DatasetError, match=r"None of the labels \(9b|10a") as refused:
        plan_run(path, tiny_version)
    assert refused.value.fix.startswith(
        "If the column Tier (Katze, Hund) holds the labels, choose --label-column Tier. Name the labels after"
    )
    described = describe(path, Choices(label_column="Tier"), tmp_path)
    mapping = plan_run(described, tiny_version, {"Katze": "cat", "Hund": "dog"}).mapping
    assert mapping.class_of == {"Katze": "cat", "Hund": "dog"}


def test_a_column_of_words_is_offered_beside_numbers_that_may_be_class_ids(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    rows = [f"{i}.png;{('Katze', 'Hund')[i % 2]};{('Jan', 'Ute', 'Eva')[i % 3]};test;{i % 5}" for i in range(20)]
    table = "\n".join(["Datei;Tier;Kind;Split;Klasse", *rows]).encode()
    path = make_zip({}, extra=pictures(*(f"{i}.png" for i in range(20))) | {"Liste.csv": table})
    [question] = ask(path, tiny_version, {}).questions
    assert (question.topic, question.chosen, question.certain) == ("label_column", "Klasse", True)
    assert [answer.value for answer in question.answers] == ["Klasse", "Tier", "Kind"]
    told = "Other columns that may hold the labels: Tier (Katze, Hund), Kind (Jan, Ute, Eva)."
    assert told in plan_run(path, tiny_version).notes
    chosen = describe(path, Choices(label_column="Klasse"), tmp_path)
    assert told not in plan_run(chosen, tiny_version).notes


def test_the_file_names_are_offered_if_they_hold_the_classes_and_the_folders_do_not(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    names = [
        f"{pupil}_400{i}_file/{label}{i}.png" for i, pupil in enumerate(("Ida", "Ole")) for label in ("cat", "dog")
    ]
    path = make_zip({}, extra=pictures(*names))
    asked = ask(path, tiny_version, {})
    [question] = asked.questions
    assert (question.topic, question.chosen, asked.labels) == ("labels", None, None)
    assert [answer.value for answer in question.answers] == [FILE_NAMES, FOLDERS]
    assert not ask(path, tiny_version, {"labels": FILE_NAMES}, asked.questions).needs_the_user
    kept = ask(path, tiny_version, {"labels": FOLDERS}, asked.questions)
    assert kept.labels and len(kept.labels.unmatched) == 2
    assert [(each.topic, each.chosen) for each in kept.questions] == [("labels", FOLDERS)], "can be chosen anew"
    with pytest.raises(DatasetError, match="None of the labels") as refused:
        plan_run(path, tiny_version)
    assert "choose --labels file-names." in refused.value.fix
    assert plan_run(describe(path, Choices(labels=FILE_NAMES), tmp_path), tiny_version).mapping.unknown == ()


def test_file_names_of_a_few_words_are_offered_if_neither_they_nor_the_folders_are_classes(
    make_zip: MakeZip, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    words = {"Gruppe 1": ("Katze", "Hund"), "Gruppe 2": ("Hund", "Katze", "Kuh", "Kuh")}
    names = [f"{folder}/{word}{i}.png" for folder, each in words.items() for i, word in enumerate(each)]
    path = make_zip({}, extra=pictures(*names))
    asked = ask(path, tiny_version, {})
    [question] = asked.questions
    assert (question.topic, question.chosen) == ("labels", FOLDERS)
    assert asked.labels and [choice.label for choice in asked.labels.unmatched] == ["Gruppe 2", "Gruppe 1"]
    answered = ask(path, tiny_version, {"labels": FILE_NAMES}, asked.questions)
    assert answered.labels and [choice.label for choice in answered.labels.unmatched] == ["Hund", "Katze", "Kuh"]
    with pytest.raises(DatasetError, match=r"None of the labels \(Gruppe 1, Gruppe 2\)") as refused:
        plan_run(path, tiny_version)
    assert "choose --labels file-names." in refused.value.fix
    meanings = {"Katze": "cat", "Hund": "dog", "Kuh": "deer"}
    plan = plan_run(describe(path, Choices(labels=FILE_NAMES), tmp_path), tiny_version, meanings)
    assert plan.mapping.class_of == meanings


def test_file_names_of_a_few_words_are_offered_beside_folders_that_are_numbers(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    names = [f"{group}/{word}{i}.png" for group in "12" for i, word in enumerate(("Katze", "Hund"))]
    path = make_zip({}, extra=pictures(*names))
    asked = ask(path, tiny_version, {})
    assert [(each.topic, each.chosen) for each in asked.questions] == [("labels", FOLDERS), ("labels_from", None)]
    answered = ask(path, tiny_version, {"labels": FILE_NAMES}, asked.questions)
    assert answered.labels and [choice.label for choice in answered.labels.unmatched] == ["Hund", "Katze"]
    as_ids = ask(path, tiny_version, {"labels_from": "1"}, asked.questions)
    assert as_ids.label_map and as_ids.questions[0].chosen == FOLDERS
    with pytest.raises(DatasetError, match="they may count from 0 or from 1") as refused:
        plan_run(path, tiny_version)
    assert "choose --labels file-names." in refused.value.fix and "--labels-from 1" in refused.value.fix
    same = [f"{group}/digit{i}.png" for group in "12" for i in range(2)]
    assert [each.topic for each in ask(make_zip({}, extra=pictures(*same)), tiny_version, {}).questions] == [
        "labels_from"
    ]


@pytest.mark.parametrize(
    "words",
    [("IMG_", "DSC"), ("scan", "photo"), ("IMG_E", "IMG_"), ("Screenshot_", "WhatsApp Image"), ("P", "Foto"), ("v2_a", "v2_b"), ("train", "test")],
)  # fmt: skip
def test_the_words_of_cameras_in_file_names_are_no_labels(
    make_zip: MakeZip, tiny_version: ModelVersion, words: tuple[str, str]
) -> None:
    names = [f"Gruppe {i % 2}/{word}{i}.png" for i in range(4) for word in words]
    assert ask(make_zip({}, extra=pictures(*names)), tiny_version, {}).questions == ()


def test_file_names_that_say_the_same_as_the_folders_are_not_offered(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    names = [f"Gruppe {word}/{word}{i}.png" for i in range(3) for word in ("Ida", "Ole")]
    assert ask(make_zip({}, extra=pictures(*names)), tiny_version, {}).questions == ()


def test_folders_that_are_numbers_give_way_to_classes_in_the_file_names(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    path = make_zip({}, extra=pictures(*(f"{i}/{word}{i}.png" for i in (1, 2) for word in ("cat", "dog"))))
    with pytest.raises(UndecidedError, match="not the ids of the classes in the names of its files") as asked:
        plan_run(path, tiny_version)
    assert asked.value.fix.startswith("Choose with --labels:\n--labels file-names")


def test_a_workbook_beside_folders_that_are_no_classes_is_told_with_a_way_to_use_its_labels(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    way_out = "Tabelle.xlsx is a workbook of a spreadsheet program, and only tables as text are read. To use the labels"
    workbook = {"Tabelle.xlsx": b"PK\3\4"}
    path = make_zip({"Anna": 1, "Ben": 1}, "none.zip", extra=workbook)
    with pytest.raises(DatasetError, match="None of the labels") as refused:
        plan_run(path, tiny_version)
    assert way_out in refused.value.message
    [hint] = ask(path, tiny_version, {}).hints
    assert hint.startswith(way_out)
    path = make_zip({"Anna": 1, "Ben": 1, "cat": 1}, "most.zip", extra=workbook)
    with pytest.raises(DatasetError, match="2 labels are not classes") as refused:
        plan_run(path, tiny_version)
    assert way_out in refused.value.fix and ask(path, tiny_version, {}).hints
    assert not ask(make_zip({"cat": 1, "dog": 1}, "classes.zip", extra=workbook), tiny_version, {}).hints


def test_a_table_that_a_question_offers_is_not_said_to_be_unusable(
    make_zip: MakeZip, tiny_version: ModelVersion
) -> None:
    table = b"file,pupil,animal\n1.png,x,Frosch\n2.png,x,Hund\n3.png,y,Frosch\n4.png,y,Hund\n"
    files = pictures("Anna/1.png", "Anna/2.png", "Ben/3.png", "Ben/4.png") | {"list.csv": table}
    asked = ask(make_zip({}, extra=files), tiny_version, {})
    assert [answer.value for answer in asked.questions[0].answers] == ["list.csv", FOLDERS]
    assert asked.dataset and any("list.csv" in note for note in asked.dataset.notes)
    assert not any("list.csv" in note for note in asked.notes)
