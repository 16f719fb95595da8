"""The page Batch evaluation, with real uploads, a real worker and real runs on disk."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st
from pandas.testing import assert_frame_equal
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from dashboard.core.background import BackgroundTask
from dashboard.core.datasets.choices import FOLDERS, Choices
from dashboard.core.datasets.described import describe
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.evaluation.visitors_jobs import VisitorsJobs
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.runs.export import csv_bytes
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.rows import COLUMNS, SCHEMA
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from dashboard.services import Services
from tests.conftest import MakeZip, encoded, picture
from tests.core.datasets.test_idx import packed, split
from tests.core.datasets.test_tar_files import tar
from tests.core.datasets.test_zip_names import foreign_zip
from tests.evaluating import evaluate
from tests.pages.conftest import ROOT, run_after_more, sheet, show_evaluation, text_of

Open = Callable[[str], AppTest]
PATIENCE_S = 60


def until(at: AppTest, condition: Callable[[AppTest], object]) -> AppTest:
    end, pause = time.monotonic() + PATIENCE_S, 0.1
    while not condition(at):
        assert time.monotonic() < end, text_of(at)
        time.sleep(pause)
        pause = min(2 * pause, 2.0)  # drawing the page takes processor time from the worker that it waits for
        at.run()
    return at


def metrics(at: AppTest) -> dict[str, str]:
    return {m.label: str(m.value) for m in at.metric}


def others(at: AppTest) -> Selectbox:
    """The box that says what becomes of labels for which nothing is chosen."""
    return next(box for box in at.selectbox if box.label == "Labels without a choice")


@pytest.fixture
def run(dashboard: Services) -> RunManifest:
    """A finished evaluation of the samples by the project's own model."""
    version = dashboard.registry.get("cifar10-resnet")
    return evaluate(dashboard.settings.samples_dir, version, dashboard.engine, dashboard.runs, chunk_size=8)


def open_run(open_page: Open, run: RunManifest) -> AppTest:
    at = open_page("evaluate")
    show_evaluation(at, run.run_id)
    assert not at.exception
    return at


def view(at: AppTest, name: str) -> AppTest:
    """The page with another view of the evaluation."""
    at.segmented_control(key="view").set_value(name).run()
    assert not at.exception
    return at


def show_cell(at: AppTest, run: RunManifest, true: str, predicted: str) -> None:
    cell = (f"true_label={true}", f"predicted_label={predicted}")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(cell).run()


def test_upload_and_result(open_page: Open, dashboard: Services, make_zip: MakeZip) -> None:
    at = open_page("evaluate")
    path = make_zip({"cat": 3, "Plane": 2, "unicorn": 2}, extra={"cat/broken.png": b"no"})
    at.file_uploader(key="zip-0").upload("my pets.zip", path.read_bytes()).run()
    assert '"unicorn" (2 images) is not a class of' in text_of(at) and not dashboard.jobs.active()
    assert at.button(key="evaluate-mapped").disabled and "1 label has no class yet" in text_of(at)
    assert "Choices are kept until the page is loaded again." in text_of(at)
    others(at).select("(leave out)").run()
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    assert not at.exception
    shown = metrics(at)
    assert (shown["Evaluated"], shown["Not evaluated"]) == ("5", "3") and shown["Accuracy"].endswith("%")
    view(at, "Files")
    assert "Not evaluated (3, 2 of them left out by choice)" in text_of(at)
    [failed] = [d.value for d in at.dataframe if list(d.value.columns) == ["file", "reason"]]
    assert sorted(failed["file"]) == ["cat/broken.png", "unicorn/0.png", "unicorn/1.png"]
    assert "Its label 'unicorn' was left out." in failed["reason"].tolist()
    assert "2 images: Its label 'unicorn' was left out." in [each.value.replace("\\", "") for each in at.caption]
    assert list(dashboard.settings.uploads_dir.glob("*/my pets.zip"))


