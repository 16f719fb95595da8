"""The workspace of an evaluation: filter, subsets, tags, choice of images, addresses."""

from __future__ import annotations

import errno
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.analysis import label_issues
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.runs import annotations
from dashboard.core.runs.manifest import RunManifest
from dashboard.reports.provenance import file_stem
from dashboard.services import Services
from dashboard.ui.contact_sheet import SheetItem, _note
from dashboard.ui.evaluate import labels_view, report_view, selection
from dashboard.ui.evaluate.classes_view import images_of_point
from dashboard.ui.feedback_form import UNKNOWN
from dashboard.ui.words import none_of
from tests.conftest import MakeZip, encoded, picture
from tests.core.analysis.findings.faults import never_predicted
from tests.evaluating import evaluate
from tests.pages.conftest import ROOT, click_in_sheet, sheet, show_evaluation, text_of
from tests.pages.test_evaluate import Open, metrics, open_run, view
from tests.pages.test_explain import open_link, position
from tests.simulated_runs import clean


@pytest.fixture
def run(dashboard: Services, make_zip: MakeZip) -> RunManifest:
    """An evaluation of 20 pictures by a model that cannot tell them apart."""
    version = dashboard.registry.get("tiny")
    return evaluate(make_zip({"cat": 12, "dog": 8}), version, dashboard.engine, dashboard.runs)


def set_filter(at: AppTest, run: RunManifest, *conditions: str) -> AppTest:
    at.multiselect(key=f"filter-{run.run_id}").set_value(list(conditions)).run()
    assert not at.exception
    return at


def test_every_figure_obeys_the_filter(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "true_label=cat")
    rows = dashboard.runs.folder(run.run_id).load().evaluated
    cats = rows[rows["true_label"] == "cat"]
    right = (cats["true_label"].astype(str) == cats["predicted_label"].astype(str)).mean()
    assert metrics(at)["Evaluated"] == "12" and metrics(at)["Accuracy"] == f"{right:.1%}"
    assert "12 of 20 images pass the filter" in text_of(at) and at.query_params["where"] == "true_label=cat"
    per_class = next(d.value for d in view(at, "Classes").dataframe if "f1" in d.value.columns)
    images = dict(zip(per_class["class"], per_class["images"], strict=True))
    assert {name: n for name, n in images.items() if n} == {"cat": 12}
    at = set_filter(at, run)
    assert metrics(view(at, "Overview"))["Evaluated"] == "20" and "where" not in at.query_params


@pytest.mark.parametrize("name", ["Overview", "Classes", "Confidence", "Images", "Labels"])
def test_a_link_to_an_image_has_the_list_of_its_view(open_page: Open, dashboard: Services, name: str) -> None:
    run = clean(1, n=300).store(dashboard.runs.root / "20260101-000000-abcdabcd").manifest()
    at = view(set_filter(open_run(open_page, run), run, "true_label!=cat"), name)
    listed = [item["index"] for item in sheet(at)]
    click_in_sheet(at, listed[1])
    reloaded = open_link(open_page, at.query_params)
    assert position(reloaded) == position(at) and position(at).startswith("2 of ")
    for each in (at, reloaded):
        each.button(key="next-image").click().run()
        assert not each.exception and each.query_params["image"] == str(listed[2])


