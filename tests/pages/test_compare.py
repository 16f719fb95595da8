"""The page Compare, and the table of runs that leads to it, over runs on disk."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.analysis.label_issues import label_issues
from dashboard.core.evaluation.measuring import measure
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.runs.attributes import AttributeFile
from dashboard.services import Services
from dashboard.ui.table_height import table_height
from tests.compared_runs import probabilities, write_run
from tests.conftest import encoded, picture
from tests.evaluating import evaluate
from tests.pages.conftest import ROOT, alts, click_in_sheet, run_after_more, sheet, sheets, text_of
from tests.pages.test_explain import open_link, position
from tests.simulated_runs import clean

Open = Callable[[str], AppTest]
NAMES = ("cat", "dog")
LABELS = ["cat"] * 30 + ["dog"] * 30
RIGHT = [0] * 30 + [1] * 30


@pytest.fixture
def runs(dashboard: Services) -> Path:
    """Runs over the same 60 images: `good` is right, `bad` wrong for 20 cats, `near` for one; `other` has other images."""
    root = dashboard.settings.runs_dir
    for day, (name, wrong) in enumerate((("good", 0), ("bad", 20), ("near", 1), ("other", 0)), start=1):
        predicted = [1] * wrong + RIGHT[wrong:]
        files = [f"{name}/{i}.png" for i in range(60)] if name == "other" else None
        folder = write_run(
            root, name, LABELS, probabilities(predicted, 2), NAMES, files,
            created_utc=f"2026-01-0{day}T00:00:00+00:00", model=f"{name}@1",
            dataset=str(root / f"{name}.zip"), dataset_sha256="x" if files else "same",
        )  # fmt: skip
        measure(folder)
    return root


def opened(at: AppTest, **address: str | list[str]) -> AppTest:
    """The page as a link on another page opens it."""
    at.session_state["page-shown"] = "another"
    at.query_params.clear()
    at.query_params.update(address)
    at.run()
    assert not at.exception
    return at


def headline(at: AppTest) -> str:
    return str(at.header[0].value).replace("\\", "")


def table_with(at: AppTest, column: str) -> object:
    return next(each.value for each in at.dataframe if column in each.value.columns)


def test_before_anything_is_chosen(open_page: Open, runs: Path) -> None:
    at = open_page("compare")
    assert not at.exception and "Choose two evaluations of the same images" in text_of(at)
    assert len(at.selectbox(key="compare-a").options) == 4 and not at.header
    assert not any(link.proto.label.startswith("Evaluate a dataset") for link in at.get("page_link"))


def test_without_evaluations_it_leads_to_the_page_that_makes_them(open_page: Open) -> None:
    assert any(link.proto.label == "Evaluate a dataset first" for link in open_page("compare").get("page_link"))


def test_evaluations_that_cannot_be_read_are_told_with_the_reason(open_page: Open, dashboard: Services) -> None:
    dashboard.settings.data_dir.mkdir(exist_ok=True)
    dashboard.settings.runs_dir.write_text("no folder")
    for page in ("compare", "evaluate", "history"):
        at = open_page(page)
        assert not at.exception and "cannot be shown" in text_of(at) and "Not a directory" in text_of(at)


def test_two_are_chosen_in_the_boxes_and_stand_in_the_address(open_page: Open, runs: Path) -> None:
    at = open_page("compare")
    at.selectbox(key="compare-a").select("bad").run()
    at.selectbox(key="compare-b").select("good").run()
    assert not at.exception
    assert headline(at).startswith("B is right more often: 100.0% against 66.7% for A; B minus A is +33.3 points (+")
    assert headline(at).endswith("p < 0.0001.")
    assert (at.query_params["a"], at.query_params["b"]) == ("bad", "good")
    table = table_with(at, "B minus A")
    assert list(table)[:4] == ["Metric", "B minus A", "95% interval", "Better"], "a narrow screen shows these"
    accuracy = table[table["Metric"] == "Accuracy"].iloc[0]  # type: ignore[index]
    assert (accuracy["B minus A"], accuracy["Better"]) == ("+33.3", "B")
    shown = {metric.label: metric.value for metric in at.metric}
    assert (shown["Both right"], shown["Only A right"], shown["Only B right"]) == ("40", "0", "20")
    ece = table[table["Metric"] == "Calibration error (ECE)"].iloc[0]  # type: ignore[index]
    assert ece["95% interval"] == "+5.0 to +25.0"
    assert "Fewer than 10 images per bin: mostly chance (Calibration error (ECE);" in text_of(at)
    assert "A 1 images per second (60.0 s)" in text_of(at)


def test_evaluations_of_one_model_are_told_apart_by_their_fit(open_page: Open, dashboard: Services, runs: Path) -> None:
    model = dashboard.registry.get("tiny@1")
    fields = {
        "model": model.ref,
        "model_sha256": model.sha256,
        "dataset": str(runs / "near.zip"),
        "dataset_sha256": "same",
    }
    for fit in ("stretch", "center-crop"):  # the first is the model's own
        write_run(runs, fit, LABELS, probabilities(RIGHT, 2), NAMES, fit=fit, **fields)
    at = opened(open_page("compare"), a="stretch", b="center-crop")
    options = at.selectbox(key="compare-a").options
    assert {option.partition(" on ")[0] for option in options} >= {"tiny@1", "tiny@1 (Crop the centre)"}
    assert "A “Stretch”, B “Crop the centre”" in text_of(at)
    write_run(runs, "other", LABELS, probabilities(RIGHT, 2), NAMES, fit="stretch", resample="bilinear", **fields)
    at = opened(open_page("compare"), a="stretch", b="other")
    assert "A “Lanczos, antialiased”, B “Bilinear, not antialiased”" in text_of(at)
    ranked = table_with(opened(at, a="stretch", b="center-crop", more=["near"]), "Place")
    assert set(ranked["Model"]) == {"tiny@1", "tiny@1 (Crop the centre)", "near@1"}  # type: ignore[index]
    at = open_page("evaluate")
    assert "tiny@1 (Crop the centre)" in set(table_with(at, "Dataset")["Model"])  # type: ignore[index]
    shown = next(each for each in at.dataframe if "Dataset" in each.value.columns)
    assert shown.proto.row_height > 64  # in lower rows, Streamlit cuts a text
    at.text_input(key="search-runs").input("near@1").run()
    assert next(each for each in at.dataframe if "Dataset" in each.value.columns).proto.row_height == 35
    at.text_input(key="search-runs").input("crop the").run()
    assert len(table_with(at, "Dataset")) == 1  # type: ignore[arg-type]
    at.query_params["run"] = "center-crop"
    assert "near.zip, tiny@1 (Crop the centre)," in text_of(at.run())


def test_the_address_says_what_to_compare(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="good", b="near")
    assert headline(at).startswith("No significant difference: A 100.0%, B 98.3%; B minus A is -1.7 points")
    at = opened(at, a="bad", b="good", where=["true_label=cat"])
    assert "B is right more often: 100.0% against 33.3% for A" in headline(at)
    assert at.multiselect(key="compare-where").value == ["true_label=cat"]
    at.multiselect(key="compare-where").set_value([]).run()
    assert "against 66.7%" in headline(at) and "where" not in at.query_params


def test_a_condition_on_the_confidence_is_offered_only_where_it_means_something(
    open_page: Open, dashboard: Services, runs: Path, tmp_path: Path
) -> None:
    for name, body in (("theirs", "cat,cat\ndog,cat\n"), ("others", "cat,dog\ndog,dog\n")):
        (tmp_path / f"{name}.csv").write_text(f"label,prediction\n{body * 10}")
    theirs, others = (
        import_predictions(ImportRequest(tmp_path / f"{name}.csv"), dashboard.runs).manifest.run_id
        for name in ("theirs", "others")
    )
    for a, b, more, offered in (
        ("good", "bad", [], True), (theirs, others, [], False), (theirs, theirs, [], False), ("good", "bad", [others], False),
    ):  # fmt: skip
        at = opened(open_page("compare"), a=a, b=b, more=more)
        boxes = [box for box in at.multiselect if box.key in ("compare-where", "compare-where-b")]
        assert [("confidence<0.7" in box.options) for box in boxes] == [offered] * (2 if a == b else 1)
        assert all("correct=no" in box.options and "confidence" not in box.help for box in boxes)


def test_conditions_that_do_not_fit_one_of_them_name_it(open_page: Open, runs: Path) -> None:
    AttributeFile(runs / "good").keep(pa.table({"age": list(range(60))}))
    at = opened(open_page("compare"), a="good", b="near", where=["age<30"])
    assert "The conditions do not fit B, the evaluation near (near@1 on near.zip). There is no column" in text_of(at)


def test_what_is_chosen_stays_when_its_title_changes(open_page: Open, dashboard: Services, runs: Path) -> None:
    """Two evaluations have the same title once the second is there, so both get another one."""
    at = open_page("compare")
    at.selectbox(key="compare-a").select("bad").run()
    at.selectbox(key="compare-b").select("good").run()
    at.multiselect(key="compare-more").select("near").run()
    assert {"bad", "good", "near"} == set(table_with(at, "Place")["Model"].str[:-2])  # type: ignore[index]
    run_after_more(at, dashboard, "bad", "good", "near")
    assert sum("(cond)" in option for option in at.selectbox(key="compare-a").options) == 3
    assert (at.query_params["a"], at.query_params["b"], at.query_params["more"]) == ("bad", "good", "near")


@pytest.mark.parametrize("tab", ["Images", "Confusion matrix", "Calibration"])
def test_each_tab_is_drawn(open_page: Open, runs: Path, tab: str) -> None:
    at = opened(open_page("compare"), a="bad", b="good", tab=tab)
    if tab.startswith("Images"):
        assert "The images cannot be shown" in text_of(at).replace("\\", "")
        files = table_with(at, "file")
        assert len(files) == 20 and set(files["predicted_a"]) == {"dog"}  # type: ignore[arg-type, index]
    else:
        assert any("Difference of the confusion" in alt or "Reliability" in alt for alt in alts(at))


def test_a_cell_of_the_confusion_matrix_gives_its_images(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="good", tab="Confusion matrix", cell=["cat", "dog"])
    told = text_of(at).replace("\\", "")
    assert "Labelled cat, predicted as dog only by A (20)" in told and "predicted as dog only by B (0)" in told
    files = table_with(at, "file")
    assert len(files) == 20 and set(files["predicted_b"]) == {"cat"}  # type: ignore[arg-type, index]
    opened(at, a="bad", b="good", tab="Confusion matrix")
    assert "only by A (20)" in text_of(at).replace("\\", "") and at.query_params["cell"] == ["cat", "dog"]
    at.selectbox(key="compare-b").select("near").run()
    assert "only by A" not in text_of(at) and "cell" not in at.query_params, "the choice is one of the comparison"


def test_each_cell_begins_at_its_first_page_and_confidence_is_not_rounded_to_certainty(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    names, n = ("cat", "dog", "eel"), 90
    with zipfile.ZipFile(tmp_path / "cats.zip", "w") as archive:
        for i in range(n):
            archive.writestr(f"pictures/{i:03d}.png", encoded(picture(0)))
    for run_id, predicted in (("a", [1] * 45 + [2] * 45), ("b", [0] * n)):
        probs = probabilities(predicted, 3, 0.9962)
        dataset = str(tmp_path / "cats.zip")
        write_run(
            dashboard.settings.runs_dir, run_id, ["cat"] * n, probs, names, dataset=dataset, dataset_sha256="same"
        )
    at = open_page("compare")

    def first_of(cell: tuple[str, str], **where: str | list[str]) -> dict[str, object]:
        opened(at, a="a", b="b", tab="Confusion matrix", cell=list(cell), **where)
        return dict(sheet(at)[0])

    assert (first_of(("cat", "dog"))["index"], first_of(("cat", "dog"))["text"]) == (0, "A: dog 99.6%\nB: cat 99.6%")
    [page] = [key for key in at.session_state._state.filtered_state if key.startswith("compare-page-")]
    at.session_state[page] = 2
    assert first_of(("cat", "dog"))["index"] == 40
    in_address = str(at.query_params["page"])
    assert in_address.startswith("2-")
    at = open_page("compare")  # a reload
    assert first_of(("cat", "dog"), page=in_address)["index"] == 40
    assert first_of(("cat", "eel"))["index"] == 45
    assert first_of(("cat", "dog"), where=["confidence<0.999"])["index"] == 0


def test_one_run_under_two_filters(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="bad", where=["true_label=cat"], where_b=["true_label=dog"])
    labels = [at.multiselect(key=f"compare-{box}").label for box in ("where", "where-b")]
    assert labels == ["For A: only images where", "For B: only images where"]
    assert "One evaluation under two filters" in text_of(at).replace("\\", "")
    assert headline(at).startswith("B is right more often: 100.0% against 33.3% for A") and " p " not in headline(at)
    assert not at.metric and "30 images of A and 30 of B" in text_of(at)


def test_one_run_chosen_twice_asks_for_a_condition(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="bad", where=["true_label=cat"], where_b=["true_label=cat"])
    assert "Set a condition in one of the two boxes above" in text_of(at) and not at.error and not at.code
    at.multiselect(key="compare-where-b").set_value([]).run()
    assert not at.exception and "30 images of A and 60 of B" in text_of(at)


def test_an_unknown_run_chosen_twice_is_told(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="nope", b="nope")
    assert "There is no evaluation 'nope'" in text_of(at).replace("\\", "") and "same images" not in text_of(at)


def test_no_evaluation_is_better_by_a_metric_that_says_nothing_about_one_label(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="good")
    rows = table_with(at, "Better").set_index("Metric")  # type: ignore[attr-defined]
    assert rows.loc["Macro F1", "Better"] == "B" and "the same label" not in text_of(at)
    rows = table_with(opened(at, a="bad", b="good", where=["true_label=cat"]), "Better").set_index("Metric")  # type: ignore[attr-defined]
    assert rows.loc["Macro F1"].tolist() == ["-"] * 5
    assert rows.loc["Accuracy", "Better"] == "B" and "all images have the same label" in text_of(at)
    at = opened(at, a="bad", b="bad", where=["true_label=cat"], where_b=["predicted_label=dog"])
    rows = table_with(at, "Better").set_index("Metric")  # type: ignore[attr-defined]
    row = rows.loc["Macro F1"]
    assert row["A"] == "-" and row["B"] != "-" and row["Better"] == "-"


def test_more_than_two_are_ranked(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="near", more=["good"])
    assert headline(at) == "good@1 is first by Accuracy, 100.0%. 1 other may be just as good."
    table = table_with(at, "Place")
    assert table["Model"].tolist() == ["good@1", "near@1", "bad@1"]  # type: ignore[index]
    assert table["May be the best"].tolist() == ["yes", "yes", "no"]  # type: ignore[index]
    at.selectbox(key="rank-by").select("log_loss").run()
    assert not at.exception and "is first by Log loss" in headline(at)
    at.selectbox(key="rank-by").select("ece15").run()
    differences = table_with(at, "Place")["Difference to the best"].tolist()  # type: ignore[index]
    assert differences[0] == "" and all("mostly chance" in each for each in differences[1:])


@pytest.mark.parametrize(
    "address, told",
    [
        ({"a": "good", "b": "other"}, "share no image"),
        ({"a": "good", "b": "gone"}, "There is no evaluation 'gone'"),
        ({"a": "good", "b": "bad", "where": "true_label=bird"}, "bird is not a class"),
        ({"a": "good", "b": "bad", "where": "nonsense"}, "is not a condition"),
    ],
)
def test_why_two_cannot_be_compared_is_said_with_a_fix(
    open_page: Open, runs: Path, address: dict[str, str], told: str
) -> None:
    at = opened(open_page("compare"), **address)
    assert told in text_of(at) and "These evaluations cannot be compared" in text_of(at)
    if "other" in address.values():
        assert [str(code.value).startswith("python -m dashboard evaluate") for code in at.code] == [True]
        assert text_of(at).count("python -m dashboard") == 1
        assert any(each.proto.label.startswith("Open A") for each in at.get("page_link"))


def test_another_model_is_offered_only_if_there_is_one(open_page: Open, runs: Path) -> None:
    write_run(runs, "again", LABELS, probabilities(RIGHT, 2), NAMES, [f"x/{i}.png" for i in range(60)], model="good@1")
    at = opened(open_page("compare"), a="good", b="again")
    assert "share no image" in text_of(at) and not at.code
    assert not any(each.proto.label.startswith("Open A") for each in at.get("page_link"))


def test_images_that_change_are_shown_with_both_answers(open_page: Open, dashboard: Services) -> None:
    small, resnet = (dashboard.registry.get(name) for name in ("tiny", "cifar10-resnet"))
    a, b = (
        evaluate(dashboard.settings.samples_dir, version, dashboard.engine, dashboard.runs)
        for version in (small, resnet)
    )
    at = open_page("compare")
    opened(at, a=a.run_id, b=b.run_id)
    fixed = int(next(metric.value for metric in at.metric if metric.label == "Only B right"))
    broken = int(next(metric.value for metric in at.metric if metric.label == "Only A right"))
    assert fixed > 3
    at.session_state["compare-tab"] = "Images"
    at.run()
    assert not at.exception
    found = [each.proto for each in at.get("bidi_component") if each.proto.component_name == "contact_sheet"]
    sheets = [json.loads(each.json)["items"] for each in found]
    assert [len(items) for items in sheets] == [count for count in (fixed, broken) if count]
    for item in sheets[0]:
        label, by_a, by_b = re.fullmatch(r"Labelled (.+), A predicted (.+), B predicted (.+)", item["alt"]).groups()  # type: ignore[union-attr]
        assert label == by_b != by_a and item["note"].rstrip("?") == f"labelled {label}"
        assert re.fullmatch(rf"A: {by_a} \d+\.\d%\nB: {by_b} \d+\.\d%", item["text"])

    click_in_sheet(at, sheets[0][0]["index"])
    for explain in (at, open_link(open_page, at.query_params)):
        assert not explain.exception and position(explain) == f"1 of {fixed}: images of the comparison"
        [link] = [each.proto for each in explain.get("page_link") if each.proto.label == "Back to comparison"]
        assert link.query_string == f"a={a.run_id}&b={b.run_id}&tab=Images"
    explain.button(key="next-image").click().run()
    assert explain.query_params["image"] == str(sheets[0][1]["index"])


def test_a_link_to_an_image_of_a_cell_has_the_list_of_that_cell_and_side(open_page: Open, dashboard: Services) -> None:
    small, resnet = (dashboard.registry.get(name) for name in ("tiny", "cifar10-resnet"))
    a, b = (
        evaluate(dashboard.settings.samples_dir, version, dashboard.engine, dashboard.runs).run_id
        for version in (small, resnet)
    )
    at = opened(open_page("compare"), a=a, b=b, tab="Images")
    label = sheets(at)["Only B is right"][0]["note"].removeprefix("labelled ").rstrip("?")
    opened(at, a=a, b=b, tab="Confusion matrix", cell=[label, label])
    title = f"Labelled {label}, predicted as {label} only by B"
    listed = [item["index"] for item in sheets(at)[title]]
    click_in_sheet(at, listed[-1], place=list(sheets(at)).index(title))
    for explain in (at, open_link(open_page, at.query_params)):
        assert not explain.exception
        assert position(explain) == f"{len(listed)} of {len(listed)}: images of the comparison"
        [link] = [each.proto for each in explain.get("page_link") if each.proto.label == "Back to comparison"]
        compared = parse_qs(link.query_string)
        assert compared == {"a": [a], "b": [b], "tab": ["Confusion matrix"], "cell": [label, label]}
    dashboard.runs.delete(a)
    assert ": all images" in position(open_link(open_page, at.query_params))


def test_doubtful_labels_are_marked_in_the_lists_of_changed_images(open_page: Open, dashboard: Services) -> None:
    better, others = clean(1, n=300), np.arange(300)[:, None] % 9 == 0
    worse = replace(better, pred_probs=np.where(others, np.roll(better.pred_probs, 1, axis=1), better.pred_probs))
    root, legend = dashboard.runs.root, "A label with a question mark may be wrong:"
    a, b = (
        each.store(root / name, model=f"{name}@1", dataset_sha256="same").manifest().run_id
        for name, each in (("20260101-000000-aaaaaaaa", better), ("20260101-000000-bbbbbbbb", worse))
    )
    doubted = {int(i) for run_id in (a, b) for i in label_issues(dashboard.runs.folder(run_id).load())["index"]}
    at = opened(open_page("compare"), a=a, b=b, tab="Images")
    listed = [item for items in sheets(at).values() for item in items]
    assert {item["index"] for item in listed if item["tone"] == "doubt"} == doubted & {i["index"] for i in listed}
    assert {item["note"].endswith("?") for item in listed} == {True, False} and legend in text_of(at)
    marked = {f"{item['index']}.png": item["note"] for item in listed}
    for run_id in (a, b):
        (root / run_id / "thumbnails.npy").unlink()
    at = opened(open_page("compare"), a=a, b=b, tab="Images")  # as a table, because there are no pictures
    rows = [row for each in at.dataframe if "file" in each.value.columns for row in each.value.to_dict("records")]
    assert {row["file"]: f"labelled {row['true_label']}" for row in rows}.items() >= marked.items()
    assert not sheets(at) and legend in text_of(at)


def test_the_address_keeps_the_tab(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="good")
    assert "tab" not in at.query_params
    at.session_state["compare-tab"] = "Calibration"  # what a click on the tab does
    at.run()
    assert at.query_params["tab"] == "Calibration"
    again = opened(open_page("compare"), a="bad", b="good", tab="Calibration")
    assert any("Reliability" in alt for alt in alts(again))
    opened(again, a="bad", b="bad", where=["true_label=cat"], tab="Images")  # it has none
    assert not again.exception and table_with(again, "B minus A") is not None


def test_an_address_that_is_older_than_the_chosen_tab_takes_nothing_back(open_page: Open, runs: Path) -> None:
    at = opened(open_page("compare"), a="bad", b="good")
    for tab in ("Calibration", "Images"):  # quickly: the browser still sends the address without the first of them
        at.query_params.pop("tab", None)
        at.session_state["compare-tab"] = tab
        at.run()
        assert not at.exception and at.query_params["tab"] == tab
    assert len(table_with(at, "file")) == 20  # type: ignore[arg-type]


def test_back_to_the_bare_address_chooses_nothing(open_page: Open, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(open_page("compare"), a="bad", b="good", where=["true_label=cat"])
    assert headline(opened(at)).startswith("B is right more often"), "a link to the page leads to what was chosen"
    at.query_params.clear()
    monkeypatch.setattr("dashboard.ui.compare.choice.went_in_history", lambda: True)
    at.run()
    assert not at.exception and not at.header and "Choose two evaluations" in text_of(at)
    assert not at.query_params and not at.multiselect(key="compare-where").value


def tick(at: AppTest, rows: list[int]) -> AppTest:
    """Ticks rows of the table of runs, as a browser does."""
    [key] = [each.proto.id for each in at.dataframe if "State" in each.value.columns]
    name = key.rsplit("-runs-", 1)[-1]
    at.session_state[f"runs-{name}"] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return at.run()


def test_the_table_of_runs(open_page: Open, dashboard: Services, runs: Path) -> None:
    at = open_page("evaluate")
    table = table_with(at, "State")
    assert table["Model"].tolist() == ["other@1", "near@1", "bad@1", "good@1"], "newest first"  # type: ignore[index]
    assert table["Accuracy"].round(3).tolist() == [1, 0.983, 0.667, 1]  # type: ignore[index]
    assert table["95% interval"].iloc[2] == "54.1-77.3"  # type: ignore[index]
    assert not {"User", "Verdict", "Note"} & set(table), "empty columns leave their room to the others"  # type: ignore[call-overload]
    assert at.button(key="open-run").disabled and at.button(key="compare-runs").disabled
    assert at.header[0].value == "4 earlier evaluations" and "found." not in text_of(at)
    at.text_input(key="search-runs").set_value("BAD zip").run()
    assert at.header[0].value == "4 earlier evaluations" and "1 evaluation found." in text_of(at)
    assert table_with(at, "State")["Model"].tolist() == ["bad@1"]  # type: ignore[index]
    at.text_input(key="search-runs").set_value("nothing of it").run()
    assert "None of the 4 evaluations matches" in text_of(at)


def test_a_table_that_goes_on_ends_in_the_middle_of_a_row() -> None:
    rows = [(table_height(rows, 8) - 2) / 35 - 1 for rows in (1, 8, 9, 40)]
    assert rows[:2] == [1, 8]
    assert rows[2] == rows[3] and 0.3 < rows[2] - 8 < 0.7


def test_one_ticked_run_is_opened(open_page: Open, runs: Path) -> None:
    at = tick(open_page("evaluate"), [2])
    assert at.button(key="compare-runs").disabled
    at.button(key="open-run").click().run()
    assert not at.exception and at.query_params["run"] == "bad"


def test_ticked_runs_are_compared(open_page: Open, runs: Path) -> None:
    at = tick(open_page("evaluate"), [2, 3])
    assert at.button(key="open-run").disabled
    at.button(key="compare-runs").click().run()
    assert not at.exception and at.title[0].value == "Compare"
    assert headline(at).startswith("A is right more often: 100.0% against 66.7% for B"), "the older one is A"


def test_a_note_and_a_verdict_are_kept(open_page: Open, dashboard: Services, runs: Path) -> None:
    at = tick(open_page("evaluate"), [0])
    at.button(key="note-run").click().run()
    at.text_area(key="note-other-1").set_value("Needs a look.")
    at.button_group(key="verdict-other-1").set_value("to review")
    at.button(key="save-note").click().run()
    assert not at.exception
    annotations = dashboard.runs.folder("other").beside.annotations()
    assert (annotations.note, annotations.verdict) == ("Needs a look.", "to review")
    assert table_with(at, "Verdict").iloc[0][["Verdict", "Note"]].tolist() == ["to review", "Needs a look."]  # type: ignore[attr-defined]


def test_the_page_is_in_the_navigation() -> None:
    assert "compare.py" in (ROOT / "dashboard" / "main.py").read_text(encoding="utf-8")
