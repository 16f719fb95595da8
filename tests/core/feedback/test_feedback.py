"""Feedback: the last word counts, and the images with their true labels become a dataset again."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.core.database.database import Database
from dashboard.core.datasets import open_dataset
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError
from dashboard.core.feedback.exporting import (
    Agreed,
    Exported,
    agreed,
    feedback_on,
    images_not_at_hand,
    why_no_images,
    why_not_in_zip,
    write_labels,
    write_zip,
)
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history.history import History
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.folder import MANIFEST
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.evaluating import evaluate
from tests.recorded import at, entry, pets_zip, stored_run


@pytest.fixture
def runs(settings: Settings) -> RunStore:
    return RunStore(settings.runs_dir)


@pytest.fixture
def history(database: Database, runs: RunStore, settings: Settings) -> Iterator[History]:
    history = History(database, lambda: runs, settings.model_copy(update={"history_images": True}))
    yield history
    history.close(2)


@pytest.fixture
def feedback(database: Database, history: History) -> Feedback:
    return Feedback(database, history)


def test_the_last_word_of_each_user_counts(feedback: Feedback, history: History) -> None:
    cat = history.record(entry(b"1"))
    first = feedback.give(cat, True, user="ann")
    second = feedback.give(cat, False, "dog", user="ann", note="a dog")
    third = feedback.give(cat, True, user="bob")
    assert (first.true_label, second.true_label, second.note) == ("cat", "dog", "a dog")
    assert feedback.opinions() == [third, second] and feedback.opinions(user="ann") == [second]
    assert feedback.opinions(is_right=False) == [second] and feedback.opinions(before=third.feedback_id) == [second]
    assert feedback.opinions(model="pets@2") == []


def test_a_list_continues_only_after_feedback_that_the_user_may_see(feedback: Feedback, history: History) -> None:
    of_ann = feedback.give(history.record(entry(b"1")), True, user="ann")
    of_bob = feedback.give(history.record(entry(b"2")), True, user="bob")
    assert feedback.opinions(before=of_bob.feedback_id, user="bob") == []
    assert feedback.opinions(before=of_bob.feedback_id) == [of_ann]
    for unknown, user in (("f" * 32, None), (of_bob.feedback_id, "ann"), ("\x00", None)):
        with pytest.raises(DashboardError, match="Begin again without `before`") as caught:
            feedback.opinions(before=unknown, user=user)
        assert caught.value.code == "cursor"


def test_a_word_can_replace_what_the_user_said_about_the_same_answer_for_the_picture(
    feedback: Feedback, history: History, runs: RunStore, tmp_path: Path
) -> None:
    first, again = history.record(entry(b"1")), history.record(entry(b"1"))
    about = entry(b"1")
    asked = (hashlib.sha256(b"1").hexdigest(), about.model_name, about.model_version, "cat", "ann")
    assert feedback.on_picture(*asked) is None
    said = feedback.give(first, False, "dog", user="ann")
    assert feedback.on_picture(*asked) == said
    assert feedback.on_picture(*asked[:3], "dog", "ann") is None and feedback.on_picture(*asked[:4], "bob") is None
    stored_run(runs, pets_zip(tmp_path / "pets.zip"), at(0), "r1")
    kept = [
        feedback.give(history.record(entry(b"1")), True, user="bob", replaces=True),
        feedback.give(history.record(entry(b"2")), True, user="ann", replaces=True),
        feedback.give(history.record(entry(b"1", model_version="2")), True, user="ann", replaces=True),
        feedback.give("r1:0", True, user="ann"),
    ]
    changed = feedback.give(again, True, user="ann", replaces=True)
    assert feedback.opinions() == [changed, *reversed(kept)] and feedback.on_picture(*asked) == changed


def test_the_accuracy_has_its_interval_and_a_caution(feedback: Feedback, history: History) -> None:
    assert feedback.accuracy() is None
    ids = [history.record(entry(bytes([i]))) for i in range(10)]
    for i, each in enumerate(ids):
        feedback.give(each, i < 8, user="ann")
    feedback.give(ids[9], True, user="bob")
    own = feedback.accuracy("pets", "bob")
    assert own and own.right and (own.right.value, own.right.n, own.disputed) == (1.0, 1, 0)
    assert feedback.accuracy(user="eve") is None and [each.user for each in feedback.opinions(None, user="bob")] == [
        "bob"
    ]
    found = feedback.accuracy("pets")
    assert found and found.right and (found.right.value, found.right.n, found.disputed) == (0.9, 10, 1)
    assert found.right.low == pytest.approx(0.5958, abs=1e-4) and found.right.high == pytest.approx(0.9821, abs=1e-4)
    assert "catch their eye" in found.caution


def test_agreeing_that_an_image_shows_none_of_the_classes_is_neither_right_nor_wrong(
    feedback: Feedback, history: History
) -> None:
    doubted, sure = (history.record(replace(entry(bytes([i])), doubt=i == 0)) for i in range(2))
    assert feedback.give(doubted, False, NONE_OF_THESE).agrees_on_none
    found = feedback.accuracy()
    assert found and (found.right, found.agreed_on_none) == (None, 1)
    feedback.give(sure, False, NONE_OF_THESE)
    found = feedback.accuracy()
    assert found and found.right and (found.right.value, found.right.n, found.agreed_on_none) == (0.0, 1, 1)
    assert "Not counted: 1 prediction for which user and model both say" in found.notes
    feedback.give(doubted, False, "dog")
    found = feedback.accuracy()
    assert found and found.right and (found.right.n, found.agreed_on_none) == (2, 0)


@pytest.mark.parametrize(("one", "other"), [("", ""), ("ann", "bob")])
def test_opposite_words_on_one_image_are_disputed_and_not_exported(
    feedback: Feedback, history: History, png: Callable[..., bytes], one: str, other: str
) -> None:
    feedback.give(history.record(entry(png(1))), False, user=one)
    feedback.give(history.record(entry(png(1))), True, user=other)
    agreed = history.record(entry(png(2), file="agreed.png"))
    feedback.give(agreed, True, user=one)
    assert history.flush(10)
    found = feedback.accuracy()
    assert found and found.right and (found.right.n, found.disputed) == (3, 1)
    words, table = feedback.opinions(None), io.BytesIO()
    assert write_labels(words, table) == Exported(written=1, missing=0, disputed=1)
    assert [row["file"] for row in csv.DictReader(io.StringIO(table.getvalue().decode("utf-8-sig")))] == ["agreed.png"]
    assert write_zip(words, history, io.BytesIO()) == Exported(written=1, missing=0, disputed=1)


def test_the_exported_folders_are_a_dataset_with_the_same_labels(
    feedback: Feedback, history: History, png: Callable[..., bytes], tmp_path: Path
) -> None:
    labels = {"1.png": "a/b", "2.png": "a:b", "3.png": "A_B"}
    for i, (file, label) in enumerate(labels.items()):
        feedback.give(history.record(entry(png(i), file=file)), False, label)
    assert history.flush(10)
    with (tmp_path / "feedback.zip").open("wb") as out:
        write_zip(feedback.opinions(None), history, out)
    samples = open_dataset(tmp_path / "feedback.zip").samples
    assert {sample.name.rpartition("/")[2]: sample.label for sample in samples} == labels
    assert len({sample.name.partition("/")[0].casefold() for sample in samples}) == 3


def test_two_true_labels_of_one_image_are_disputed(feedback: Feedback, history: History) -> None:
    image = history.record(entry(b"1"))
    feedback.give(image, False, "dog", user="ann")
    feedback.give(image, False, "frog", user="bob")
    with pytest.raises(DashboardError, match=r"different answers about the true label \(1 image\)\. Delete"):
        write_zip(feedback.opinions(None), history, io.BytesIO())


def test_an_image_is_the_same_while_its_hash_is_not_known(feedback: Feedback, history: History) -> None:
    image = history.record(entry(b"1"))
    feedback.give(image, True, user="ann")
    feedback.give(image, False, "dog", user="bob")
    words = [replace(word, image_sha256="" if word.user == "bob" else "s") for word in feedback.opinions(None)]
    assert agreed(words) == Agreed((), 1)


def test_a_user_may_think_again_about_an_image(feedback: Feedback, history: History) -> None:
    feedback.give(history.record(entry(b"1")), False, "dog", user="ann")
    feedback.give(history.record(entry(b"1")), True, user="ann")
    found = feedback.accuracy()
    assert found and found.disputed == 0
    assert [each.true_label for each in agreed(feedback.opinions(None)).labelled] == ["cat"]
    feedback.give(history.record(entry(b"1")), False, user="ann")  # the true label is not known after all
    assert agreed(feedback.opinions(None)).labelled == ()


def test_it_is_known_without_reading_an_image_that_none_can_be_exported(
    feedback: Feedback, history: History, runs: RunStore, tmp_path: Path
) -> None:
    own = history.record(entry(b"1"))
    feedback.give(own, False)
    assert "true label not known (1 image)." in why(feedback, history)
    feedback.give(own, True)
    assert history.flush(10) and why(feedback, history) == ""
    with history._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM images")
    assert "image not kept (1 image)." in why(feedback, history)
    dataset = pets_zip(tmp_path / "pets.zip")
    feedback.give(f"{stored_run(runs, dataset, at(5)).run_id}:0", True)
    assert why(feedback, history) == ""
    dataset.unlink()
    assert "image not kept (1 image), dataset gone or changed (1 image)." in why(feedback, history)


def test_each_image_that_is_not_exported_has_its_true_reason(
    feedback: Feedback, history: History, database: Database, runs: RunStore, settings: Settings
) -> None:
    first, second, third, fourth = (history.record(entry(bytes([i]))) for i in range(4))
    for unnamed in (first, second):
        feedback.give(unnamed, False)
    assert (refused := refusal(feedback, history))
    assert refused.message.endswith(": true label not known (2 images).") and "name its true label" in refused.fix
    assert "DASHBOARD_HISTORY_IMAGES" not in refused.fix and ".csv" not in refused.fix
    feedback.give(third, True, user="ann")
    feedback.give(third, False, user="bob")
    feedback.give(fourth, False, "dog")
    with history._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM images")
    with pytest.raises(DashboardError) as caught:
        write_zip(feedback.opinions(None), history, io.BytesIO())
    assert caught.value.message.endswith(
        "true label not known (2 images), different answers about the true label (1 image), image not kept (1 image)."
    )
    assert "DASHBOARD_HISTORY_IMAGES" not in caught.value.fix  # it is set already
    keeps_none = History(database, lambda: runs, settings.model_copy(update={"history_images": False}))
    assert (refused := refusal(feedback, keeps_none))
    assert "DASHBOARD_HISTORY_IMAGES" in refused.fix and ".csv" in refused.fix
    keeps_none.close(2)


def refusal(feedback: Feedback, history: History) -> DashboardError | None:
    said = agreed(feedback.opinions(None))
    return why_no_images(said, images_not_at_hand(said, history), history)


def why(feedback: Feedback, history: History) -> str:
    refused = refusal(feedback, history)
    return refused.message if refused else ""


def test_the_images_that_are_not_in_the_zip_are_counted_by_the_reason(
    feedback: Feedback, history: History, runs: RunStore, png: Callable[..., bytes], tmp_path: Path
) -> None:
    datasets = {name: pets_zip(tmp_path / f"{name}.zip") for name in ("kept", "gone")}
    for index, (name, dataset) in enumerate(datasets.items()):
        run_id = stored_run(runs, dataset, at(5), f"20260301-120000-{name}").run_id
        feedback.give(f"{run_id}:{index}", True)
    for i in range(4):  # of the same name, as those of a camera
        feedback.give(history.record(entry(png(7 + i))), True)
    assert history.flush(10)
    with history._database.writing() as connection:
        kept = hashlib.sha256(png(7)).hexdigest()
        connection.exec_driver_sql(f"DELETE FROM images WHERE image_sha256 <> '{kept}'")
    datasets["gone"].unlink()
    said = agreed(feedback.opinions(None))
    found = why_not_in_zip(said, images_not_at_hand(said, history), history)
    assert found == (
        "4 of 6 images with a true label are not in the ZIP: image not kept (3 images), dataset gone or changed (1 image). "
        "Put the dataset back as it was."
    )
    out = io.BytesIO()
    assert write_zip(feedback.opinions(None), history, out) == Exported(written=2, missing=4, disputed=0)
    with zipfile.ZipFile(out) as archive:
        assert len(json.loads(archive.read("not_exported.json"))) == 4


def test_feedback_on_an_evaluation_that_is_gone_says_whether_it_can_be_restored(
    feedback: Feedback, history: History, runs: RunStore, tmp_path: Path
) -> None:
    dataset = pets_zip(tmp_path / "pets.zip")
    first, second = (stored_run(runs, dataset, at(i), f"20260301-120000-{i}").run_id for i in range(2))
    for subject in (f"{first}:0", f"{first}:1", f"{second}:2"):
        feedback.give(subject, True)
    runs.delete(first)
    said = agreed(feedback.opinions(None))
    found = why_not_in_zip(said, images_not_at_hand(said, history), history)
    assert ": its evaluation was deleted (2 images). A deleted evaluation can be restored for 7 days: " in found
    assert found.endswith(f"`python -m dashboard runs restore {first}`.") and "dataset" not in found
    runs.delete(second)
    refused = refusal(feedback, history)
    assert refused
    assert refused.message == "No image can be exported as a class folder: its evaluation was deleted (3 images)."
    restore = refused.fix.split("python -m dashboard runs restore ")[1].rstrip("`.").split()
    assert sorted(restore) == [first, second]
    runs.restore(second)
    assert [each.subject for each in images_not_at_hand(said, history)] == [f"{first}:1", f"{first}:0"]
    runs.empty_bin()
    (runs.root / second / MANIFEST).write_text("{")
    refused = refusal(feedback, history)
    assert refused
    assert refused.message.endswith(
        ": its evaluation was removed for good (2 images), its evaluation is damaged (1 image)."
    )
    assert "restore" not in refused.fix and "Evaluate the dataset again" in refused.fix


def test_many_deleted_evaluations_are_listed_by_a_command(
    feedback: Feedback, history: History, runs: RunStore, tmp_path: Path
) -> None:
    dataset = pets_zip(tmp_path / "pets.zip")
    for i in range(4):
        run_id = stored_run(runs, dataset, at(i), f"20260301-120000-{i}").run_id
        feedback.give(f"{run_id}:{i}", True)
        runs.delete(run_id)
    assert (refused := refusal(feedback, history))
    assert refused.fix.endswith("`python -m dashboard runs list --deleted` lists them.")


def test_what_contradicts_itself_or_is_about_nothing_is_refused(feedback: Feedback, history: History) -> None:
    cat = history.record(entry())
    wrong: list[Callable[[], object]] = [
        lambda: feedback.give(cat, True, "dog"),
        lambda: feedback.give(cat, False, "cat"),
        lambda: feedback.give(cat, False, "x" * 201),
        lambda: feedback.give("0" * 32, True),
        lambda: feedback.give("no-run:0", True),
    ]
    codes = []
    for give in wrong:
        with pytest.raises(DashboardError) as caught:
            give()
        assert caught.value.fix
        codes.append(caught.value.code)
    assert codes == ["feedback"] * 3 + ["prediction_unknown"] * 2 and feedback.opinions() == []
    assert feedback.give(cat, False).true_label is None


def test_the_images_become_a_dataset_with_the_true_labels(
    feedback: Feedback, history: History, runs: RunStore, png: Callable[..., bytes], tmp_path: Path
) -> None:
    run_id = stored_run(runs, pets_zip(tmp_path / "pets.zip"), at(5)).run_id
    feedback.give(f"{run_id}:0", True)
    feedback.give(f"{run_id}:3", False, "dog")
    unknown = history.record(entry(png(7)))
    feedback.give(unknown, False)  # nobody knows the true label
    own = history.record(entry(png(8), file="../../dir/=1.png"))
    feedback.give(own, False, "dog")
    again = history.record(entry(png(8)))
    feedback.give(again, False, "dog", user="ann")  # the same image, called the same
    gone = history.record(entry(png(9)))
    feedback.give(gone, True)
    assert history.flush(10)
    with history._database.writing() as connection:
        sha256 = history.get(gone).image_sha256
        connection.exec_driver_sql(f"DELETE FROM images WHERE image_sha256 = '{sha256}'")
    path = tmp_path / "labelled.zip"
    with path.open("wb") as file:
        done = write_zip(feedback.opinions(None), history, file)
    assert (done.written, done.missing) == (3, 1)
    dataset = open_dataset(path)
    labels = {dataset.file(sample.index): sample.label for sample in dataset.samples if sample.label}
    assert len(labels) == 3 and labels[png(8)] == "dog"
    assert sorted(labels.values()) == ["cat", "dog", "dog"]


def test_what_was_exported_can_be_evaluated(
    feedback: Feedback, history: History, runs: RunStore, png: Callable[..., bytes], tmp_path: Path,
    pool: WorkerPool, tiny_version: ModelVersion,
) -> None:  # fmt: skip
    for i, true_label in enumerate(("cat", "dog", "dog", "frog", NONE_OF_THESE)):
        feedback.give(history.record(entry(png(i), file=f"{i}.png")), true_label == "cat", true_label)
    path = tmp_path / "labelled.zip"
    with path.open("wb") as file:
        assert write_zip(feedback.opinions(None), history, file).written == 5
    run = runs.folder(evaluate(path, tiny_version, pool, runs).run_id).load()
    assert run.state == "finished" and len(run.evaluated) == 5
    assert "none of these is not a class: such images are predicted, but not compared." in run.manifest.notes
    assert sorted(run.labelled["true_label"]) == ["cat", "dog", "dog", "frog"]


def test_no_exported_image_takes_the_name_of_another_one(feedback: Feedback, history: History) -> None:
    for i, file in enumerate(("1.png", "1-1.png", "1.PNG", "")):
        feedback.give(history.record(entry(bytes([i]), file=file)), False, "dog")
    assert history.flush(10)
    out = io.BytesIO()
    assert write_zip(feedback.opinions(None), history, out).written == 4
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == 4 and "dog/image.png" in names
        assert {archive.read(name) for name in names} == {bytes([i]) for i in range(4)}


def test_without_images_there_are_the_labels(feedback: Feedback, history: History) -> None:
    own = history.record(entry(b"image", file="=1.png"))
    feedback.give(own, False, "=dog", note="@note")
    out = io.BytesIO()
    assert write_labels(feedback.opinions(None), out).written == 1
    [row] = csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig")))
    assert (row["file"], row["label"], row["note"], row["model"]) == ("'=1.png", "'=dog", "'@note", "pets@1")
    assert len(row["image_sha256"]) == 64 and row["prediction_id"] == own
    with history._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM images")
    with pytest.raises(DashboardError) as caught:
        write_zip(feedback.opinions(None), history, io.BytesIO())
    assert caught.value.code == "no_images_kept" and ".csv" in caught.value.fix


def test_the_word_on_a_picture_holds_for_each_row_of_the_same_answer(feedback: Feedback, history: History) -> None:
    """Predict and Explain show it, too: what one said oneself about the picture."""
    first, again, anns, other, small = (
        history.record(each)
        for each in (
            entry(b"1", user=""), entry(b"1", user=""), entry(b"1"), entry(b"2", user=""),
            entry(b"1", user="", model_version="2"),
        )
    )  # fmt: skip
    feedback.give(first, False, "dog", note="barks", replaces=True)
    entries = {each: history.get(each) for each in (first, again, anns, other, small)}
    about = feedback.opinions(None, about=[entries[again], entries[other]])
    assert about == feedback.opinions(None) and not feedback.opinions(None, about=[entries[other]])

    def verdicts(user: str) -> list[str | None]:
        return [feedback_on(feedback.opinions(None), user)(each)["feedback"] for each in entries.values()]

    assert verdicts("") == ["wrong", "wrong", "wrong", None, None]
    assert verdicts("bob") == ["wrong", "wrong", None, None, None], "it is not what bob said about ann's picture"
    feedback.give(again, True, replaces=True)
    feedback.give(anns, True, user="ann")
    assert verdicts("bob") == ["right", "right", "right", None, None]
    assert [*feedback_on(feedback.opinions(None), "")(entries[first]).values()] == ["right", "cat", ""]
