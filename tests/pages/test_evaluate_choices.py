"""What the page Batch evaluation asks, chooses and notes, with a small run written out by hand."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from dashboard.charts.calibration import BIN
from dashboard.charts.confusion import ALL
from dashboard.charts.per_class import POINT
from dashboard.core.runs.manifest import RunManifest
from dashboard.services import Services
from tests.conftest import MakeZip, encoded, picture
from tests.pages.conftest import ROOT, run_in_browser, show_evaluation, text_of
from tests.pages.test_evaluate import Open, until, view
from tests.run_rows import failed, manifest, ok, table_of


@pytest.fixture
def run(dashboard: Services) -> RunManifest:
    """Four images with labels, two without, and a damaged one; `smoker` is a column of the dataset."""
    about = manifest(n_images=7, state="finished", unknown_labels=())
    rows = [
        ok(0, "cat", "cat"), ok(1, "cat", "dog"), ok(2, "dog", "dog"), ok(3, "dog", "cat"), ok(4, None, "cat"),
        ok(5, None, "dog"), failed(6),
    ]  # fmt: skip
    dashboard.runs.begin(about, pa.table({"smoker": [True, False] * 3 + [True]})).release()
    dashboard.runs.folder(about.run_id).add_part(0, table_of(rows))
    return about


@pytest.fixture
def page(open_page: Open, run: RunManifest) -> AppTest:
    at = show_evaluation(open_page("evaluate"), run.run_id)
    assert not at.exception
    return at


@pytest.mark.parametrize(
    "column, options, value, condition",
    [
        ("correct", ["Wrong", "Right"], "no", "correct=no"),
        ("smoker", ["No", "Yes"], "yes", "smoker=yes"),
        ("status", ["Evaluated", "Not evaluated"], "failed", "status=failed"),
    ],
)
def test_a_condition_with_few_values_names_each_of_them(
    page: AppTest, run: RunManifest, column: str, options: list[str], value: str, condition: str
) -> None:
    page.selectbox(key=f"column-{run.run_id}").set_value(column).run()
    radio = page.radio(key=f"condition-{run.run_id}-{column}")
    assert radio.options == options
    radio.set_value(value).run()
    page.button(key=f"add-{run.run_id}").click().run()
    assert not page.exception and page.query_params["where"] in (condition, [condition])


def id_of(at: AppTest, name: str) -> str:
    """The id of the chart or table whose key begins with this name."""
    ids = [each.proto.id for kind in ("vega_lite_chart", "dataframe") for each in at.get(kind)]
    return str(next(each for each in ids if f"-{name}" in each))


def click(at: AppTest, name: str, **selection: object) -> str:
    """Selects something in a chart or a table, as a browser does. Returns what the page then says about the images."""
    states = at._tree.get_widget_states()
    states.widgets.append(WidgetState(id=id_of(at, name), string_value=json.dumps({"selection": selection})))
    at._run(states)
    assert not at.exception
    box = next(each for each in at.selectbox if each.label == "Images")
    return str(box.format_func(box.value))


def cell(true: str, predicted: str) -> list[dict[str, str]]:
    return [{"true_label": true, "predicted_label": predicted}]


def test_what_is_selected_in_a_chart_is_cleared_when_images_are_chosen_elsewhere(page: AppTest) -> None:
    chart, table = id_of(page, "confusion"), id_of(page, "pairs")
    assert click(page, "confusion", cell=cell("cat", "dog")) == "Labelled cat, predicted as dog (1)"
    assert id_of(page, "confusion") == chart, "its own highlight stays"
    assert id_of(page, "pairs") != table
    assert click(page, "pairs", rows=[1]) == "Labelled dog, predicted as cat (1)"
    second = id_of(page, "confusion")
    assert second != chart
    box = next(each for each in page.selectbox if each.label == "Images")
    table = id_of(page, "pairs")
    box.set_value(("status=ok",)).run()
    assert id_of(page, "confusion") != second and id_of(page, "pairs") != table
    assert click(page, "confusion", cell=cell("cat", "dog")) == "Labelled cat, predicted as dog (1)"


@pytest.mark.parametrize(
    ("show", "only_mistakes", "selected"),
    [
        (["true_label=cat", "predicted_label=dog"], False, cell("cat", "dog")),
        (["true_label=cat"], False, cell("cat", ALL)),
        (["predicted_label=cat", "true_label!="], False, cell(ALL, "cat")),
        (["predicted_label=cat", "correct=no"], True, cell(ALL, "cat")),
        (["predicted_label=cat", "correct=no"], False, None),
        (["true_label=cat", "predicted_label=dog", "confidence<0.7"], False, None),
        ([], True, None),
    ],
)
def test_a_link_to_a_cell_marks_it_in_the_chart(
    open_page: Open, run: RunManifest, show: list[str], only_mistakes: bool, selected: list[dict[str, str]] | None
) -> None:
    at = open_page("evaluate")
    at.session_state["hide-diagonal"] = only_mistakes
    at.query_params["show"] = show
    show_evaluation(at, run.run_id)
    assert not at.exception and at.toggle(key="hide-diagonal").value == only_mistakes
    [chart] = at.get("vega_lite_chart")
    [parameter] = json.loads(chart.proto.spec)["params"]
    assert parameter.get("value") == selected
    drawn = chart.proto.spec
    click(at, "confusion", cell=cell("dog", "cat"))
    assert at.get("vega_lite_chart")[0].proto.spec == drawn, "it is not drawn anew, since it would lose the selection"


def test_a_sum_shows_the_images_that_it_counts(page: AppTest) -> None:
    assert click(page, "confusion", cell=cell(ALL, "cat")).endswith(" (2)"), "not the one without a label"
    assert click(page, "confusion", cell=cell("cat", ALL)) == "Labelled cat (2)"
    page.toggle(key="hide-diagonal").set_value(True).run()
    assert click(page, "confusion", cell=cell(ALL, "cat")) == "Predicted as cat, wrong (1)"
    assert click(page, "confusion", cell=cell("cat", ALL)) == "Labelled cat, wrong (1)"
    assert click(page, "confusion", cell=cell("cat", "dog")) == "Labelled cat, predicted as dog (1)"
    [chart] = page.get("vega_lite_chart")
    rows = [row for each in chart.proto.datasets for row in pa.ipc.open_stream(each.data.data).read_all().to_pylist()]
    assert [row["count"] for row in rows if ALL in row.values()] == [1, 1, 1, 1]


def test_the_counts_of_the_view_of_confidence_open_as_many_images(page: AppTest) -> None:
    view(page, "Confidence")
    assert click(page, "class-calibration", rows=[0]).endswith(" (2)")
    assert click(page, "reliability-", **{BIN: [{BIN: 12}]}).endswith(" (4)")
    page.button(key="show-below").click().run()
    assert page.button(key="show-below").label == "Show 4 below the threshold"
    assert next(each for each in page.selectbox if each.label == "Images").value == ("confidence<0.9", "true_label!=")
    view(page, "Classes")
    point = [{"class": "cat", "measure": "precision"}]
    assert click(page, "per-class-chart", **{POINT: point}).endswith(" (2)")


def test_an_opened_run_shows_its_note_and_verdict_and_they_can_be_changed_there(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    assert "To review" not in text_of(page)
    page.button(key="note-shown-run").click().run()
    page.text_area(key=f"note-{run.run_id}-1").set_value("Look at *dogs*.")
    page.button_group(key=f"verdict-{run.run_id}-1").set_value("to review")
    page.button(key="save-note").click().run()
    assert not page.exception and "Look at *dogs*." in [each.value for each in page.text]
    assert ":material/visibility: To review" in text_of(page)
    annotations = dashboard.runs.folder(run.run_id).beside.annotations()
    assert (annotations.note, annotations.verdict) == ("Look at *dogs*.", "to review")


def test_the_note_that_was_typed_but_not_saved_does_not_come_back(page: AppTest, run: RunManifest) -> None:
    page.button(key="note-shown-run").click().run()
    page.text_area(key=f"note-{run.run_id}-1").set_value("Unsaved")
    page.button(key="note-shown-run").click().run()
    [area] = page.text_area
    assert not page.exception and area.value == ""


def test_metrics_of_several_labels_are_a_dash_for_images_of_one_label(page: AppTest, run: RunManifest) -> None:
    page.session_state[f"metrics-{run.run_id}"] = True  # opens the table
    page.multiselect(key=f"filter-{run.run_id}").set_value(["true_label=cat"]).run()
    table = next(each.value for each in page.dataframe if "Metric" in each.value.columns).set_index("Metric")
    dashes = [name for name, value in table["Value"].items() if value == "-"]
    assert dashes == ["Balanced accuracy", "Macro F1", "Weighted F1", "Matthews correlation", "Cohen's kappa"]
    assert (table.loc[dashes, "95% interval"] == "-").all() and table.loc["Accuracy", "Value"] == "50.0%"
    assert "all images have the same label" in text_of(page)
    page.multiselect(key=f"filter-{run.run_id}").set_value([]).run()
    table = next(each.value for each in page.dataframe if "Metric" in each.value.columns)
    assert "-" not in table["Value"].tolist() and "all images have the same label" not in text_of(page)


def test_classes_say_which_figures_follow_from_the_filter(page: AppTest, run: RunManifest) -> None:
    page = view(page, "Classes")
    assert "follow from that choice" not in text_of(page) and "same label" not in text_of(page)
    page.multiselect(key=f"filter-{run.run_id}").set_value(["predicted_label=cat"]).run()
    assert "recall and the confused classes follow from that choice" in text_of(page)
    page.multiselect(key=f"filter-{run.run_id}").set_value(["true_label=cat"]).run()
    assert "Precision and F1 say nothing, because all images have the same label." in text_of(page)
    classes = next(each.value for each in page.dataframe if "f1" in each.value.columns)
    assert classes[["precision", "f1"]].isna().all(axis=None) and not classes["precision_interval"].any()
    assert classes["recall"].notna().sum() == 1


def test_sections_are_headings_of_the_second_level(page: AppTest) -> None:
    titles = [(each.tag, each.value) for each in page.header]
    assert titles == [
        ("h2", each) for each in ("1 earlier evaluation", "Findings", "Confusion matrix", "Most confused pairs")
    ]
    assert [each.tag for each in view(page, "Report").header] == ["h2"] * 3
    assert not any(each.value.startswith("**") for each in page.markdown)


def pupils(tmp_path: Path, folders: tuple[str, ...] = ("",)) -> Path:
    """A ZIP of pupils' folders, with a table of the animals on their pictures, whose columns are not called like labels."""
    animals, names = ["Frosch", "Hund", "Frosch", "Hund"], ["Anna", "Anna", "Ben", "Ben"]
    path = tmp_path / "Klasse 8b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        rows = ["Datei;Schüler;Tier"]
        for i, folder in enumerate(folders):
            for j, (name, animal) in enumerate(zip(names, animals, strict=True)):
                archive.writestr(f"{folder}{name}/IMG_{i}{j}.png", encoded(picture(10 * i + j)))
                rows.append(f"IMG_{i}{j}.png;{name};{animal}")
        archive.writestr("Tabelle.csv", "\n".join(rows).encode("cp1252"))
    return path


