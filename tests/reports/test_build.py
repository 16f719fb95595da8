"""What a report says, whatever file it becomes."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

import pandas as pd
import pyarrow as pa
import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.runs.attributes import AttributeFile
from dashboard.core.runs.evaluate_again import import_again
from dashboard.core.runs.filtering import CHOSEN_BY_ANSWERS
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.store import RunStore
from dashboard.reports.build import report_of
from dashboard.reports.document import Document, Section
from dashboard.reports.html_file import to_html
from dashboard.reports.markdown_file import to_markdown
from dashboard.reports.model_index import model_index
from dashboard.reports.provenance import file_stem
from tests.reports.made_runs import confused, hostile, pets, report, store_run
from tests.run_rows import Row, failed, manifest, ok

NOW = datetime(2026, 2, 3, 4, 5, tzinfo=timezone.utc)


def section(told: Document, name: str) -> Section:
    [found] = [each for each in told.sections if each.id == name]
    return found


def rows(told: Document, name: str) -> dict[str, tuple[str, ...]]:
    """The rows of the first table of a section, by their first cell."""
    return {row[0]: row[1:] for row in section(told, name).tables[0].rows}


def test_it_begins_with_the_result_and_says_where_the_figures_come_from(store: RunStore) -> None:
    run = pets(store, seconds=61.0, fit="center-crop", notes=("Folders are labels.",))
    store.folder(run.manifest.run_id).beside.annotate(
        lambda found: found.__class__(note="For the board.", verdict="accepted")
    )
    told = report_of(run, store, (), made=NOW)
    assert told.title == "pets@1 on pets.zip"
    assert told.verdict == (
        "75.0% of 4 images are predicted as labelled (95% interval 30.1% to 95.4%). The only mistake: "
        "1 of 2 images labelled dog is predicted as cat."
    )  # the interval: Wilson's for 3 of 4
    facts = {fact.name: fact.value for fact in told.facts}
    assert facts["If a picture has other proportions"] == "Crop the centre"
    assert facts["If a picture has another size"] == "Lanczos, antialiased"
    assert facts["Dataset SHA-256"] == "d" and facts["Model SHA-256"] == "m" and facts["Images"] == "6"
    assert (
        facts["Evaluated"] == "01 Jan 2026, 00:00 UTC, took 61 s" and facts["Report made"] == "03 Feb 2026, 04:05 UTC"
    )
    assert (facts["Status"], facts["Note"]) == ("accepted", "For the board.")
    assert section(told, "reading").text == ("Folders are labels.",)
    assert "numpy " in section(told, "again").text[-1] and "Python 3." in section(told, "again").text[-1]


def test_the_tables_hold_the_figures(store: RunStore) -> None:
    told = report_of(pets(store), store, ())
    assert rows(told, "metrics")["Accuracy"][:3] == ("75.0%", "30.1% to 95.4%", "4")
    assert rows(told, "metrics")["Calibration error (ECE)"][1] == "0.0% to 29.9%", "the remark would widen the column"
    assert (
        section(told, "metrics")
        .tables[0]
        .note.endswith(
            "Fewer than 10 images per bin: mostly chance (Calibration error (ECE); ECE, equal-mass bins; ECE, 10 bins)."
        )
    )
    assert rows(told, "metrics")["Balanced accuracy"][0] == "75.0%"
    assert rows(told, "classes") == {
        "cat": ("2", "66.7%", "100.0% (34.2-100.0)", "80.0%"),
        "dog": ("2", "100.0%", "50.0% (9.5-90.5)", "66.7%"),
    }
    assert rows(told, "confusion") == {"dog": ("cat", "1 of 2", "50.0% (9.5-90.5)")}
    # all four have a confidence of 75%, so every threshold accepts all or none
    assert rows(told, "confidence")["70%"] == ("4", "100.0%", "75.0% (30.1-95.4)")
    assert rows(told, "confidence")["80%"] == ("0", "0.0%", "-")
    assert rows(told, "mistakes") == {"dog/3.png": ("dog", "cat", "75.0%")}
    assert rows(told, "files") == {"cat/5.png": ("It is damaged.",)}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ok(0, "dog", "cat"), ok(1, "cat", "dog")], "are predicted as labelled (95% interval 0.0% to 65.8%). There are 2 mistakes, no two"),
        ([ok(0, "dog", "cat"), ok(1, "dog", "cat")], "All mistakes: 2 of 2 images labelled dog are predicted as cat."),
        ([ok(i, *pair) for i, pair in enumerate([("dog", "cat"), ("cat", "dog")] * 2)], "The most frequent mistakes: 2 of 2 images labelled cat are predicted as dog and 2 of 2 images labelled dog are predicted as cat."),
        ([ok(i, *pair) for i, pair in enumerate([("dog", "cat"), ("cat", "dog"), ("cat", "dog")])], "The most frequent mistake: 2 of 2 images labelled cat are predicted as dog."),
        ([ok(0, "cat", "cat")], "100.0% of 1 image is predicted as labelled (95% interval 20.7% to 100.0%). There are no"),
    ],
)  # fmt: skip
def test_the_first_sentence_calls_nothing_frequent_that_happened_once(
    store: RunStore, rows: Sequence[Row], said: str
) -> None:
    assert said in report_of(store_run(store, rows), store, ()).verdict


def test_of_several_equally_frequent_mistakes_one_is_not_called_the_most_frequent(store: RunStore) -> None:
    names = ("cat", "dog", "owl")
    pairs = [(true, predicted) for true in names for predicted in names if true != predicted] * 2
    mistakes = [
        Row(i, f"{i}.png", true, predicted, 0.5, [0.5 if name == predicted else 0.25 for name in names], [0.0] * 3, "ok", "")
        for i, (true, predicted) in enumerate(pairs)
    ]  # fmt: skip
    told = report_of(store_run(store, mistakes, class_names=names), store, ())
    assert told.verdict.endswith(
        "One of the 6 most frequent mistakes: 2 of 4 images labelled cat are predicted as dog."
    )


def test_a_run_that_has_no_rows_yet_is_called_unfinished(store: RunStore) -> None:
    """It said that its images have no labels."""
    m = manifest(n_images=200)
    store.begin(m).release()
    told = report_of(store.folder(m.run_id).load(VIEW_COLUMNS), store, ())
    unfinished = (
        "The evaluation is not finished: 0 of 200 images. "
        f"Finish it: `python -m dashboard evaluate --resume {m.run_id}`."
    )
    assert told.verdict == unfinished and section(told, "findings").text == (unfinished,)
    assert "metrics" not in {each.id for each in told.sections}


def test_a_metric_of_several_labels_is_a_dash_for_images_of_one_label(store: RunStore) -> None:
    run = pets(store)
    cats = store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["true_label=cat"]))
    other = pets(store, run_id="other")
    told = report_of(cats, store, (), "other")
    assert other.scores["mcc"].is_meaningful and rows(told, "metrics")["Macro F1"][:2] == ("-", "-")
    assert rows(told, "comparison")["Macro F1"] == ("-",) * 5
    for name in ("metrics", "comparison"):
        assert "A dash stands for a metric that says nothing" in section(told, name).tables[0].note
    assert "macro" not in str(model_index(told)) and "accuracy" in str(model_index(told))


def test_predicted_classes_without_images_are_told_beside_the_metrics(store: RunStore) -> None:
    rows = [ok(0, "cat", "cat"), ok(1, "dog", "dog"), ok(2, "dog", "frog")]
    names = ("cat", "dog", "frog")
    lacks = store_run(
        store, [replace(row, pred_probs=[0.1, 0.1, 0.8], logits=[0.0] * 3) for row in rows], class_names=names
    )
    note = "1 class has no images here. It was predicted, and counts as 0 in the macro F1."
    assert note in section(report_of(lacks, store, ()), "metrics").tables[0].note
    assert note not in section(report_of(pets(store, run_id="other"), store, ()), "metrics").tables[0].note


def test_the_most_confident_mistakes_come_first_with_their_own_pictures(store: RunStore) -> None:
    from io import BytesIO

    from PIL import Image

    def mistake(index: int, p: float) -> Row:
        return Row(index, f"{index}.png", "dog", "cat", p, [p, 1 - p], [0.0, 0.0], "ok", "")

    made = [mistake(i, 0.6 + i / 100) for i in range(30)]
    found = section(report_of(store_run(store, made, pictures=True), store, ()), "mistakes")
    assert [picture.file for picture in found.pictures] == [f"{i}.png" for i in range(29, 5, -1)]
    shown = [Image.open(BytesIO(picture.png)).convert("RGB").getpixel((3, 3))[0] for picture in found.pictures]
    assert shown == list(range(29, 5, -1))  # each thumbnail has the shade of its index
    first = found.pictures[0]
    assert (first.true_label, first.predicted_label, first.confidence) == ("dog", "cat", "89.0%")
    assert found.text[0] == "The 24 most confident of 30 mistakes."


def test_a_run_without_pictures_lists_its_mistakes_and_says_why(store: RunStore) -> None:
    found = section(report_of(pets(store, imported=True), store, ()), "mistakes")
    assert not found.pictures and "imported without images" in found.text[-1]


def test_mistakes_of_predicted_classes_alone_have_no_confidence(store: RunStore) -> None:
    """They are stored with a confidence of 1, which the report gave as the model's."""
    made = [Row(i, f"{i}.png", "dog", "cat", 1.0, [1.0, 0.0], [0.0, 0.0], "ok", "") for i in range(30)]
    found = section(report_of(store_run(store, made, imported=True), store, ()), "mistakes")
    assert found.title == "Mistakes" and found.text[0] == "The first 24 of 30 mistakes."
    [table] = found.tables
    assert [column.title for column in table.columns] == ["File", "Labelled", "Predicted as"]
    assert table.rows == tuple((f"{i}.png", "dog", "cat") for i in range(24))