def test_the_page_says_when_a_reload_forgets_the_selection(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    many = evaluate(make_zip({"cat": 51}), dashboard.registry.get("tiny"), dashboard.engine, dashboard.runs)
    at, said = open_page("evaluate"), "A reload forgets so many; a tag keeps them."
    at.query_params.update({"run": many.run_id, "view": "Images", "show": "status=ok"})
    at.run().button(key="select-page").click().run()
    assert len(at.query_params["ticked"].split(",")) == 40 and said not in text_of(at)
    at.button(key="select-all").click().run()
    assert "51 selected" in text_of(at) and said in text_of(at) and "ticked" not in at.query_params


def test_the_address_opens_the_same_images(open_page: Open, run: RunManifest) -> None:
    at = open_page("evaluate")
    at.query_params["run"] = run.run_id
    at.query_params["where"] = ["true_label=dog"]
    at.query_params["show"] = ["status=ok"]
    at.query_params["view"] = "Images"
    at.run()
    assert not at.exception and not at.metric
    assert at.multiselect(key=f"filter-{run.run_id}").value == ["true_label=dog"]
    assert [item["note"].rstrip("?") for item in sheet(at)] == ["labelled dog"] * 8


def test_images_that_probably_show_none_of_the_classes_are_marked_and_found(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    version = dashboard.registry.get("tiny")
    doubting = replace(version, familiarity=Familiarity(0.95, -1e6, 0.0, "energy"))
    manifest = evaluate(
        make_zip({}, extra={f"{i}.png": encoded(picture(i)) for i in range(7)}),
        doubting,
        dashboard.engine,
        dashboard.runs,
    )
    at = view(open_run(open_page, manifest), "Images")
    none = none_of(len(version.class_names))
    assert [item["note"] for item in sheet(at)] == [f"{none}?"] * 7
    assert "probably none of the classes" in sheet(at)[0]["alt"]
    assert "doubt=yes" in at.multiselect(key=f"filter-{manifest.run_id}").options
    overview = text_of(view(at, "Overview"))
    assert "give the images labels" in overview and "No image has a label" not in overview
    counts = next(d.value for d in at.dataframe if "images" in d.value.columns)
    assert counts["images"].sum() == 7 and "correct=no" not in at.multiselect(key=f"filter-{manifest.run_id}").options
    assert "7 of 7 images" in overview and "seem to show none of the classes" in text_of(at)
    at.button(key="show-finding-1").click().run()
    assert not at.exception and at.query_params["show"] == ["status=ok", "doubt=yes"] and len(sheet(at)) == 7


def test_a_model_without_thresholds_offers_no_condition_on_doubt(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    assert "doubt=yes" not in at.multiselect(key=f"filter-{run.run_id}").options
    assert "doubt" not in [*map(str, at.selectbox(key=f"column-{run.run_id}").options)]


@pytest.mark.parametrize(
    "condition, said",
    [
        ("nonsense", "'nonsense' is not a condition."),
        ("colour=red", "There is no column 'colour'."),
        ("true_label=ant", "ant is not a class of this evaluation."),
        ("confidence<many", "'many' is not a number."),
        ("confidence<70", "Write 70% if you mean percent."),
        ("tag=gone", "No image has the tag gone."),
    ],
)
def test_a_filter_that_cannot_be_used_gives_no_figures(
    open_page: Open, run: RunManifest, condition: str, said: str
) -> None:
    at = open_page("evaluate")
    at.query_params["run"], at.query_params["where"] = run.run_id, [condition]
    at.run()
    assert not at.exception and not at.metric and said in text_of(at)
    at.button(key="clear-filter").click().run()
    assert not at.exception and metrics(at)["Evaluated"] == "20"


def test_a_typed_condition_that_is_none_is_refused_and_the_filter_stays(open_page: Open, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "true_label=cat", "whatever")
    assert "This condition was not added" in text_of(at) and metrics(at)["Evaluated"] == "12"
    assert at.multiselect(key=f"filter-{run.run_id}").value == ["true_label=cat"]


def test_a_filter_that_no_image_passes_says_so(open_page: Open, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "confidence>=1")
    assert "No image passes the filter" in text_of(at) and not at.metric


def test_a_filter_of_answers_gives_no_share_of_the_labels(open_page: Open, run: RunManifest) -> None:
    """All labels that a filter of the predicted class lets pass are predicted as this class, which said "100%"."""

    def pairs(at: AppTest) -> pd.DataFrame:
        [table] = [each.value for each in at.dataframe if {"count", "true_label"} <= {*each.value}]
        return table

    at = open_run(open_page, run)
    assert "share" in pairs(at)
    name = pairs(at)["predicted_label"].iloc[0]
    assert [*pairs(set_filter(at, run, f"predicted_label={name}"))] == ["true_label", "predicted_label", "count"]


def test_conditions_are_made_without_typing_them(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    at.selectbox(key=f"column-{run.run_id}").set_value("confidence").run()
    at.number_input(key=f"condition-{run.run_id}-confidence-low").set_value(0.25).run()
    at.button(key=f"add-{run.run_id}").click().run()
    at.selectbox(key=f"column-{run.run_id}").set_value("true_label").run()
    at.multiselect(key=f"condition-{run.run_id}-true_label").set_value(["cat", "dog"]).run()
    at.button(key=f"add-{run.run_id}").click().run()
    assert not at.exception and at.query_params["where"] == ["confidence>=0.25", "true_label=cat|dog"]


def test_a_subset_is_saved_and_used_again(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "true_label=dog")
    at.text_input(key=f"subset-name-{run.run_id}").set_value("only [dogs]").run()
    at.button(key=f"save-subset-{run.run_id}").click().run()
    assert not at.exception
    assert dashboard.runs.folder(run.run_id).beside.annotations().subsets == {"only [dogs]": ("true_label=dog",)}
    at = set_filter(at, run)
    at.button(key=f"subset-{run.run_id}-only [dogs]").click().run()
    assert not at.exception and metrics(at)["Evaluated"] == "8"
    at.button(key=f"forget-{run.run_id}-only [dogs]").click().run()
    assert not at.exception and dashboard.runs.folder(run.run_id).beside.annotations().subsets == {}


def test_selected_images_are_tagged_and_found_by_their_tag(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    dashboard.runs.folder(run.run_id).beside.annotate(lambda found: found.tagged("blurred", [3]))
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    at.button(key="select-page").click().run()
    assert "20 selected" in text_of(at)
    at.session_state[f"selected-{run.run_id}"] = {1, 3}
    at.selectbox(key=f"tag-name-{run.run_id}").set_value("blurred").run()
    at.button(key=f"tag-add-{run.run_id}").click().run()
    assert not at.exception and dashboard.runs.folder(run.run_id).beside.annotations().tags == {"blurred": (1, 3)}
    at = set_filter(at, run, "tag=blurred")
    assert "2 of 20 images pass the filter" in text_of(at)
    at.selectbox(key=f"tag-name-{run.run_id}").set_value("blurred").run()
    at.button(key=f"tag-remove-{run.run_id}").click().run()
    assert not at.exception and dashboard.runs.folder(run.run_id).beside.annotations().tags == {}
    assert "No image has the tag blurred." in text_of(at) and not sheet(at)


def test_only_selected_images_in_the_filter_are_counted_and_tagged(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    rows = dashboard.runs.folder(run.run_id).load().table
    dogs = rows.loc[rows["true_label"] == "dog", "index"]
    dashboard.runs.folder(run.run_id).beside.annotate(lambda found: found.tagged("seen", dogs[:1]))
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    at.button(key="select-page").click().run()
    at = set_filter(at, run, "true_label=dog")
    assert "8 of 20 selected pass the filter" in text_of(at)
    at.selectbox(key=f"tag-name-{run.run_id}").set_value("seen").run()
    at.button(key=f"tag-add-{run.run_id}").click().run()
    assert dashboard.runs.folder(run.run_id).beside.annotations().tags == {"seen": tuple(sorted(dogs))}
    at = set_filter(at, run)
    assert "20 selected" in text_of(at)


def test_a_tag_that_cannot_be_written_says_why(
    open_page: Open, dashboard: Services, run: RunManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: object, value: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    dashboard.runs.folder(run.run_id).beside.annotate(lambda found: found.tagged("seen", [3]))
    at = open_run(open_page, run)
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    at.button(key="select-page").click().run()
    at.selectbox(key=f"tag-name-{run.run_id}").set_value("seen").run()
    monkeypatch.setattr(annotations, "write_checked_json", full)
    at.button(key=f"tag-add-{run.run_id}").click().run()
    assert not at.exception and "No space left on device" in text_of(at) and "Free some space" in text_of(at)


def test_images_of_a_dataset_that_is_gone_are_not_exported(open_page: Open, run: RunManifest) -> None:
    def export(at: AppTest) -> tuple[bool, str]:
        [found] = [each.proto for each in at.get("download_button") if each.proto.label == "ZIP"]
        return found.disabled, found.help

    at = open_run(open_page, run)
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    at.button(key="select-page").click().run()
    assert export(at) == (False, "The selected images, one folder for each label.")
    Path(run.dataset).unlink()
    at.run()
    disabled, why = export(at)
    assert disabled and "no longer on the server" in why


def test_all_files_about_an_evaluation_are_called_alike(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    for module in (labels_view, selection, report_view):
        monkeypatch.setattr(module, "offer_file", lambda *args, **_: names.append(args[2]))
    stored = clean(1, n=300).store(dashboard.runs.root / "20260101-000000-abcdabcd")
    at = open_run(open_page, stored.manifest())
    for each in ("Labels", "Report"):
        view(at, each)
    stem = file_stem(stored.manifest())
    assert {name.removeprefix(stem) for name in names} >= {"-label-issues.csv", "-selection.zip", ".html", ".csv"}
    assert all(name.startswith(stem) for name in names)


def test_the_tiles_doubt_the_labels_that_the_view_of_labels_names(open_page: Open, dashboard: Services) -> None:
    stored = clean(1, n=300).store(dashboard.runs.root / "20260101-000000-abcdabcd")
    at = open_run(open_page, stored.manifest())
    issues = {item["index"] for item in sheet(view(at, "Labels"))}
    mistakes = sheet(view(at, "Images"))
    assert issues == {item["index"] for item in mistakes if item["note"].endswith("?")}
    assert 0 < len(issues) < len(mistakes)
    legend = "A label with a question mark may be wrong:"
    assert legend in text_of(at)
    [table] = [each.value for each in at.dataframe if "file" in each.value.columns]
    assert [f"labelled {label}" for label in table["true_label"]] == [item["note"] for item in mistakes]
    (stored.path / "thumbnails.npy").unlink()
    assert not sheet(at.run()) and legend in text_of(at)
    assert legend not in text_of(set_filter(at, stored.manifest(), "correct=yes"))


def test_doubtful_labels_of_imported_predictions_are_marked(open_page: Open, dashboard: Services) -> None:
    stored = clean(1, n=300).store(dashboard.runs.root / "20260101-000000-abcdabcd", imported=True)
    doubted = set(label_issues.label_issues(stored.load())["file"])
    at = view(open_run(open_page, stored.manifest()), "Images")
    [table] = [each.value for each in at.dataframe if "file" in each.value.columns]
    assert {row["file"] for row in table.to_dict("records") if row["true_label"].endswith("?")} == doubted
    assert 0 < len(doubted) < len(table) and "A label with a question mark may be wrong:" in text_of(at)


def test_where_doubtful_labels_are_not_looked_for_the_page_says_so_until_the_view_labels_was_opened(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_issues, "_MOST_VALUES_IN_A_SECOND", 0)
    run = clean(1, n=300).store(dashboard.runs.root / "20260101-000000-abcdabcd").manifest()
    told = "Which labels may be wrong is only looked for when you open the view Labels"
    at = view(open_run(open_page, run), "Images")
    assert told in text_of(at) and not any(item["note"].endswith("?") for item in sheet(at))
    set_filter(at, run, "correct=yes")
    assert told not in text_of(at)  # nothing is red
    doubtful = {item["index"] for item in sheet(view(set_filter(at, run, "true_label=cat"), "Labels"))}
    set_filter(at, run)
    mistakes = sheet(view(at, "Images"))
    assert told not in text_of(at)
    assert doubtful and doubtful <= {item["index"] for item in mistakes if item["note"].endswith("?")}


def test_the_overview_counts_doubtful_labels_and_leads_to_them(open_page: Open, dashboard: Services) -> None:
    """It said that nothing stands out."""
    run = clean(1, n=200)
    true = run.true.copy()
    true[:5] = (true[:5] + 1) % 10
    stored = replace(run, true=true).store(dashboard.runs.root / "20260101-000000-abcdabcd")
    at = open_run(open_page, stored.manifest())
    [said] = [each.value for each in at.markdown if "labels may be wrong" in each.value]
    at.button(key="show-doubtful-labels").click().run()
    assert not at.exception and at.query_params["view"] == "Labels"
    assert said.startswith(f"{len(sheet(at))} of 200 labels may be wrong\\: see them in the view Labels")


def test_labels_are_not_called_wrong_without_a_word_about_a_model_that_is_seldom_right(
    open_page: Open, dashboard: Services
) -> None:
    run, warning = clean(1, n=200), "of the model's answers agree with the labels"
    turned = replace(run, true=np.where(np.arange(200) < 150, (run.true + 1) % 10, run.true))
    for name, each in (("20260101-000000-aaaaaaaa", run), ("20260101-000000-bbbbbbbb", turned)):
        at = view(open_run(open_page, each.store(dashboard.runs.root / name).manifest()), "Labels")
        assert "labels may be wrong" in text_of(at) and (warning in text_of(at)) is (each is turned)
        assert "look at all mistakes, too" in text_of(at)


def test_at_first_only_the_most_important_finding_is_shown(open_page: Open, dashboard: Services) -> None:
    run = replace(never_predicted(1), failed=np.arange(2000) % 50 == 7)
    manifest = run.store(dashboard.runs.root / "20260101-000000-abcdabcd").manifest()
    at = open_run(open_page, manifest)
    [all_shown] = [each for each in at.toggle if each.key == f"all-findings-{manifest.run_id}"]
    assert [each.key for each in at.button if str(each.key).startswith("show-finding")] == ["show-finding-1"]
    all_shown.set_value(True).run()
    shown = [each.key for each in at.button if str(each.key).startswith("show-finding")]
    assert not at.exception and len(shown) > 1 and all_shown.label == f"Show all {len(shown)}"


def test_each_picture_says_what_it_is_and_doubt_is_more_than_a_colour(open_page: Open, run: RunManifest) -> None:
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    pictures = sheet(at)
    assert len({item["alt"] for item in pictures}) == len(pictures) == 20
    for item in pictures:
        assert re.fullmatch(r"Labelled (cat|dog), predicted as \w+ \d+\.\d%, (cat|dog)/.+\.png", item["alt"])
    tones = {"doubt": "labelled cat?", "wrong": "labelled cat", "": "labelled cat"}
    for tone, note in tones.items():
        assert _note(SheetItem(0, "deer 93.0%", "labelled cat", tone, "")) == note  # type: ignore[arg-type]
    assert _note(SheetItem(0, "labelled cat", "deer? 93.0%", "doubt", "")) == "deer? 93.0%"


def test_a_wrong_prediction_gets_the_label_of_the_dataset(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    rows = dashboard.runs.folder(run.run_id).load().evaluated.astype({"true_label": str, "predicted_label": str})
    wrong, right = (
        rows[rows["true_label"] != rows["predicted_label"]],
        rows[rows["true_label"] == rows["predicted_label"]],
    )
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    first = wrong.iloc[0]
    click_in_sheet(at, int(first["index"]), "W")
    assert not at.exception
    said = {each.subject: each for each in dashboard.feedback.opinions(None)}
    assert {key: each.true_label for key, each in said.items()} == {
        f"{run.run_id}:{first['index']}": first["true_label"]
    }
    at.button(key="select-page").click().run()
    at.button(key=f"sheet-wrong-{run.run_id}").click().run()
    found = {each.subject: each.true_label for each in dashboard.feedback.opinions(None)}
    wanted = dict.fromkeys(f"{run.run_id}:{i}" for i in right["index"])
    wanted |= {f"{run.run_id}:{i}": label for i, label in zip(wrong["index"], wrong["true_label"], strict=True)}
    assert found == wanted
    at.selectbox(key=f"sheet-label-{run.run_id}").set_value(UNKNOWN).run()
    at.button(key=f"sheet-wrong-{run.run_id}").click().run()
    assert {each.true_label for each in dashboard.feedback.opinions(None)} == {None}


def test_damaged_feedback_on_one_image_hides_no_other(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    first, second = (item["index"] for item in sheet(at)[:2])
    for index in (first, second):
        dashboard.feedback.give(f"{run.run_id}:{index}", True)
    file = dashboard.database.address.file
    assert file
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE feedback SET note = x'ff' WHERE subject = ?", [f"{run.run_id}:{first}"])
    at.run()
    sheets = [each.proto for each in at.get("bidi_component") if each.proto.component_name == "contact_sheet"]
    assert not at.exception and json.loads(sheets[0].json)["verdicts"] == {str(second): "prediction right"}
    assert "1 damaged record is left out." in text_of(at).replace("\\", "")


def test_images_are_sorted_as_asked(open_page: Open, run: RunManifest) -> None:
    at = view(open_run(open_page, run), "Images")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()

    def confidences() -> list[float]:
        return [float(item["text"].split()[-1].rstrip("%")) for item in sheet(at)]

    assert confidences() == sorted(confidences(), reverse=True)
    at.selectbox(key="image-order").set_value("least confident").run()
    assert confidences() == sorted(confidences())
    at.selectbox(key="image-order").set_value("dataset").run()
    assert [item["index"] for item in sheet(at)] == list(range(20))


def test_the_order_is_in_the_address_and_a_link_shows_it(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    assert "sort" not in at.query_params
    at.selectbox(key="image-order").set_value("least confident").run()
    assert at.query_params["sort"] == "least confident"
    linked = open_page("evaluate")
    linked.query_params["sort"] = "least confident"
    show_evaluation(linked, run.run_id)
    assert linked.selectbox(key="image-order").value == "least confident" and sheet(linked) == sheet(at)
    linked.query_params.pop("sort")  # as Back does
    assert linked.run().selectbox(key="image-order").value == "most confident"
    at.selectbox(key="image-order").set_value("most confident").run()
    assert "sort" not in at.query_params
    at.query_params["sort"] = "by taste"
    assert not at.run().exception and at.selectbox(key="image-order").value == "most confident"


def test_few_ticks_are_in_the_address_and_a_link_has_them(
    open_page: Open, dashboard: Services, run: RunManifest, make_zip: MakeZip
) -> None:
    at = open_run(open_page, run)
    at.session_state[f"selected-{run.run_id}"] = {11, 3}
    assert at.run().query_params["ticked"] == "3,11"
    linked = open_page("evaluate")
    linked.query_params["ticked"] = "3,11,x,-1,99999999999999999999"
    show_evaluation(linked, run.run_id)
    assert not linked.exception and "2 selected" in text_of(linked) and linked.query_params["ticked"] == "3,11"
    linked.button(key="clear-selection").click().run()
    assert "ticked" not in linked.query_params
    many = evaluate(make_zip({"cat": 60}), dashboard.registry.get("tiny"), dashboard.engine, dashboard.runs)
    at = open_run(open_page, many)
    at.query_params["show"] = "status=ok"
    at.session_state[f"selected-{many.run_id}"] = set(range(51))
    assert "ticked" not in at.run().query_params and "51 selected" in text_of(at)


def test_another_run_has_a_filter_of_its_own(
    open_page: Open, dashboard: Services, run: RunManifest, make_zip: MakeZip
) -> None:
    other = evaluate(
        make_zip({"cat": 3}, name="other.zip"), dashboard.registry.get("tiny"), dashboard.engine, dashboard.runs
    )
    at = set_filter(open_run(open_page, run), run, "true_label=dog")
    at.query_params.clear()  # as a link to the other one does
    show_evaluation(at, other.run_id)
    assert not at.exception and metrics(at)["Evaluated"] == "3" and "where" not in at.query_params


def test_many_images_are_shown_page_by_page(open_page: Open, dashboard: Services, make_zip: MakeZip) -> None:
    version = dashboard.registry.get("tiny")
    run = evaluate(make_zip({"cat": 70}), version, dashboard.engine, dashboard.runs)
    at = open_run(open_page, run)
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    at.selectbox(key="image-order").set_value("dataset").run()
    assert [item["index"] for item in sheet(at)] == list(range(16)), "beside the confusion matrix"
    view(at, "Images")
    assert [item["index"] for item in sheet(at)] == list(range(40))
    at.session_state[f"page-{run.run_id}-40-status=ok&dataset"] = 2
    at.run()
    assert not at.exception and [item["index"] for item in sheet(at)] == list(range(40, 70))
    at.selectbox(key="image-order").set_value("least confident").run()
    assert len(sheet(at)) == 40  # another order begins at its first page
    at.selectbox(key="image-order").set_value("dataset").run()
    assert [item["index"] for item in sheet(at)] == list(range(40, 70))


@pytest.mark.parametrize("measure, shown", [("recall", "true_label=dog"), ("precision", "predicted_label=dog")])
def test_a_point_of_the_chart_of_classes_stands_for_images(measure: str, shown: str) -> None:
    assert images_of_point([{"class": "dog", "measure": measure}]) == [shown]
    assert images_of_point([]) == []


def test_a_count_of_labelled_images_leaves_out_those_without_a_label() -> None:
    assert images_of_point([{"class": "dog", "measure": "precision"}], ["true_label!="]) == [
        "predicted_label=dog", "true_label!=",
    ]  # fmt: skip
    assert images_of_point([{"class": "dog", "measure": "recall"}], ["true_label!="]) == ["true_label=dog"]
    assert images_of_point([], ["true_label!="]) == []


@pytest.mark.parametrize("name", ["Images", "Confidence"])
def test_another_run_is_opened_and_a_run_deleted_from_every_view(
    open_page: Open, dashboard: Services, run: RunManifest, make_zip: MakeZip, name: str
) -> None:
    version = dashboard.registry.get("tiny")
    other = evaluate(make_zip({"cat": 3}, name="other.zip"), version, dashboard.engine, dashboard.runs)
    at = open_page("evaluate")
    at.query_params["run"], at.query_params["view"], at.query_params["where"] = run.run_id, name, ["true_label=dog"]
    at.run()
    assert not at.exception and "8 of 20 images pass the filter" in text_of(at)
    at.button(key="delete").click().run()
    at.button(key="delete-for-good").click().run()
    assert not at.exception and [each.run_id for each in dashboard.runs.list()] == [other.run_id]
    assert "where" not in at.query_params and "run" not in at.query_params
    show_evaluation(at, other.run_id)
    assert not at.exception and "images pass the filter" not in text_of(at)


@pytest.mark.parametrize(
    "show, said", [("true_label=nope", "nope is not a class"), ("tag=gone", "No image has the tag")]
)
def test_an_address_of_images_that_there_cannot_be_has_a_way_out(
    open_page: Open, run: RunManifest, show: str, said: str
) -> None:
    at = open_page("evaluate")
    at.query_params["run"], at.query_params["show"] = run.run_id, show
    at.run()
    assert not at.exception and said in text_of(at) and metrics(at)["Evaluated"] == "20"
    at.button(key="show-others").click().run()
    assert not at.exception and said not in text_of(at) and sheet(at)


def test_going_back_in_the_browser_takes_the_filter_away(open_page: Open, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "true_label=dog")
    del at.query_params["where"]
    at.run()
    assert not at.exception and metrics(at)["Evaluated"] == "20"


def test_a_filter_is_still_there_after_another_page(open_page: Open, run: RunManifest) -> None:
    at = set_filter(open_run(open_page, run), run, "true_label=dog")
    at.query_params.clear()
    at.switch_page(str(ROOT / "pages" / "diagnostics.py")).run()
    at.switch_page(str(ROOT / "pages" / "evaluate.py")).run()
    assert not at.exception and metrics(at)["Evaluated"] == "8" and at.query_params["where"] == "true_label=dog"


def test_a_tag_that_moves_to_another_image_changes_what_is_shown(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    folder = dashboard.runs.folder(run.run_id)
    folder.beside.annotate(lambda found: found.tagged("x", [1, 4]))
    at = set_filter(open_run(open_page, run), run, "tag=x")
    at.selectbox(key=f"images-of-{run.run_id}").set_value(("status=ok",)).run()
    assert sorted(item["index"] for item in sheet(at)) == [1, 4]
    folder.beside.annotate(lambda found: found.untagged("x", [1, 4]).tagged("x", [2, 3]))
    at.run()
    assert sorted(item["index"] for item in sheet(at)) == [2, 3]


def test_figures_that_need_several_labels_are_not_shown_for_one(open_page: Open, run: RunManifest) -> None:
    at = open_run(open_page, run)
    assert metrics(at)["Macro F1"].endswith("%")
    assert metrics(set_filter(at, run, "true_label=dog"))["Macro F1"] == "-"