def boxes(at: AppTest) -> dict[str, object]:
    return {box.label: box.value for box in at.selectbox}


@pytest.mark.parametrize("folders", [("",), ("train/", "val/")], ids=["labels, column", "split, labels, column"])
def test_no_answer_about_a_dataset_is_lost_by_answering_another(
    open_page: Open, dashboard: Services, tmp_path: Path, folders: tuple[str, ...]
) -> None:
    at, titles = open_page("evaluate"), dict[str, str]()
    path = pupils(tmp_path, folders)
    at.file_uploader(key="zip-0").upload(path.name, path.read_bytes()).run()
    if len(folders) > 1:
        run_in_browser(at, titles, "Which split", "val")
    assert "cannot be used" not in text_of(at), "the box offers this very table"
    run_in_browser(at, titles, "What holds the labels", "Tabelle.csv")
    run_in_browser(at, titles, "Which column", "Tier")
    assert at.data_editor[0].value["label"].tolist() == ["Frosch", "Hund"]
    answered = boxes(at)
    choose_class(at, 0, "frog")
    run_in_browser(at, titles)
    assert boxes(at) == answered and "1 label has no class yet" in text_of(at)
    run_in_browser(at, titles, "Labels without a choice", "Predict, but")
    run_in_browser(at, titles)
    assert boxes(at) == {**answered, "Labels without a choice": "(no label)"}
    at.button(key="evaluate-mapped").click()
    run_in_browser(at, titles)
    until(at, lambda at: at.metric)
    [manifest] = dashboard.runs.list()
    assert dict(manifest.label_map) == {"Frosch": "frog", "Hund": "(no label)"}
    at.button(key="match-again").click()
    run_in_browser(at, titles)
    assert at.data_editor[0].value["meaning"].tolist() == ["frog", "(no label)"] and not at.metric
    choose_class(at, 1, "dog")
    run_in_browser(at, titles)
    at.button(key="evaluate-mapped").click()
    run_in_browser(at, titles)
    until(at, lambda at: at.metric)
    newest, _ = dashboard.runs.list()
    assert dict(newest.label_map) == {"Frosch": "frog", "Hund": "dog"}