def test_the_first_failed_files_are_listed(store: RunStore) -> None:
    made = [ok(0, "cat", "cat"), *map(failed, range(1, 61))]
    found = section(report_of(store_run(store, made), store, ()), "files")
    assert found.text == ("60 could not be read.",)
    assert found.title == "Not evaluated (60)" and len(found.tables[0].rows) == 50
    assert found.tables[0].note == "The first 50 of 60."


def test_it_obeys_the_filter_and_says_so(store: RunStore) -> None:
    run = pets(store)
    conditions = parse_filter(["true_label=dog"])
    told = report_of(store.folder(run.manifest.run_id).load(VIEW_COLUMNS, conditions), store, ())
    assert told.verdict.startswith("50.0% of 2 images") and told.filter == "Only these images: labelled dog."
    assert {fact.name: fact.value for fact in told.facts}["Images"] == "2 of 6"
    assert [each.id for each in told.sections].count("files") == 0
    assert section(told, "again").commands[-1] == (
        f"python -m dashboard report {run.manifest.run_id} --where true_label=dog --out report.html"
    )


def test_images_of_one_label_have_no_precision(store: RunStore) -> None:
    run = pets(store)
    told = report_of(store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["true_label=dog"])), store, ())
    [table] = section(told, "classes").tables
    [(name, images, precision, recall, f1)] = table.rows
    assert (name, images, precision, f1) == ("dog", "2", "-", "-") and recall.startswith("50.0%")
    assert "all images have the same label" in table.note


