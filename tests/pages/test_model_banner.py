"""A damaged or missing model is announced wherever it would be used, before anything is uploaded."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services import Services
from tests.pages.conftest import click_sample, text_of

Open = Callable[[str], AppTest]
REF = "tiny@1"


@pytest.fixture
def folder(own_models: Path) -> Path:
    return own_models / "tiny" / "1"


def chosen(at: AppTest) -> AppTest:
    at.selectbox(key="model").set_value(REF)
    return shown(at)


def shown(at: AppTest) -> AppTest:
    """The page once the changed file has been read, which no page waits for."""
    at.run()
    time.sleep(0.5)
    return at.run()


def truncate(folder: Path) -> None:
    file = folder / "model.keras"
    file.write_bytes(file.read_bytes()[:-1000])


def marked(at: AppTest) -> list[str]:
    return [option for option in at.selectbox(key="model").options if option.startswith("tiny")]


@pytest.mark.parametrize("page", ["predict", "explain"])
def test_what_is_wrong_with_the_model_is_told_once(page: str, open_page: Open, folder: Path) -> None:
    truncate(folder)
    at = click_sample(chosen(open_page(page)), "frog")
    told = text_of(at).replace("\\", "")
    assert not at.exception and told.count("Restore the file") == 1 and "The reason stands above." in told


@pytest.mark.parametrize("page", ["predict", "explain", "evaluate"])
def test_a_file_truncated_while_the_server_runs(page: str, open_page: Open, folder: Path) -> None:
    at = chosen(open_page(page))
    assert marked(at) == [REF] and "checksum" not in text_of(at)
    truncate(folder)
    at = shown(at)
    assert not at.exception and marked(at) == [f"{REF} - damaged"]
    assert at.selectbox(key="model").value == REF
    assert "model.keras is cut off or damaged (its checksum does not match)" in text_of(at).replace("\\", "")
    assert "Restore the file" in text_of(at)
    assert any(link.proto.page == "diagnostics" for link in at.get("page_link"))
    if page == "evaluate":
        assert at.get("file_uploader")[0].proto.disabled


def test_a_mended_file_is_used_again(open_page: Open, folder: Path) -> None:
    whole = (folder / "model.keras").read_bytes()
    truncate(folder)
    at = chosen(open_page("evaluate"))
    assert marked(at) == [f"{REF} - damaged"]
    (folder / "model.keras").write_bytes(whole)
    at = shown(at)
    assert marked(at) == [REF] and at.selectbox(key="model").value == REF
    assert not at.get("file_uploader")[0].proto.disabled and "checksum" not in text_of(at)


def test_a_removed_folder_is_not_replaced_by_another_model(open_page: Open, folder: Path) -> None:
    at = chosen(open_page("evaluate"))
    shutil.rmtree(folder)
    at = shown(at)
    assert not at.exception and marked(at) == [f"{REF} - missing"] and at.selectbox(key="model").value == REF
    assert "There is no model 'tiny@1'" in text_of(at)


def test_a_missing_file_is_marked_and_no_accuracy_is_praised(open_page: Open, own_models: Path) -> None:
    at = open_page("predict")
    ref = at.selectbox(key="model").value
    name, version = ref.split("@")
    assert any("Accuracy" in caption.value for caption in at.caption)
    (own_models / name / version / "model.keras").unlink()
    at = shown(at)
    assert f"{ref} - missing" in at.selectbox(key="model").options
    assert not any("Accuracy" in caption.value for caption in at.caption)
    assert "model.keras is missing" in text_of(at).replace("\\", "")


def test_a_choice_that_cannot_be_read_is_told_and_one_can_choose(open_page: Open, own_models: Path) -> None:
    (own_models / "active.json").write_text('{"mo')
    at = open_page("predict")
    assert not at.exception and at.selectbox(key="model").value is None
    assert at.error[0].value.startswith("No model is chosen")
    assert "Which model is active is not known" in text_of(at)
    at = chosen(at)
    assert at.selectbox(key="model").value == REF and not at.error


def test_a_folder_whose_name_is_no_utf8_is_marked_and_takes_no_page_down(open_page: Open, folder: Path) -> None:
    shutil.copytree(folder, folder.parent / "\udcff")
    at = open_page("compare")
    assert not at.exception and marked(at) == [REF, "tiny@\ufffd - cannot be used"]
    at.selectbox(key="model").set_value("tiny@\ufffd").run()
    assert not at.exception and "is no UTF\\-8" in text_of(at)


def test_pages_that_need_no_model_say_nothing(open_page: Open, folder: Path) -> None:
    truncate(folder)
    at = chosen(open_page("compare"))
    assert marked(at) == [f"{REF} - damaged"] and not at.error


def test_an_evaluation_that_comes_too_early_keeps_no_run(open_page: Open, dashboard: Services, folder: Path) -> None:
    """The file is truncated after the page was drawn."""
    at = chosen(open_page("evaluate"))
    at.segmented_control(key="dataset-source").set_value("This server").run()
    at.selectbox(key="library").set_value("Sample images").run()
    truncate(folder)
    job = dashboard.jobs.start(dashboard.settings.samples_dir, dashboard.registry.get(REF))
    end = time.monotonic() + 30
    while (now := dashboard.jobs.get(job.run_id)) and now.active:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert now and now.error and now.error.code == "checksum"
    assert dashboard.runs.list() == []