def test_the_class_of_a_label_is_kept_when_another_answer_changes_the_labels(
    open_page: Open, make_zip: MakeZip
) -> None:
    extra = {
        f"{folder}/1.png": encoded(picture(i)) for i, folder in enumerate(["val/Hund", "train/Hund", "train/Elch"])
    }
    at, titles = open_page("evaluate"), dict[str, str]()
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({}, extra=extra).read_bytes()).run()
    run_in_browser(at, titles, "Which split", "val")
    choose_class(at, 0, "dog")
    run_in_browser(at, titles)
    run_in_browser(at, titles, "Which split", "train")
    table = at.data_editor[0].value
    assert set(table["label"]) == {"Elch", "Hund"}
    assert table.set_index("label")["meaning"].dropna().to_dict() == {"Hund": "dog"}


def test_class_ids_mean_what_was_chosen_last_also_after_another_page_was_shown(
    open_page: Open, make_zip: MakeZip
) -> None:
    at, titles = open_page("evaluate"), dict[str, str]()
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({"1": 1, "2": 1}).read_bytes()).run()
    run_in_browser(at, titles, "Do the numbers count", "0")
    assert at.data_editor[0].value["meaning"].tolist() == ["automobile", "bird"]
    at.switch_page(str(ROOT / "pages" / "predict.py")).run()
    at.switch_page(str(ROOT / "pages" / "evaluate.py")).run()
    run_in_browser(at, titles, "Do the numbers count", "1")
    assert at.data_editor[0].value["meaning"].tolist() == ["airplane", "automobile"]