@pytest.mark.parametrize("condition", ["predicted_label=cat", "correct=no"])
def test_what_a_filter_of_answers_makes_is_no_finding(store: RunStore, condition: str) -> None:
    """The verdict called the only mistakes that such a filter lets pass the most frequent ones: "1 of 1 labelled dog"."""
    run = pets(store)
    told = report_of(store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter([condition])), store, ())
    assert told.verdict.endswith(CHOSEN_BY_ANSWERS) and "mistake" not in told.verdict
    [table] = section(told, "confusion").tables
    assert table.title == "The mistakes among these images" and table.rows == (("dog", "cat", "1"),)


def test_the_filter_stands_before_the_result(store: RunStore) -> None:
    run = pets(store)
    told = report_of(store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["true_label=dog"])), store, ())
    for text in (to_html(told), to_markdown(told)):
        assert text.index("Only these images: labelled dog. All figures are about them.") < text.index(
            "50.0% of 2 images"
        )


def test_a_filter_that_no_image_passes_says_so(store: RunStore) -> None:
    """The report said that none of 0 images has a label."""
    run = pets(store)
    told = report_of(store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["confidence<0"])), store, ())
    assert told.verdict == "No image passes the filter." and section(told, "findings").text == (told.verdict,)


def test_without_any_prediction_it_says_why(store: RunStore) -> None:
    told = report_of(store_run(store, [failed(0), failed(1)]), store, ())
    assert told.verdict == "No image got a prediction: 2 could not be read."