def test_a_compressed_tar_and_the_files_of_mnist_are_uploaded_as_a_zip_is(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    at = open_page("evaluate")
    photos = {f"cat/{i}.png": encoded(picture(i)) for i in range(3)}
    at.file_uploader(key="zip-0").upload("my photos.tar.gz", tar(tmp_path / "a.tar.gz", photos).read_bytes()).run()
    until(at, lambda at: at.metric)
    assert not at.exception and metrics(at)["Evaluated"] == "3"
    assert list(dashboard.settings.uploads_dir.glob("*/my photos.tar.gz"))
    at = open_page("evaluate")
    for name, data in packed(split("t10k")).items():
        at.file_uploader(key="zip-0").upload(name, data)
    at.run()
    at.button(key="evaluate-files").click().run()
    until(at, lambda at: at.metric)
    assert not at.exception and metrics(at)["Evaluated"] == "6"


def test_an_upload_that_is_no_zip(open_page: Open) -> None:
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("fake.zip", b"no zip at all").run()
    until(at, lambda at: "was not evaluated" in text_of(at))
    assert "not a complete ZIP file" in text_of(at) and not at.metric


def test_a_file_of_another_kind_is_refused_with_the_kinds_that_are_read(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    at = open_page("evaluate")
    files = [("cat.png", encoded(picture(0)), ""), ("photos.rar", b"Rar!", "")]
    at.file_uploader(key="zip-0").set_value(files).run()
    told = text_of(at)
    assert not at.exception and "was not evaluated" in told and "photos.rar: this kind of file is not read." in told
    assert "a ZIP of images at any depth" in told and "cat.png" not in told
    assert ".xls" not in told and ".ods" not in told and "Save a spreadsheet as CSV." in told
    assert all(button.key != "evaluate-files" for button in at.button)
    assert not at.file_uploader(key="zip-0").proto.type, "else Streamlit refuses it, in words of its own"
    at.file_uploader(key="zip-0").set_value(files[:1]).run()
    assert at.button(key="evaluate-files") and "is not read" not in text_of(at)


def test_a_table_that_cannot_be_read_is_passed_over_with_a_button_of_the_page(
    open_page: Open, dashboard: Services
) -> None:
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value([("a.png", encoded(picture(0)), ""), ("t.xlsx", b"PK\3\4", "")]).run()
    at.button(key="evaluate-files").click().run()
    told = text_of(at)
    assert "it is a workbook of a spreadsheet program" in told and "--labels" not in told
    assert 'or do without it: press "Do without a labels file" below.' in told
    at.button(key="without-labels-file").click().run()
    assert not at.exception
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "1"


def test_an_upload_over_the_limit_is_refused(open_page: Open, dashboard: Services) -> None:
    at = open_page("evaluate")
    assert at.file_uploader(key="zip-0").proto.max_upload_size_mb == 1, "the browser refuses it, too"
    assert "larger than 1 MB? Put it into the folder datasets of the data folder" in text_of(at)
    at.file_uploader(key="zip-0").upload("big.zip", bytes(2**20 + 1)).run()
    assert "larger than the 1 MB allowed" in text_of(at)
    assert list(dashboard.settings.uploads_dir.glob("*")) == []


def test_what_labels_mean_is_asked_before_anything_starts(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    at = open_page("evaluate")
    path = make_zip({"kitten": 2, "![x](y)": 1, "dog": 1, "thing": 1})
    at.file_uploader(key="zip-0").upload("x.zip", path.read_bytes()).run()
    assert not at.exception and "3 labels (4 images) are not classes of" in text_of(at)
    editor, matched = at.data_editor
    assert editor.value["label"].tolist() == ["kitten", "![x](y)", "thing"] and matched.value["label"].tolist() == [
        "dog"
    ]
    assert editor.value["meaning"].isna().all() and at.button(key="evaluate-mapped").disabled
    rows = {0: {"meaning": "cat"}, 2: {"meaning": "(no label)"}}
    at.session_state[editor.key] = {"edited_rows": rows, "added_rows": [], "deleted_rows": []}
    at.run()
    assert at.button(key="evaluate-mapped").disabled and "1 label has no class yet" in text_of(at)
    rows[1] = {"meaning": "(leave out)"}
    at.session_state[editor.key] = {"edited_rows": rows, "added_rows": [], "deleted_rows": []}
    at.run()
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    assert not at.exception and (metrics(at)["Evaluated"], metrics(at)["Not evaluated"]) == ("4", "1")
    [manifest] = dashboard.runs.list()
    assert dict(manifest.label_map) == {"kitten": "cat", "dog": "dog", "thing": "(no label)", "![x](y)": "(leave out)"}
    table = dashboard.runs.folder(manifest.run_id).load().table
    assert table["true_label"].dropna().tolist() == ["cat", "cat", "dog"]


def test_what_was_chosen_is_kept_while_another_page_is_shown_and_after_going_back(
    open_page: Open, make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keeps(at: AppTest) -> bool:
        return at.data_editor[0].value["meaning"].tolist()[0] == "cat" and others(at).value == "(leave out)"

    at = open_page("evaluate")
    path = make_zip({"kitten": 2, "thing": 1, "dog": 1})
    at.file_uploader(key="zip-0").upload("x.zip", path.read_bytes()).run()
    others(at).select("(leave out)").run()
    edits = {"edited_rows": {0: {"meaning": "cat"}}, "added_rows": [], "deleted_rows": []}
    at.session_state[at.data_editor[0].key] = edits
    at.run()
    at.switch_page(str(ROOT / "pages" / "predict.py")).run()
    at.switch_page(str(ROOT / "pages" / "evaluate.py")).run()
    assert not at.exception and keeps(at) and at.query_params["upload"]
    asked = at.query_params["upload"]
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    monkeypatch.setattr("dashboard.ui.evaluate.shown_run.went_in_history", lambda: True)
    del at.query_params["run"]
    at.query_params["upload"] = asked
    at.run()
    assert not at.exception and keeps(at) and not at.metric and "run" not in at.query_params


def test_questions_that_were_left_are_offered_again(open_page: Open, make_zip: MakeZip) -> None:
    asked = open_page("evaluate")
    path = make_zip({"kitten": 2, "dog": 1})
    asked.file_uploader(key="zip-0").upload("my_x.zip", path.read_bytes()).run()
    at = open_page("evaluate")
    at.query_params["upload"] = asked.query_params["upload"]  # as after a reload
    at.run()
    at.switch_page(str(ROOT / "pages" / "predict.py")).run()
    at.query_params.clear()
    at.switch_page(str(ROOT / "pages" / "evaluate.py")).run()
    assert not at.data_editor and at.file_uploader(key="zip-0")
    at.button(key="go-on-with-dataset").click().run()
    assert not at.exception and at.data_editor[0].value["label"].tolist() == ["kitten"]
    at.button(key="discard-dataset").click().run()
    assert "go-on-with-dataset" not in {button.key for button in at.button}


def test_suggestions_fill_the_table_and_keep_what_was_chosen(open_page: Open, make_zip: MakeZip) -> None:
    at = open_page("evaluate")
    path = make_zip({"dog": 1, "dogs": 1, "hors": 1, "Lehrer": 1})
    at.file_uploader(key="zip-0").upload("x.zip", path.read_bytes()).run()
    editor = at.data_editor[0]
    assert dict(zip(editor.value["label"], editor.value["hint"], strict=True)) == {
        "Lehrer": "",
        "dogs": "dog",
        "hors": "horse",
    }
    at.session_state[editor.key] = {"edited_rows": {0: {"meaning": "cat"}}, "added_rows": [], "deleted_rows": []}
    at.run()
    suggest = next(button for button in at.button if button.label == "Use the suggestions")
    suggest.click().run()
    assert at.data_editor[0].value["meaning"].tolist() == ["cat", "dog", "horse"]
    assert not at.button(key="evaluate-mapped").disabled
    assert "Use the suggestions" not in {button.label for button in at.button}
    at.button(key="discard-dataset").click().run()


def test_pictures_in_one_folder_are_predicted_and_nothing_starts_while_they_are_left_out(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    path = make_zip({"my photos": 2}, extra={"top.png": encoded(picture(7))})
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", path.read_bytes()).run()
    assert "Not in a class folder" in text_of(at) and at.button(key="evaluate-mapped").disabled
    others(at).select("(leave out)").run()
    assert at.button(key="evaluate-mapped").disabled and "All images would be left out" in text_of(at)
    reloaded = open_page("evaluate")
    reloaded.query_params["upload"] = at.query_params["upload"]
    reloaded.run()
    others(reloaded).select("(no label)").run()
    reloaded.button(key="evaluate-mapped").click().run()
    until(reloaded, lambda at: at.metric)
    assert metrics(reloaded)["Evaluated"] == "3" and "upload" not in reloaded.query_params
    assert "nothing to compare" in text_of(reloaded) and "Match its labels again" in text_of(reloaded)
    at.button(key="discard-dataset").click().run()
    assert not at.data_editor and at.file_uploader(key="zip-1") and "upload" not in at.query_params


@pytest.mark.parametrize("name", ["../../etc", "0" * 16, ""])
def test_an_address_with_an_upload_that_is_not_there(open_page: Open, name: str) -> None:
    at = open_page("evaluate")
    at.query_params["upload"] = name
    at.run()
    assert not at.exception and not at.data_editor and at.file_uploader(key="zip-0")


def test_loose_images_with_a_labels_file(open_page: Open) -> None:
    at = open_page("evaluate")
    uploader = at.file_uploader(key="zip-0")
    uploader.set_value(
        [("a b.png", encoded(picture(1)), "image/png"), ("c.png", encoded(picture(2)), "image/png"),
         ("labels.csv", b"file;label\na b.png;cat\nc.png;3\n", "text/csv")]
    ).run()  # fmt: skip
    at.button(key="evaluate-files").click().run()
    assert not at.exception and '"3" (1 image) is not a class of' in text_of(at)
    others(at).select("(leave out)").run()
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "1" and "Labels are taken from" in text_of(at)


def test_the_split_can_be_chosen(open_page: Open, dashboard: Services, make_zip: MakeZip) -> None:
    extra = {f"{split}/cat/{i}.png": encoded(picture(i)) for i, split in enumerate(["test", "train", "train"])}
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({}, extra=extra).read_bytes()).run()
    assert not at.exception and not dashboard.jobs.active()
    [box] = [each for each in at.selectbox if each.label.startswith("Which split of")]
    assert box.value == "test" and box.options[:2] == ["test: 1 image in test", "train: 2 images in train"]
    assert not at.button(key="evaluate-mapped").disabled
    box.select("train").run()
    assert "Only the split train is used" in text_of(at)
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert metrics(at)["Evaluated"] == "2" and manifest.dataset_name == "x.zip, train"
    assert "Only the split train is used, as chosen" in manifest.notes[0]


@pytest.mark.parametrize("chosen, told", [("", "; cp437 is guessed"), ("cp932", "read as cp932, as chosen")])
def test_only_a_changed_box_is_a_choice(
    open_page: Open, dashboard: Services, tmp_path: Path, chosen: str, told: str
) -> None:
    path = foreign_zip(tmp_path / "x.zip", [b"cat", "Vögel".encode("cp437")])
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", path.read_bytes()).run()
    [box] = [each for each in at.selectbox if each.label.startswith("In which encoding")]
    assert box.value == "cp437"
    if chosen:
        box.select(chosen).run()
    others(at).select("(leave out)").run()
    [box] = [each for each in at.selectbox if each.label.startswith("In which encoding")]
    assert box.value == (chosen or "cp437")
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert not at.exception and told in manifest.notes[0]


def test_without_a_test_split_nothing_starts_before_one_is_chosen(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    extra = {f"{split}/{i}.png": encoded(picture(i)) for i, split in enumerate(["train/2", "train/3", "val/0"])}
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({}, extra=extra).read_bytes()).run()
    [box] = [each for each in at.selectbox if each.label.startswith("Which split of")]
    assert not at.exception and box.value is None and at.button(key="evaluate-mapped").disabled
    box.select("train").run()
    [split, start] = [each for each in at.selectbox if each.label.endswith("?")]
    assert split.value == "train" and start.value is None and at.button(key="evaluate-mapped").disabled
    assert start.options == ["0: 2 is bird, 3 is cat", "1: 2 is automobile, 3 is bird"]
    start.select("1").run()
    assert not at.exception and not at.button(key="evaluate-mapped").disabled
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert manifest.class_of == {"2": "automobile", "3": "bird"}
    assert "As chosen, 2 is used as automobile; 3 is used as bird." in manifest.notes


def test_the_column_of_the_labels_is_chosen(open_page: Open, dashboard: Services, make_zip: MakeZip) -> None:
    extra = {f"img/{i}.png": encoded(picture(i)) for i in range(4)}
    rows = "".join(f"{i},{'cat' if i % 2 else 'dog'},{3.5 + i}\n" for i in range(4))
    at = open_page("evaluate")
    data = make_zip({}, extra={**extra, "t.csv": f"image_id,breed,age\n{rows}".encode()}).read_bytes()
    at.file_uploader(key="zip-0").upload("x.zip", data).run()
    [box] = [each for each in at.selectbox if each.label.startswith("Which column of")]
    assert not at.exception and box.value is None and at.button(key="evaluate-mapped").disabled
    assert box.options == ["breed: dog, cat"]
    box.select("breed").run()
    assert not at.exception and "Labels are taken from t" in text_of(at)
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert metrics(at)["Evaluated"] == "4" and {*manifest.class_of} == {"cat", "dog"}


def test_a_column_of_other_words_than_the_classes_is_offered(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    extra = {f"{i}.png": encoded(picture(i)) for i in range(4)}
    rows = "".join(f"{i}.png;{('9b', '10a')[i % 2]};{('Katze', 'Hund')[i // 2]}\n" for i in range(4))
    at = open_page("evaluate")
    data = make_zip({}, extra={**extra, "t.csv": f"Datei;Klasse;Tier\n{rows}".encode()}).read_bytes()
    at.file_uploader(key="zip-0").upload("x.zip", data).run()
    [box] = [each for each in at.selectbox if each.label.startswith("Which column of")]
    assert not at.exception and box.options == ["Klasse: 9b, 10a", "Tier: Katze, Hund"] and box.value == "Klasse"
    assert at.data_editor[0].value["label"].tolist() == ["10a", "9b"]
    box.select("Tier").run()
    editor = at.data_editor[0]
    assert not at.exception and editor.value["label"].tolist() == ["Hund", "Katze"]
    rows_edited = {0: {"meaning": "dog"}, 1: {"meaning": "cat"}}
    at.session_state[editor.key] = {"edited_rows": rows_edited, "added_rows": [], "deleted_rows": []}
    at.run()
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert not at.exception and dict(manifest.label_map) == {"Hund": "dog", "Katze": "cat"}


def test_the_folders_above_those_of_the_images_can_be_the_labels(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    paths = ("benign/patient1/0", "benign/patient2/1", "malignant/patient1/2", "malignant/patient3/3")
    at = open_page("evaluate")
    data = make_zip({}, extra={f"{each}.png": encoded(picture(i)) for i, each in enumerate(paths)}).read_bytes()
    at.file_uploader(key="zip-0").upload("x.zip", data).run()
    [box] = [each for each in at.selectbox if each.label == "Which folders are the labels?"]
    assert not at.exception and "3 labels (4 images) are not classes" in text_of(at)
    assert box.options == [
        "the folders of the images: patient1, patient2, patient3", "the folders above these: benign, malignant"
    ]  # fmt: skip
    box.select_index(1).run()
    assert not at.exception and "2 labels (4 images) are not classes" in text_of(at)
    editor = at.data_editor[0]
    edited = {0: {"meaning": "cat"}, 1: {"meaning": "dog"}}
    at.session_state[editor.key] = {"edited_rows": edited, "added_rows": [], "deleted_rows": []}
    at.run()
    at.button(key="evaluate-mapped").click().run()
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert manifest.class_of == {path.rpartition("/")[0] + "/": "cat" if "benign" in path else "dog" for path in paths}


def test_an_array_without_labels(open_page: Open) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.stack([picture(i) for i in range(3)]))
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.npy", buffer.getvalue()).run()
    at.button(key="evaluate-files").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at) == {"Evaluated": "3", "Not evaluated": "0"} and "predicted, but not compared" in text_of(at)


def test_a_view_that_the_next_run_does_not_have_is_left_for_the_overview(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    runs = []
    for name, table in (
        ("labelled", "file,label,p_cat,p_dog\na,cat,0.9,0.1\n"),
        ("not", "file,p_cat,p_dog\na,0.9,0.1\n"),
    ):
        (tmp_path / f"{name}.csv").write_text(table)
        runs.append(import_predictions(ImportRequest(tmp_path / f"{name}.csv"), dashboard.runs).manifest)
    labelled, unlabelled = runs
    at = view(open_run(open_page, labelled), "Classes")
    for run in (unlabelled, labelled):
        show_evaluation(at, run.run_id)
        assert not at.exception and metrics(at)["Evaluated"] == "1"
        assert at.segmented_control(key="view").value == "Overview"


def test_an_array_that_is_no_images_is_refused_at_once(open_page: Open) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 3, 8, 8), np.uint8))
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.npy", buffer.getvalue()).run()
    at.button(key="evaluate-files").click().run()
    assert "was not evaluated" in text_of(at) and "colour channels come first" in text_of(at)


def test_an_imported_run_shows_figures_and_says_that_there_are_no_images(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,p_cat,p_dog\na.png,cat,0.9,0.1\nb.png,cat,0.2,0.8\n")
    imported = import_predictions(ImportRequest(tmp_path / "theirs.csv"), dashboard.runs)
    at = open_run(open_page, imported.manifest)
    assert metrics(at)["Accuracy"] == "50.0%" and not at.image and not sheet(at)
    assert "These predictions were imported, so there are no images to show." in text_of(at)
    assert any("b.png" in frame.value.get("file", pd.Series(dtype=str)).tolist() for frame in at.dataframe)


def test_an_imported_run_of_predicted_classes_shows_no_confidence(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,prediction\na.png,cat,cat\nb.png,cat,dog\nc.png,dog,cat\n")
    imported = import_predictions(ImportRequest(tmp_path / "theirs.csv"), dashboard.runs)
    at = open_run(open_page, imported.manifest)
    [rows] = [frame.value for frame in at.dataframe if "file" in frame.value]
    assert rows["file"].tolist() == ["b.png", "c.png"] and "confidence" not in rows
    assert "Sort by" not in [box.label for box in at.selectbox]
    key = imported.manifest.run_id
    assert "confidence<0.7" not in at.multiselect(key=f"filter-{key}").options
    assert not {"confidence", "margin", "loss"} & {*map(str, at.selectbox(key=f"column-{key}").options)}


def test_names_of_classes_are_no_formulas_for_spreadsheets(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    (tmp_path / "theirs.csv").write_text("file,label,p_=A1,p_dog\na.png,=A1,0.9,0.1\nb.png,=A1,0.2,0.8\n")
    at = open_run(open_page, import_predictions(ImportRequest(tmp_path / "theirs.csv"), dashboard.runs).manifest)
    view(at, "Classes")
    [per_class] = [frame.value for frame in at.dataframe if "f1" in frame.value.columns]
    assert per_class["class"].tolist() == ["'=A1", "dog"] and per_class["images"].tolist() == [2, 0]
    pairs = next(frame.value for frame in view(at, "Overview").dataframe if "share" in frame.value.columns)
    assert pairs["true_label"].tolist() == ["'=A1"]


def test_of_a_thousand_classes_those_that_are_confused_most_are_drawn(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    labels = np.arange(1000).repeat(2)
    predicted = labels.copy()
    predicted[::20] += 1  # predicts class 1 for class 0, 11 for 10 and so on, once each
    predicted[[900, 901]] = 7  # predicts class 7 for class 450, twice
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "probs.npy", np.eye(1000, dtype=np.float32)[predicted])
    imported = import_predictions(ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy"), dashboard.runs)
    at = open_run(open_page, imported.manifest)
    heights = [json.loads(chart.proto.spec)["height"] for chart in at.get("vega_lite_chart")]
    assert len(heights) == 1 and max(heights) < 1300
    assert "The 20 most confused classes of 1,000" in text_of(at) and "11 of 101 mistakes" in text_of(at)
    assert [len(d.value) for d in view(at, "Classes").dataframe if "f1" in d.value.columns] == [1000]
    view(at, "Overview")
    at.selectbox(key=f"around-{imported.manifest.run_id}").select("450").run()
    assert not at.exception and "450 and the classes that it is confused with most often, of 1,000" in text_of(at)
    box = at.selectbox(key=f"images-of-{imported.manifest.run_id}")
    assert box.options[:3] == ["Mistakes (101)", "All images (2,000)", "Labelled 450, predicted as 7 (2)"]
    box.select_index(2).run()
    assert [len(d.value) for d in at.dataframe if "file" in d.value.columns] == [2]


def test_a_dataset_on_the_server(open_page: Open) -> None:
    at = open_page("evaluate")
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.selectbox(key="library").select("Sample images").run()
    at.button(key="evaluate").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "22" and metrics(at)["Not evaluated"] == "0"


def test_a_folder_whose_name_is_no_utf8_is_refused_and_the_page_lives_on(open_page: Open, dashboard: Services) -> None:
    folder = dashboard.settings.datasets_dir / os.fsdecode(b"caf\xe9")
    try:
        shutil.copytree(dashboard.settings.samples_dir, folder)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    at = open_page("evaluate")
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.selectbox(key="library").select("caf\ufffd").run()
    at.button(key="evaluate").click().run()
    until(at, lambda at: "was not evaluated" in text_of(at))
    assert not at.exception and "is not valid UTF-8" in text_of(at)


def test_a_chosen_cell_shows_its_images(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    assert "No mistakes here" in text_of(at)
    show_cell(at, run, "frog", "frog")
    assert not at.exception
    assert [item["note"] for item in sheet(at)] == ["labelled frog"] * 4
    assert at.query_params["show"] == ["true_label=frog", "predicted_label=frog"]


def test_an_interrupted_run_says_so_and_goes_on(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    plan = plan_run(dashboard.settings.samples_dir, dashboard.registry.get("cifar10-resnet"))
    interrupted = begin_run(plan, dashboard.runs, 8, "interrupted")

    def add_part(part: int) -> None:
        rows = dashboard.runs.folder(run.run_id).load().files.take(np.arange(8 * part, 8 * part + 8), COLUMNS)
        dashboard.runs.folder("interrupted").add_part(part, pa.Table.from_pandas(rows, SCHEMA, preserve_index=False))

    add_part(0)
    at = open_run(open_page, interrupted.manifest)
    assert "Not finished: 8 of 22 images" in text_of(at) and "Another process is evaluating it" in text_of(at)
    add_part(1)
    assert "Not finished: 16 of 22 images" in text_of(at.run())
    assert not [b for b in at.button if b.key in ("go-on", "delete")]
    interrupted.owner.tell_paused("No space left on device.")
    told = text_of(at.run())
    assert "Another process has paused this evaluation" in told and "No space left on device." in told
    interrupted.owner.tell_paused("")
    assert "Another process is evaluating it" in text_of(at.run())
    interrupted.owner.release()
    at.run().button(key="go-on").click().run()
    until(at, lambda at: at.metric and "Not finished" not in text_of(at))
    assert metrics(at)["Evaluated"] == "22"
    tables = [dashboard.runs.folder(run_id).load().table for run_id in ("interrupted", run.run_id)]
    assert_frame_equal(*tables, atol=1e-4)


def test_a_run_whose_dataset_was_changed_or_is_gone_is_evaluated_again_instead_of_resumed(
    open_page: Open, dashboard: Services
) -> None:
    plan = plan_run(dashboard.settings.samples_dir, dashboard.registry.get("tiny"))
    interrupted = begin_run(plan, dashboard.runs, 8, "interrupted")
    interrupted.owner.release()
    added = dashboard.settings.samples_dir / "frog" / "one_more.png"
    added.write_bytes(encoded(picture(1)))
    at = open_run(open_page, interrupted.manifest)
    at.button(key="go-on").click().run()
    until(at, lambda at: "was changed before its evaluation was finished" in text_of(at))
    keys = [button.key for button in at.button]
    assert not at.exception and "go-on" not in keys and "cannot be resumed" not in text_of(at)
    assert keys.index("again") < keys.index("note-shown-run")  # where Resume was, not among the actions
    at.button(key="again").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "23" and len(dashboard.runs.list()) == 2
    shutil.rmtree(dashboard.settings.samples_dir)
    at = open_run(open_page, interrupted.manifest)
    assert not at.exception and not {"go-on", "again"} & {button.key for button in at.button}
    gone = "It cannot be resumed. The dataset samples does not exist any more. Put it back to where it was"
    assert gone in text_of(at).replace("\\", "")


def test_a_dataset_evaluated_before_is_shown_at_once(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    at = open_page("evaluate")
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.selectbox(key="library").select("Sample images").run()
    at.button(key="evaluate").click().run()
    until(at, lambda at: at.metric)
    assert "Evaluated before, on " in text_of(at) and at.query_params["run"] == run.run_id
    at.button(key="again").click().run()
    until(at, lambda at: at.metric and at.query_params["run"] != run.run_id)
    assert "Evaluated before" not in text_of(at) and len(dashboard.runs.list()) == 2


def test_what_a_folder_means_is_kept_when_its_dataset_is_evaluated_again(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    dataset, tiny = make_zip({"cat": 1, "cat/hard": 1, "dog/hard": 1}), dashboard.registry.get("tiny")
    run = evaluate(dataset, tiny, dashboard.engine, dashboard.runs, label_map={"cat/hard/": "dog"})
    at = open_run(open_page, run)
    at.button(key="again").click().run()
    until(at, lambda at: at.metric and at.query_params["run"] != run.run_id)
    assert [dict(m.label_map) for m in dashboard.runs.list()] == [dict(run.label_map)] * 2
    assert dict(run.label_map) == {"cat": "cat", "cat/hard/": "dog", "dog/hard/": "dog"}


def test_an_interrupted_run_of_the_chosen_dataset_goes_on_and_the_page_follows_it(
    open_page: Open, dashboard: Services
) -> None:
    plan = plan_run(dashboard.settings.samples_dir, dashboard.registry.get(""))
    begin_run(plan, dashboard.runs, 8, "interrupted").owner.release()
    at = open_page("evaluate")
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.selectbox(key="library").select("Sample images").run()
    at.button(key="evaluate").click().run()
    until(at, lambda at: at.metric)
    assert at.query_params["run"] == "interrupted" and "Evaluated before" not in text_of(at)
    assert [m.run_id for m in dashboard.runs.list()] == ["interrupted"] and metrics(at)["Evaluated"] == "22"


def test_a_view_is_one_row_of_the_table(open_page: Open, run: RunManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard.ui.evaluate import views

    def toy(services: Services, run: Run) -> None:
        st.text(f"Toy of {run.manifest.run_id}")

    rows = (views.View("Toy", lambda run: True, toy), views.View("Hidden", lambda run: False, toy))
    monkeypatch.setattr(views, "VIEWS", (*views.VIEWS, *rows))
    at = open_run(open_page, run)
    assert at.segmented_control(key="view").options == [view.name for view in views.VIEWS[:-1]]
    assert "Toy of" not in text_of(at)
    assert f"Toy of {run.run_id}" in text_of(view(at, "Toy"))


def test_an_evaluation_is_deleted_after_asking(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    at = open_run(open_page, run)
    at.button(key="delete").click().run()
    assert dashboard.runs.list() == [run]
    at.button(key="delete-for-good").click().run()
    assert not at.exception and not at.metric and dashboard.runs.list() == []


def test_the_page_of_a_deleted_evaluation_says_so(open_page: Open, dashboard: Services) -> None:
    job = dashboard.jobs.start(dashboard.settings.samples_dir, dashboard.registry.get("tiny"))
    at = open_page("evaluate")
    at.query_params["run"] = job.run_id
    until(at.run(), lambda at: at.metric)
    dashboard.runs.delete(job.run_id)
    again = open_page("evaluate")  # Back in the browser, or a link that was sent before
    again.query_params["run"] = job.run_id
    again.run()
    assert not again.exception
    assert f"The evaluation {job.run_id} was deleted." in text_of(again).replace("\\", "")


def test_a_full_disk_pauses_the_evaluation_until_there_is_space(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, full = RunFolder.add_part, threading.Event()
    full.set()

    def write_unless_full(folder: RunFolder, part: int, rows: pa.Table, notes: dict[str, int]) -> None:
        if full.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(folder, part, rows, notes)

    monkeypatch.setattr(RunFolder, "add_part", write_unless_full)
    titles: list[tuple[str, ...]] = []
    monkeypatch.setattr("dashboard.ui.evaluate.job_view.name_tab", lambda *what: titles.append(what))
    job = dashboard.jobs.start(dashboard.settings.samples_dir, dashboard.registry.get("tiny"))
    at = open_page("evaluate")
    at.session_state["run_id"] = job.run_id
    until(at.run(), lambda at: "Paused" in text_of(at))
    assert set(titles) == {("samples", "evaluating")}
    assert "No space left on device" in text_of(at) and "resumes by itself" in text_of(at)
    full.clear()
    at.button(key="retry").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "22" and not at.exception


def test_an_evaluation_whose_folder_was_away_can_be_resumed_once_it_is_back(
    open_page: Open, dashboard: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_part = RunFolder.add_part

    def lose(folder: RunFolder, part: int, rows: pa.Table, notes: dict[str, int]) -> None:
        folder.path.rename(tmp_path / "elsewhere")
        add_part(folder, part, rows, notes)

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "add_part", lose)
        job = dashboard.jobs.start(dashboard.settings.samples_dir, dashboard.registry.get("tiny"))
        at = open_page("evaluate")
        at.session_state["run_id"] = job.run_id
        until(at.run(), lambda at: "has vanished" in text_of(at))
    assert f"python -m dashboard evaluate --resume {job.run_id}" in [each.value for each in at.code]
    assert "go-on" not in {button.key for button in at.button}
    (tmp_path / "elsewhere").rename(dashboard.runs.root / job.run_id)
    assert "has vanished" not in text_of(at.run())
    at.button(key="go-on").click().run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "22" and not at.exception and "has vanished" not in text_of(at)


def test_a_failed_run_gives_its_reason(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    for part in (dashboard.settings.runs_dir / run.run_id).glob("*.parquet"):
        part.unlink()
    dashboard.runs.folder(run.run_id).save(replace(run, state="failed", message="The disk is full."))
    at = open_run(open_page, run)
    assert "Not finished: 0 of 22" in text_of(at) and "The disk is full." in text_of(at)
    assert not at.metric


def test_a_dataset_that_has_gone_leaves_figures_and_thumbnails(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    shutil.rmtree(dashboard.settings.samples_dir)
    at = open_run(open_page, run)
    show_cell(at, run, "cat", "cat")
    assert not at.exception and metrics(at)["Evaluated"] == "22" and len(sheet(at)) == 2
    (dashboard.runs.root / run.run_id / "thumbnails.npy").unlink()
    at.run()
    assert not at.exception and metrics(at)["Evaluated"] == "22" and not sheet(at)
    assert "no longer on the server" in text_of(at)
    assert "cat" in str([d.value for d in at.dataframe if "file" in d.value.columns])


def test_a_dataset_that_has_changed_shows_no_wrong_pictures(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    folder = dashboard.settings.samples_dir / "airplane"
    shutil.copy(next(folder.glob("*.png")), folder / "a.png")  # all later images move by one position
    (dashboard.runs.root / run.run_id / "thumbnails.npy").unlink()
    at = open_run(open_page, run)
    show_cell(at, run, "truck", "truck")
    assert not at.exception
    assert "The dataset was changed" in text_of(at)


def test_a_run_that_does_not_exist(open_page: Open) -> None:
    at = open_page("evaluate")
    at.session_state["run_id"] = "../../etc"
    at.run()
    assert not at.exception and "cannot be shown" in text_of(at)


def test_jobs_of_others_can_be_watched_and_cancelled(
    open_page: Open, dashboard: Services, make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = dashboard.registry.get("cifar10-resnet")
    mine, other = (dashboard.jobs.start(make_zip({"cat": 1500, "dog": i}, name=f"{i}.zip"), version) for i in range(2))
    at = open_page("evaluate")
    at.button(key=f"show-{mine.run_id}").click().run()
    assert at.button(key=f"show-{other.run_id}") and not [b for b in at.button if b.key == f"show-{mine.run_id}"]
    with monkeypatch.context() as patch:
        patch.setattr(VisitorsJobs, "cancel", lambda *_: None)  # takes as long as the images under way
        at.button(key="cancel").click().run()
    assert at.button(key="cancel").disabled and "Cancelling" in at.get("progress")[0].proto.text
    dashboard.jobs.cancel(mine.run_id)
    dashboard.jobs.cancel(other.run_id)
    until(at, lambda at: not dashboard.jobs.active())
    at.run()
    assert not at.exception
    assert {j.state for job in (mine, other) if (j := dashboard.jobs.get(job.run_id))} == {"cancelled"}


def test_a_page_number_of_another_run_does_not_hide_images(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    version = dashboard.registry.get("tiny")
    run = evaluate(make_zip({"cat": 20, "dog": 20}), version, dashboard.engine, dashboard.runs)
    at = open_page("evaluate")
    at.session_state[f"page-{run.run_id}-correct=no"] = 99
    show_evaluation(at, run.run_id)
    assert not at.exception
    assert len(sheet(at)) > 0


def test_the_report_and_all_files_can_be_downloaded(open_page: Open, run: RunManifest, dashboard: Services) -> None:
    at = view(open_run(open_page, run), "Report")
    buttons = {b.proto.label: b.proto for b in at.get("download_button")}
    assert set(buttons) == {
        "Report (HTML)", "Report (Markdown)", "Predictions (CSV)", "Predictions (Parquet)", "Result (JSON)",
    }  # fmt: skip
    assert "It is about all images." in text_of(at) and not [b for b in at.selectbox if b.label == "Compare with"]
    lines = csv_bytes(dashboard.runs.folder(run.run_id).load()).decode("utf-8-sig").splitlines()
    assert len(lines) == 23 and lines[0].startswith(
        "file,true_label,predicted_label,confidence,status,reason,p_airplane"
    )


def test_the_report_is_about_the_filtered_images(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    at.query_params["where"] = ["true_label=cat"]
    assert "It is about the images that pass the filter." in text_of(view(at, "Report"))


def test_the_report_offers_other_evaluations_of_the_same_dataset(
    open_page: Open, run: RunManifest, dashboard: Services, make_zip: MakeZip
) -> None:
    version = dashboard.registry.get("tiny")
    same = evaluate(dashboard.settings.samples_dir, version, dashboard.engine, dashboard.runs)
    evaluate(make_zip({"cat": 2}), version, dashboard.engine, dashboard.runs)
    at = view(open_run(open_page, run), "Report")
    [box] = [b for b in at.selectbox if b.label == "Compare with"]
    assert len(box.options) == 1 and box.options[0].startswith(same.model)


def test_the_report_keeps_the_chosen_evaluation_when_its_title_changes(
    open_page: Open, run: RunManifest, dashboard: Services
) -> None:
    """Two evaluations have the same title once the second is there, so both get another one."""
    same = evaluate(dashboard.settings.samples_dir, dashboard.registry.get("tiny"), dashboard.engine, dashboard.runs)
    at, key = view(open_run(open_page, run), "Report"), f"report-other-{run.run_id}"
    at.selectbox(key=key).select(same.run_id).run()
    run_after_more(at, dashboard, same.run_id)
    assert len(at.selectbox(key=key).options) == 2
    assert at.selectbox(key=key).value == same.run_id
    dashboard.runs.delete(same.run_id)
    assert at.run().selectbox(key=key).value is None and not at.exception


def test_cifar10_that_cannot_be_fetched_says_where_to_put_it(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from dashboard.core.datasets import cifar10_archive

    target = tmp_path / "downloads"
    download = BackgroundTask[object](
        "download", lambda task: cifar10_archive.download(target, task.advance, "http://127.0.0.1:1/x")
    )
    monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: replace(dashboard, cifar10=download))
    at = open_page("evaluate")
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.button(key="get-cifar10").click().run()
    until(at, lambda at: "could not be downloaded" in text_of(at))
    assert str(target / cifar10_archive.FILE_NAME) in text_of(at)


def test_a_run_that_cannot_go_on_still_shows_what_is_stored(
    open_page: Open, dashboard: Services, run: RunManifest, tmp_path: Path
) -> None:
    dashboard.runs.folder(run.run_id).save(replace(run, state="cancelled", dataset=str(tmp_path / "gone.zip")))
    dashboard.jobs.go_on(run.run_id, dashboard.registry)
    at = open_page("evaluate")
    at.session_state["run_id"] = run.run_id
    until(at.run(), lambda at: "gone.zip does not exist" in text_of(at))
    assert metrics(at)["Evaluated"] == "22" and at.button(key="delete")
    assert "The evaluation stopped" in text_of(at) and "was not evaluated" not in text_of(at)
    dashboard.runs.folder(run.run_id).save(replace(run, state="finished"))  # for example by the command line
    assert "does not exist" not in text_of(at.run()) and metrics(at)["Evaluated"] == "22"


def test_another_dataset_can_be_chosen_while_one_is_evaluated(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    path = describe(make_zip({"cat": 1500}), Choices(labels=FOLDERS), dashboard.settings.described_dir)
    job = dashboard.jobs.start(path, dashboard.registry.get("cifar10-resnet"))
    at = open_page("evaluate")
    at.session_state["run_id"] = job.run_id
    at.run()
    assert f"Evaluating {job.dataset_name} with {job.model}" in text_of(at) and path.name not in text_of(at)
    assert at.button(key="cancel") and at.file_uploader(key="zip-0")
    dashboard.jobs.cancel(job.run_id)
    until(at, lambda at: not dashboard.jobs.active())


def test_of_a_partly_labelled_dataset_the_rest_can_be_seen(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    labels = b"file,label\n" + b"".join(b"%d.png,cat\n" % i for i in range(3))
    dataset = make_zip({}, extra={"labels.csv": labels, **{f"{i}.png": encoded(picture(i)) for i in range(5)}})
    at = open_run(open_page, evaluate(dataset, dashboard.registry.get("tiny"), dashboard.engine, dashboard.runs))
    assert metrics(at)["Labelled"] == "3 of 5"
    assert "Confusion matrix" in text_of(at) and "nothing to compare" not in text_of(at)
    at.multiselect(key=f"filter-{at.session_state['run_id']}").set_value(["true_label="]).run()
    assert not at.exception and len(sheet(at)) == 2 and "Confusion matrix" not in text_of(at)
    assert "2 of 5 images pass the filter" in text_of(at)
    assert "None of these images has a label that is compared." in text_of(at)


def test_of_a_thousand_classes_without_mistakes_those_with_images_are_drawn(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    labels = np.repeat([207, 281, 340], 5)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "probs.npy", np.eye(1000, dtype=np.float32)[labels])
    request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy", first_id=0)
    imported = import_predictions(request, dashboard.runs)
    at = open_run(open_page, imported.manifest)
    assert "The 3 classes with the most images, of 1,000. There are no mistakes." in text_of(at)
    assert at.selectbox(key=f"images-of-{imported.manifest.run_id}").options == [
        "Mistakes (0)", "All images (15)", *(f"Labelled {i}, predicted as {i} (5)" for i in (207, 281, 340))
    ]  # fmt: skip


def test_a_run_of_another_user_stays_and_that_is_told(
    open_page: Open, dashboard: Services, run: RunManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(store: RunStore, run_id: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", f"runs/{run_id}")

    at = open_run(open_page, run)
    monkeypatch.setattr(RunStore, "delete", denied)
    at.button(key="delete").click().run()
    at.button(key="delete-for-good").click().run()
    assert not at.exception and f"runs/{run.run_id}: Permission denied." in text_of(at)


def test_a_dataset_given_as_a_pattern_is_still_there(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    pattern = dashboard.settings.samples_dir / "**" / "*.png"
    dashboard.runs.folder(run.run_id).save(replace(run, dataset=str(pattern)))
    at = open_run(open_page, run)
    assert at.button(key="again") and "no longer on the server" not in text_of(at)


def array_file(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_dropped_predictions_become_a_run(open_page: Open, dashboard: Services) -> None:
    probs = np.eye(10)[[0, 3, 5, 5]] * 0.9 + 0.01
    files = [("pred_probs.npy", array_file(probs), ""), ("labels.npy", array_file(np.array([0, 3, 5, 3])), "")]
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value(files).run()
    at.button(key="evaluate-files").click().run()
    assert not at.exception and "4 rows with probabilities of 10 classes, with true labels from labels" in text_of(at)
    assert "cifar10-resnet" in at.selectbox(key="predictions-names").value and not dashboard.runs.list()
    at.button(key="import-predictions").click().run()
    assert not at.exception and metrics(at)["Accuracy"] == "75.0%"
    [manifest] = dashboard.runs.list()
    assert manifest.imported and manifest.class_names[3] == "cat" and manifest.dataset_name == "pred_probs.npy"


def test_labels_of_dropped_predictions_are_asked_about(open_page: Open, dashboard: Services) -> None:
    table = "file,label,p_cat,p_dog\na.png,cat,0.9,0.1\nb.png,hound,0.2,0.8\n"
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value([("theirs.csv", table.encode(), "")]).run()
    at.button(key="evaluate-files").click().run()
    assert '"hound" (1 image) is not a class' in text_of(at) and at.button(key="import-predictions").disabled
    editor = at.data_editor[0]
    at.session_state[editor.key] = {"edited_rows": {0: {"meaning": "dog"}}, "added_rows": [], "deleted_rows": []}
    at.run()
    at.button(key="import-predictions").click().run()
    [manifest] = dashboard.runs.list()
    assert metrics(at)["Accuracy"] == "100.0%" and manifest.class_of["hound"] == "dog"


def test_labels_of_dropped_predictions_are_counted_as_they_are_matched(open_page: Open, dashboard: Services) -> None:
    table = b"file,p_cat,p_dog,site\na.png,0.9,0.1,A\nb.png,0.2,0.8,B\nc.png,0.2,0.8,B\n"
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value([("x.csv", table, ""), ("y.csv", b"file,label\nz,cat\n", "")]).run()
    at.button(key="evaluate-files").click().run()
    assert "names no file of the predictions" in text_of(at) and at.button(key="import-predictions").disabled
    at.button(key="discard-predictions").click().run()
    labels = b"file,label\nphotos/A,cat\nb.PNG,dog\nz.png,ant\n"
    at.file_uploader(key="zip-1").set_value([("x.csv", table, ""), ("y.csv", labels, "")]).run()
    at.button(key="evaluate-files").click().run()
    assert "3 rows with probabilities of 2 classes, 2 of them with true labels from y" in text_of(at)
    assert "2 labels match (2 images)" in [each.label for each in at.expander]
    at.button(key="import-predictions").click().run()
    assert metrics(at)["Labelled"] == "2 of 3" and "1 image has no label in y" in text_of(at)
    [manifest] = dashboard.runs.list()
    assert dashboard.runs.folder(manifest.run_id).load().further_names == ("site",)


def test_arrays_with_two_readings_are_asked_about(open_page: Open, dashboard: Services) -> None:
    buffer, probs = io.BytesIO(), np.array([[0.9, 0.1], [0.25, 0.75]])
    np.savez(buffer, a=probs, b=np.array([0, 1]), c=np.array([1, 0]))
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value([("x.npz", buffer.getvalue(), "")]).run()
    box = at.selectbox(key="predictions-arrays")
    assert (
        not at.exception
        and box.value is None
        and [each.key for each in at.button if each.key == "import-predictions"] == []
    )
    assert box.options[0] == "a holds the probabilities, b the true labels"
    box.select_index(1).run()
    assert not at.exception and "2 rows with probabilities of 2 classes, with true labels" in text_of(at)
    at.button(key="import-predictions").click().run()
    assert metrics(at)["Accuracy"] == "0.0%"


def drop_predictions(open_page: Open, name: str, table: bytes) -> AppTest:
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").set_value([(name, table, "")]).run()
    at.button(key="evaluate-files").click().run()
    return at.button_group(key="predictions-kind").set_value("Predictions of another program").run()


def class_boxes(at: AppTest) -> list[Selectbox]:
    return [box for box in at.selectbox if box.label == "Which class does the probability belong to?"]


@pytest.mark.parametrize("meant, accuracy", [("good", "75.0%"), ("bad", "25.0%")])
def test_the_class_of_one_dropped_probability_per_row_is_asked_for(
    open_page: Open, dashboard: Services, meant: str, accuracy: str
) -> None:
    table = b"id,y_true,prob\na,bad,0.1\nb,good,0.8\nc,bad,0.2\nd,bad,0.7\n"
    at = drop_predictions(open_page, "sigmoid.csv", table)
    assert "4 rows with the probability of one of two classes, with true labels" in text_of(at)
    assert at.selectbox(key="predictions-names").options == ["the true labels"] and not at.data_editor
    [box] = class_boxes(at)
    assert box.options == ["bad", "good"] and box.value is None and at.button(key="import-predictions").disabled
    box.set_value(meant).run()
    assert "2 labels match (4 images)" in [each.label for each in at.expander]
    at.button(key="import-predictions").click().run()
    [manifest] = dashboard.runs.list()
    assert metrics(at)["Accuracy"] == accuracy and manifest.class_names[1] == meant


def test_a_column_that_names_the_class_of_its_probability_tells_both_classes(
    open_page: Open, dashboard: Services
) -> None:
    at = drop_predictions(open_page, "sigmoid.csv", b"file,label,p_defect\na,ok,0.1\nb,defect,0.8\n")
    assert "2 rows with the probability of defect, with true labels" in text_of(at)
    assert not class_boxes(at) and "2 labels match (2 images)" in [each.label for each in at.expander]
    at.button(key="import-predictions").click().run()
    [manifest] = dashboard.runs.list()
    assert metrics(at)["Accuracy"] == "100.0%" and manifest.class_names == ("ok", "defect")


def test_labels_0_and_1_suggest_that_the_probability_is_that_of_1(open_page: Open, dashboard: Services) -> None:
    at = drop_predictions(open_page, "sigmoid.csv", b"file,label,score\na,0,0.1\nb,1,0.8\n")
    assert [box.value for box in class_boxes(at)] == ["1"]
    at.button(key="import-predictions").click().run()
    assert metrics(at)["Accuracy"] == "100.0%"


def test_dropped_predicted_classes_are_not_called_probabilities(open_page: Open) -> None:
    at = open_page("evaluate")
    table = b"y_true\ty_pred\nsetosa\tsetosa\nvirginica\tsetosa\nversicolor\tversicolor\n"
    at.file_uploader(key="zip-0").set_value([("x.tsv", table, "")]).run()
    at.button(key="evaluate-files").click().run()
    said = text_of(at).replace("\\", "")  # without the signs that keep Markdown from reading it
    assert "3 rows with predicted classes (3 classes), with true labels" in said and "rows with prob" not in said


def test_files_that_may_be_predictions_or_images_are_asked_about(open_page: Open, dashboard: Services) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, images=np.stack([picture(i) for i in range(2)]), labels=[3, 0], pred_probs=np.eye(10)[[3, 3]])
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("both.npz", buffer.getvalue()).run()
    assert not at.exception and "it also holds images" in text_of(at) and not dashboard.jobs.active()
    at.button_group(key="predictions-kind").set_value("A dataset of images").run()
    until(at, lambda at: at.metric)
    assert metrics(at)["Evaluated"] == "2" and not dashboard.runs.list()[0].imported


def test_an_unknown_evaluation_leads_to_all_evaluations_and_not_to_a_command(open_page: Open) -> None:
    at = show_evaluation(open_page("evaluate"), "nope")
    assert not at.exception and "There is no evaluation 'nope'" in text_of(at) and "python -m" not in text_of(at)
    assert "All evaluations" in [link.proto.label for link in at.get("page_link")]
    at.query_params.clear()  # as the link does
    at.run()
    assert "There is no evaluation" not in text_of(at) and not at.query_params