def test_a_workbook_that_may_hold_the_labels_is_told_above_the_folders_that_are_no_classes(
    open_page: Open, make_zip: MakeZip
) -> None:
    extra = {"Tabelle.xlsx": b"PK\3\4"}
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({"Anna": 1, "Ben": 1}, extra=extra).read_bytes()).run()
    [hint] = [each.value for each in at.info if "workbook" in each.value]
    assert "save its sheet as a CSV file and put that into the dataset" in hint and "Tabelle" in hint
    assert text_of(at).count("Tabelle") == 1 and "ignored" not in text_of(at)


def test_no_backticks_are_shown_in_notes_on_a_dataset(open_page: Open, make_zip: MakeZip) -> None:
    names = {f"my photos/{name}.{i}.png": encoded(picture(i)) for i, name in enumerate(["cat", "cat", "dog", "dog"])}
    at = open_page("evaluate")
    at.file_uploader(key="zip-0").upload("x.zip", make_zip({}, extra=names).read_bytes()).run()
    assert "choose file" in text_of(at) and "`" not in text_of(at)


def choose_class(at: AppTest, row: int, name: str) -> None:
    edits = {"edited_rows": {row: {"meaning": name}}, "added_rows": [], "deleted_rows": []}
    at.session_state[at.data_editor[0].key] = edits