def test_the_first_command_makes_pictures_fit_as_the_run_did(store: RunStore) -> None:
    run = pets(store, fit="center-crop")
    first = section(report_of(run, store, ()), "again").commands[0]
    assert f"--model {run.manifest.model} --fit center-crop" in first


def test_the_commands_can_be_pasted_whatever_the_names_are(store: RunStore) -> None:
    evaluate, told = map(shlex.split, section(report_of(hostile(store), store, ()), "again").commands)
    assert evaluate == [
        "python", "-m", "dashboard", "evaluate", "/data/<img src=x onerror=alert(1)>.zip", "--model",
        "</script><script>alert(2)</script>@1", "--map", "</script><script>alert(2)</script>=<img src=x onerror=alert(1)>",
    ]  # fmt: skip
    assert told[3] == "report"


def test_imported_predictions_are_imported_again(store: RunStore) -> None:
    run = pets(store, imported=True, dataset="/data/it's.csv", labels="/data/truth.csv", label_map=(("puss", "cat"),))
    again = section(report_of(run, store, ()), "again")
    command, told = map(shlex.split, again.commands)
    assert command == [
        "python", "-m", "dashboard", "import", "/data/it's.csv", "--labels", "/data/truth.csv",
        "--class-names", "cat,dog", "--name", "pets@1", "--map", "puss=cat",
    ]  # fmt: skip
    assert told[3] == "report" and again.text[0].startswith("The first command imports the predictions again")


def test_class_names_that_fit_into_no_command_come_from_a_file() -> None:
    for names in (("cat, wild", "dog"), tuple(map(str, range(21)))):
        command, note = import_again(manifest(class_names=names, imported=True, unknown_labels=()))
        assert "--class-names NAMES.txt" in command and note.startswith("NAMES.txt holds the names of the classes")


def test_without_labels_it_tells_what_was_predicted(store: RunStore) -> None:
    made = [ok(0, None, "cat"), ok(1, None, "cat"), ok(2, None, "dog")]
    told = report_of(store_run(store, made), store, ())
    assert told.verdict.startswith("3 images got a prediction. None has a label")
    assert rows(told, "metrics") == {"cat": ("2", "66.7%"), "dog": ("1", "33.3%")}
    assert {each.id for each in told.sections} == {"findings", "metrics", "again"}


def test_a_run_without_mistakes(store: RunStore) -> None:
    told = report_of(store_run(store, [ok(0, "cat", "cat"), ok(1, "dog", "dog")]), store, ())
    assert told.verdict.endswith("There are no mistakes.") and not section(told, "confusion").tables


def test_findings_come_first_with_what_to_do_and_where(store: RunStore) -> None:
    run = confused(store, ("cat", "dog"))
    first = report(store, run).sections[0]
    assert first.id == "findings"
    [pair, *_] = [item for item in first.items if "30" in item.statement]
    assert "cat" in pair.statement and "dog" in pair.statement
    assert "30 images: labelled cat, predicted as dog" in pair.lines


def test_doubtful_labels_are_listed_and_counted(store: RunStore) -> None:
    run = pets(store)
    issues = pd.DataFrame({"file": ["dog/3.png"], "label": ["dog"], "suggested_label": ["cat"], "confidence": [0.75]})
    told = report_of(run, store, (), doubtful=issues)
    assert rows(told, "labels") == {"dog/3.png": ("dog", "cat", "75.0%")}
    assert section(told, "labels").text[0].startswith("1 of 4 labels may be wrong: the model")
    assert section(told, "findings").text[0].startswith("1 of 4 labels may be wrong: see them below. Apart from them, ")
    many = section(report_of(run, store, (), doubtful=pd.concat([issues] * 30)), "labels").tables[0]
    assert len(many.rows) == 20 and many.note.startswith("The 20 most doubtful. All of them are in the view Labels")
    for none in (issues.head(0), None):
        told = report_of(run, store, (), doubtful=none)
        assert "labels" not in {each.id for each in told.sections}


@pytest.mark.parametrize(
    ("findings", "said"), [((), "Nothing stands out, but 4 labelled images can"), (None, "could not be made")]
)
def test_without_findings_it_says_so(store: RunStore, findings: tuple[()] | None, said: str) -> None:
    first = report_of(pets(store), store, findings).sections[0]
    assert first.id == "findings" and said in first.text[0] and not first.items


def test_a_comparison_states_every_difference(store: RunStore) -> None:
    earlier = store_run(
        store, [ok(0, "cat", "cat"), ok(1, "cat", "cat"), ok(2, "dog", "cat"), ok(3, "dog", "cat")],
        run_id="20251231-000000-abc", model="pets@0", created_utc="2025-12-31T00:00:00+00:00",
    )  # fmt: skip
    run = store_run(store, [ok(0, "cat", "cat"), ok(1, "cat", "dog"), ok(2, "dog", "dog"), ok(3, "dog", "dog")])
    told = report_of(run, store, (), earlier.manifest.run_id)
    found = section(told, "comparison")
    assert "A 75.0%, B 50.0%; B minus A is -25.0 points" in found.text[0] and "p = 1." in found.text[0]
    assert found.text[1].startswith(
        "A is this evaluation: pets@1 on pets.zip. B is pets@0 on pets.zip, of 31 Dec 2025,"
    )
    assert rows(told, "comparison")["Accuracy"][:3] == ("75.0%", "50.0%", "-25.0")
    counts = {row[0]: row[1] for row in found.tables[1].rows}
    assert counts == {"Both are right": "1", "Only A is right": "2", "Only B is right": "1", "Both are wrong": "0"}
    assert section(told, "again").commands[-1] == (
        "python -m dashboard report 20260101-000000-abc --compare 20251231-000000-abc --out report.html"
    )


def test_the_filter_holds_for_both_runs_of_a_comparison(store: RunStore) -> None:
    store_run(store, [ok(0, "cat", "cat"), ok(1, "dog", "cat")], run_id="other", model="pets@0")
    run = store_run(store, [ok(0, "cat", "dog"), ok(1, "dog", "dog")])
    filtered = store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["predicted_label=dog"]))
    with pytest.raises(DatasetError) as refused:  # the other run predicts a dog for no image
        report_of(filtered, store, (), "other")
    assert refused.value.code == "not_comparable"


def test_a_filter_that_does_not_fit_the_other_run_of_a_comparison_names_it(store: RunStore) -> None:
    other = store_run(store, [ok(0, "cat", "cat")], run_id="other", model="pets@0")
    run = store_run(store, [ok(0, "cat", "cat")])
    AttributeFile(store.folder(run.manifest.run_id).path).keep(pa.table({"age": [3]}))
    filtered = store.folder(run.manifest.run_id).load(VIEW_COLUMNS, parse_filter(["age<30"]))
    with pytest.raises(DatasetError) as refused:
        report_of(filtered, store, (), other.manifest.run_id)
    assert refused.value.code == "filter" and refused.value.message == (
        "The conditions do not fit B, the evaluation other (pets@0 on pets.zip). There is no column 'age'."
    )


def test_runs_that_share_nothing_are_not_compared(store: RunStore) -> None:
    elsewhere = [replace(ok(0, "cat", "cat"), file="elsewhere.png")]
    other = store_run(store, elsewhere, run_id="20251231-000000-abc", dataset_sha256="e")
    with pytest.raises(DatasetError) as refused:
        report_of(pets(store), store, (), other.manifest.run_id)
    assert refused.value.code == "not_comparable"


@pytest.mark.parametrize(
    ("dataset", "stem"),
    [
        ("/data/my pets.zip", "my-pets-pets-1-2026-01-01"),
        ("/data/pets.tar.gz", "pets-pets-1-2026-01-01"),
        ("/data/<img src=x>/../...", "pets-1-2026-01-01"),
        ("/data/Häuser v2.1", "Häuser-v2.1-pets-1-2026-01-01"),
    ],
)
def test_files_are_named_after_dataset_model_and_date(dataset: str, stem: str) -> None:
    assert file_stem(manifest(dataset=dataset)) == stem
