from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from dashboard.core.analysis.checks.applying import apply_checks, check_classes
from dashboard.core.analysis.checks.check import Outcome
from dashboard.core.analysis.checks.figures import class_figure
from dashboard.core.analysis.checks.junit import junit_xml
from dashboard.core.analysis.checks.not_worse import accuracy_difference
from dashboard.core.analysis.checks.reading import parse_checks
from dashboard.core.analysis.findings.find import find_in
from dashboard.core.datasets.labelling import NO_SUCH_IMAGE
from dashboard.core.errors import DatasetError
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run
from dashboard.core.runs.store import RunStore
from tests.core.analysis.findings.faults import never_predicted, overconfident, unreadable
from tests.run_rows import Row, failed, manifest, ok, table_of
from tests.simulated_runs import Simulated, clean

NOW, BEFORE, OTHER = "20260102-000000-now", "20260101-000000-before", "20260103-000000-other"


def store_of(tmp_path: Path, rows: list[Row], run_id: str = NOW, **of_manifest: object) -> RunStore:
    store = RunStore(tmp_path)
    folder = store.folder(run_id)
    folder.save(manifest(run_id, **{"n_images": len(rows), "state": "finished", **of_manifest}))
    folder.add_part(0, table_of(rows))
    return store


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """Of 10 cats 8 are right, of 10 dogs 9; one image failed, one has no label."""
    cats = [ok(i, "cat", "cat" if i < 8 else "dog") for i in range(10)]
    dogs = [ok(i, "dog", "dog" if i < 19 else "cat") for i in range(10, 20)]
    return store_of(tmp_path, [*cats, *dogs, failed(20), ok(21, None, "cat")])


def outcome_of(store: RunStore, text: str, run_id: str = NOW) -> Outcome:
    (outcome,) = apply_checks(parse_checks(f"- {text}", "checks.yml"), store, run_id)
    return outcome


@pytest.mark.parametrize("metric", ["log_loss", "brier", "aurc"])
@pytest.mark.parametrize("part", ["low >= 0", "low <= 1", "high >= 0", "high <= 1"])
def test_a_limit_of_an_interval_that_is_not_known_is_not_kept(tmp_path: Path, metric: str, part: str) -> None:
    store = store_of(tmp_path, [ok(i, "cat", "cat") for i in range(40)])
    outcome = outcome_of(store, f"{metric}.{part}")
    assert not outcome.passed and "has no interval" in outcome.message


@pytest.mark.parametrize(
    "text, passed, value, n",
    [
        ("accuracy >= 0.85", True, 0.85, 20),
        ("accuracy >= 85%", True, 0.85, 20),
        ("accuracy > 0.85", False, 0.85, 20),
        ("accuracy.low >= 0.85", False, proportion(17, 20).low, 20),
        ("accuracy.high <= 0.9", False, proportion(17, 20).high, 20),
        ("recall[cat] >= 0.8", True, 0.8, 10),
        ("precision[cat] >= 0.9", False, 8 / 9, 9),
        ("recall[dog].low >= 0.6", False, proportion(9, 10).low, 10),
        ("n == 20", True, 20, None),
        ("n >= 21", False, 20, None),
        ("failed <= 0", False, 1, None),
        ("failed <= 5%", True, 1 / 22, 22),
        ("log_loss <= 0.1", False, -(17 * np.log(0.75) + 3 * np.log(0.25)) / 20, 20),
        ("top2 >= 1", False, None, None),  # whatever the answers to two classes are, it would be 1
        ("{check: 'recall[cat] >= 0.8', where: index<8}", True, 1, 8),
        ("{check: accuracy >= 0.1, where: index>99}", False, None, None),
        ("{check: 'recall[cat] >= 0.1', where: true_label=dog}", False, None, None),
        ("{check: mcc >= -1, where: true_label=dog}", False, None, None),
    ],
)
def test_figures_and_limits(text: str, passed: bool, value: float | None, n: int | None, store: RunStore) -> None:
    outcome = outcome_of(store, text)
    assert (outcome.passed, outcome.n) == (passed, n)
    assert outcome.value == (value if value is None else pytest.approx(value)) and outcome.message.endswith(".")


NOTHING = "No image passes the filter."
NO_LABEL = "No image that passes the filter has a label and a prediction."


@pytest.mark.parametrize(
    "text, where, message",
    [
        ("no finding: overconfident", "file~nothing", NOTHING),
        ("no finding: unreadable", "file~nothing", NOTHING),
        ("findings <= 0", "file~nothing", NOTHING),
        ("failed <= 0", "file~nothing", NOTHING),
        ("failed <= 1%", "file~nothing", NOTHING),
        ("accuracy <= 1", "file~nothing", NOTHING),
        (f"not worse than {BEFORE}", "file~nothing", NOTHING),
        ("no finding: overconfident", "true_label=", NO_LABEL),
        ("no findings", "true_label=", NO_LABEL),
        ("accuracy <= 1", "true_label=", NO_LABEL),
    ],
)
def test_a_check_of_no_image_fails(text: str, where: str, message: str, store: RunStore) -> None:
    store_of(store.root, answers([True] * 20), BEFORE)
    outcome = outcome_of(store, f"{{check: '{text}', where: {where}}}")
    assert (outcome.passed, outcome.message) == (False, message)


@pytest.mark.parametrize(
    "text, where",
    [("n <= 0", "file~nothing"), ("failed <= 5", "true_label="), ("no finding: unreadable", "index>20")],
)
def test_some_checks_need_no_labelled_image(text: str, where: str, store: RunStore) -> None:
    assert outcome_of(store, f"{{check: '{text}', where: {where}}}").passed


def test_a_message_says_what_was_found(store: RunStore) -> None:
    assert outcome_of(store, "accuracy.low >= 0.85").message == (
        "accuracy has the lower limit 64.0% (95% interval 64.0% to 94.8%, 20 images)."
    )
    assert outcome_of(store, "{check: 'recall[cat] >= 0', where: true_label=dog}").message == (
        "recall[cat] is not defined for these images."
    )


@pytest.mark.parametrize(
    "text, told",
    [
        ("accuracy >= 85.04%", "accuracy is 85.00% (95% interval 63.96% to 94.76%, 20 images)."),
        ("recall[cat] > 0.79999", "recall[cat] is 80.000% (95% interval 49.016% to 94.332%, 10 images)."),
        ("failed <= 4.5%", "1 of 22 images could not be evaluated (4.55%, 0.81 to 21.80)."),
        ("log_loss < 0.4524", "log_loss is 0.4525 (95% interval"),
        ("accuracy > 85%", "accuracy is 85.0% (95% interval"),
    ],
)
def test_a_figure_has_the_decimals_that_tell_it_from_the_limit(text: str, told: str, store: RunStore) -> None:
    outcome = outcome_of(store, text)
    assert outcome.message.startswith(told)
    assert told.encode() in junit_xml([outcome], "checks.yml")


@pytest.mark.parametrize(
    "text, message",
    [
        ("- n >= 1\n- recall[fish] >= 1", "checks.yml, line 2: 'fish' is not a class of this evaluation."),
        ("- {check: n >= 1, subset: night}", "checks.yml, line 1: There is no subset 'night'."),
        ("- {check: n >= 1, where: colour=red}", "checks.yml, line 1: There is no column 'colour'."),
        ("- {check: n >= 1, where: true_label=fish}", "checks.yml, line 1: fish is not a class of this evaluation."),
        ("- not worse than 20250101-000000-gone", "checks.yml, line 1: There is no evaluation '20250101-000000-gone'."),
        (
            "- {no finding: overconfident, where: confidence<0.7}",
            "checks.yml, line 1: Images that were chosen by their answers have no findings, so this check could not fail.",
        ),
        (
            f"- not worse than {NOW}",
            "checks.yml, line 1: This is the same evaluation, so this check could not fail.",
        ),
        ("- not worse than ../x", "checks.yml, line 1: '../x' is not the id of an evaluation."),
    ],
)
def test_names_that_do_not_exist_are_told_with_their_line(text: str, message: str, store: RunStore) -> None:
    with pytest.raises(DatasetError) as caught:
        apply_checks(parse_checks(text, "checks.yml"), store, NOW)
    assert caught.value.code == "checks" and caught.value.message == message


def test_classes_are_checked_before_the_work() -> None:
    file = parse_checks("- recall[cat] >= 1\n- recall[fish] >= 1", "checks.yml")
    check_classes(file, ("cat", "fish"))
    with pytest.raises(DatasetError, match="line 2"):
        check_classes(file, ("cat", "dog"))


def test_subsets_of_the_file_and_of_the_run(store: RunStore) -> None:
    store.folder(NOW).beside.annotate(lambda a: a.with_subset("few", ["index<8"]).with_subset("late", ["index>=8"]))
    text = "subsets: {few: [index<4, true_label=cat]}\nchecks:\n"
    text += "".join(f"- {{check: n >= 5, subset: {name}}}\n" for name in ("few", "late"))
    outcomes = apply_checks(parse_checks(text, "checks.yml"), store, NOW)
    assert [outcome.value for outcome in outcomes] == [4, 12]  # the file's own subset hides the run's


def run_of(run: Simulated, path: Path, *where: str) -> Run:
    return run.store(path / NOW).load(VIEW_COLUMNS, parse_filter(where))


@pytest.mark.parametrize("where", [(), ("confidence<0.8",)])
def test_figures_of_classes_are_those_of_scikit_learn(where: tuple[str, ...], tmp_path: Path) -> None:
    run = run_of(clean(1), tmp_path, *where)
    rows = run.labelled
    for metric, reference in (("recall", recall_score), ("precision", precision_score), ("f1", f1_score)):
        values = reference(rows["true_label"], rows["predicted_label"], labels=run.manifest.class_names, average=None)
        for name, value in zip(run.manifest.class_names, values, strict=True):
            figure = class_figure(run, metric, name)
            assert figure is not None and figure.value == pytest.approx(value) and figure.low < value < figure.high


def test_the_f1_of_a_class_without_a_mistake_or_without_a_hit_is_no_certainty(tmp_path: Path) -> None:
    right = store_of(tmp_path / "right", [ok(i, name, name) for i, name in enumerate(["cat", "dog"] * 4)])
    outcome = outcome_of(right, "f1[cat].low >= 0.9")
    assert not outcome.passed and outcome.value == pytest.approx(proportion(4, 4).low)
    assert outcome_of(right, "f1[cat] >= 1").passed
    never = store_of(tmp_path / "never", [ok(i, name, "cat") for i, name in enumerate(["cat", "dog"] * 4)])
    outcome = outcome_of(never, "f1[dog].high <= 0.1")
    assert not outcome.passed and "has no interval" in outcome.message
    assert outcome_of(never, "f1[dog] <= 0").passed


def test_precision_of_images_with_one_label_is_no_figure(tmp_path: Path) -> None:
    store = store_of(tmp_path, [ok(i, name, "cat") for i, name in enumerate(["cat", "dog"] * 4)])
    check = "{{check: '{}[cat] >= 0.9', where: true_label=cat}}"
    for metric in ("precision", "f1"):
        outcome = outcome_of(store, check.format(metric))
        assert not outcome.passed and "all images have the same label" in outcome.message
    assert outcome_of(store, check.format("recall")).passed


def test_intervals_of_f1_hold_the_truth(tmp_path: Path) -> None:
    """About 95% of them should."""
    large = clean(0, 20_000)
    truth = f1_score(large.true == 0, large.predicted == 0)
    held = 0
    for i in range(100):
        part = large.take(np.random.default_rng(i).choice(20_000, 500, replace=False))
        figure = class_figure(run_of(part, tmp_path / str(i)), "f1", "airplane")
        held += figure is not None and figure.low <= truth <= figure.high
    assert held >= 88


def test_findings(tmp_path: Path) -> None:
    unreadable(1).store(tmp_path / NOW)
    store = RunStore(tmp_path)
    assert outcome_of(store, "no finding: overconfident").passed and not outcome_of(store, "no findings").passed
    outcome = outcome_of(store, "no finding: unreadable")
    assert not outcome.passed and outcome.message.startswith("40 of 2,000 images could not be evaluated")
    assert outcome_of(store, "findings <= 1").passed
    assert outcome_of(store, "{no finding: unreadable, where: status=ok}").passed


@pytest.mark.parametrize("name", ["overconfident", "miscalibrated", "label_errors", "confident_mistakes"])
def test_a_finding_about_the_confidence_of_predicted_classes_alone_is_not_measured(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.csv").write_text("label,prediction\n" + "cat,cat\ndog,dog\ndog,cat\n" * 100)
    store = RunStore(tmp_path / "runs")
    run_id = import_predictions(ImportRequest(tmp_path / "x.csv"), store).manifest.run_id
    outcome = outcome_of(store, f"no finding: {name}", run_id)
    assert not outcome.passed and outcome.value is None
    assert outcome.message == "Not measured, because these predictions have no probabilities, only predicted classes."
    assert outcome_of(store, "no finding: at_chance", run_id).passed


@pytest.mark.parametrize(
    "name, reason",
    [
        ("unfamiliar", "it is not known which images probably show none of the classes: models without thresholds"),
        ("below_record", "the model records no accuracy"),
        ("repeated_images", "nothing is stored of these images"),
        ("conflicting_labels", "nothing is stored of these images"),
        ("depends_on_property", "no property of these images is known"),
        ("weak_class", "fewer than 3 classes have images"),
        ("wrong_pixels", "fewer than 10 images, or fewer than 3 classes, have labels"),
    ],
)
def test_what_an_evaluation_cannot_tell_is_not_measured(tmp_path: Path, name: str, reason: str) -> None:
    rows = [ok(i, ("cat", "dog")[i % 2], "cat" if i % 4 else "dog") for i in range(60)]
    outcome = outcome_of(store_of(tmp_path, rows), f"no finding: {name}")
    assert not outcome.passed and outcome.message.startswith(f"Not measured, because {reason}")


@pytest.mark.parametrize("name", ["never_predicted", "rare_class"])
def test_a_finding_that_images_of_one_class_cannot_give_is_not_measured(tmp_path: Path, name: str) -> None:
    outcome = outcome_of(store_of(tmp_path, [ok(i, "cat", "dog") for i in range(60)]), f"no finding: {name}")
    assert not outcome.passed and outcome.message == "Not measured, because fewer than 2 classes have images."


@pytest.mark.parametrize("name", ["overconfident", "at_chance"])
def test_a_finding_that_so_few_images_cannot_give_is_not_measured(store: RunStore, name: str) -> None:
    outcome = outcome_of(store, f"no finding: {name}")
    assert not outcome.passed and outcome.message.startswith("Not measured, because fewer than ")


def test_confidence_that_is_too_high_or_too_low_is_miscalibrated(tmp_path: Path) -> None:
    overconfident(1).store(tmp_path / NOW)
    store = RunStore(tmp_path)
    assert [finding.id for finding in find_in(store.folder(NOW))] == ["overconfident"]
    for name in ("overconfident", "miscalibrated"):
        outcome = outcome_of(store, f"no finding: {name}")
        assert not outcome.passed and outcome.message.startswith("The model is overconfident")
    outcome = outcome_of(store, "no finding: underconfident")
    assert outcome.passed
    assert outcome.message == "There is no finding underconfident, but one that may stand in its place: overconfident."


def test_checks_look_at_all_findings_not_only_at_those_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.core.analysis.findings.find.MOST", 1)
    replace(never_predicted(1), failed=np.arange(2000) == 7).store(tmp_path / NOW)
    store = RunStore(tmp_path)
    assert [finding.id for finding in find_in(store.folder(NOW))] == ["never_predicted"]
    outcome = outcome_of(store, "no finding: unreadable")
    assert not outcome.passed and outcome.message.startswith("1 of 2,000 images could not be evaluated")
    outcome = outcome_of(store, "findings <= 1")
    assert not outcome.passed and outcome.value is not None and outcome.value >= 2


def test_images_that_were_left_out_by_choice_are_no_failures(tmp_path: Path) -> None:
    out = [replace(failed(i), reason="Its label 'z' was left out.") for i in range(20, 30)]
    unknown = replace(failed(30), reason="Its label 'ant' is not a class of pets@1.")
    store = store_of(tmp_path, [*answers([True] * 20), *out], n_images=31, label_map=(("z", "(leave out)"),))
    outcome = outcome_of(store, "failed <= 0")
    assert (
        outcome.passed and outcome.message == "0 of 20 images could not be evaluated; 10 more were left out by choice."
    )
    none = outcome_of(store, "{check: failed <= 0, where: status=failed}")
    assert not none.passed and none.message == "All of these images were left out because of their label."
    store.folder(NOW).add_part(1, table_of([unknown]))
    outcome = outcome_of(store, "failed <= 4%")
    assert (outcome.passed, outcome.value, outcome.n) == (False, pytest.approx(1 / 21), 21)
    assert outcome.message.startswith(
        "1 of 21 images could not be evaluated, 1 of them because their label is not a class;"
    )


def test_images_that_a_table_names_and_the_dataset_lacks_are_failures(tmp_path: Path) -> None:
    gone = [replace(failed(i), reason=f"labels.csv {NO_SUCH_IMAGE}") for i in range(20, 22)]
    store = store_of(tmp_path, [*answers([True] * 20), *gone, failed(22)], n_images=23, n_without_image=2)
    outcome = outcome_of(store, "failed <= 2")
    assert not outcome.passed and outcome.message == (
        "3 of 23 images could not be evaluated, 2 of them because the dataset lacks an image that its table names."
    )


def test_imported_labels_that_were_left_out_by_choice_are_no_failures(tmp_path: Path) -> None:
    np.save(tmp_path / "probs.npy", np.tile([0.75, 0.25], (20, 1)))
    (tmp_path / "labels.csv").write_text("label\n" + "cat\n" * 15 + "z\n" * 5)
    store = RunStore(tmp_path / "runs")
    request = ImportRequest(
        tmp_path / "probs.npy", ("cat", "dog"), tmp_path / "labels.csv", label_map={"z": "(leave out)"}
    )
    outcome = outcome_of(store, "failed <= 0", import_predictions(request, store).manifest.run_id)
    assert (
        outcome.passed and outcome.message == "0 of 15 images could not be evaluated; 5 more were left out by choice."
    )


def answers(right: list[bool], first: int = 0) -> list[Row]:
    return [ok(first + i, "cat", "cat" if hit else "dog") for i, hit in enumerate(right)]


@pytest.mark.parametrize(
    "now, before, passed",
    [
        ([True] * 30, [True] * 30, True),  # the same
        ([True] * 24 + [False] * 6, [True] * 30, False),  # p = 2 / 2^6
        ([True] * 29 + [False], [True] * 30, True),  # one image is chance
        ([True] * 26 + [False] * 4, [True] * 30, True),  # p = 2 / 2^4
        ([True] * 30, [True] * 24 + [False] * 6, True),  # better
        ([True] * 15 + [False] * 15, [False] * 15 + [True] * 15, True),  # other images, as many
    ],
)
def test_not_worse(now: list[bool], before: list[bool], passed: bool, tmp_path: Path) -> None:
    store = store_of(tmp_path, answers(now))
    store_of(tmp_path, answers(before)[::-1], BEFORE)
    outcome = outcome_of(store, f"not worse than {BEFORE}")
    assert (
        outcome.passed is passed and outcome.n == 30 and outcome.value == pytest.approx((sum(now) - sum(before)) / 30)
    )


def test_only_images_that_both_have_are_compared(tmp_path: Path) -> None:
    """Class names in another order change nothing. An image whose label was corrected is left out."""
    store = store_of(tmp_path, answers([True] * 20))
    rows = [*answers([True] * 10 + [False] * 20, first=10)]
    rows[0] = Row(10, "cat/10.png", "dog", "cat", 0.75, [0.25, 0.75], [-1.0, 1.0], "ok", "")
    store_of(tmp_path, rows, BEFORE, n_images=40, class_names=("dog", "cat"))
    now, before = (store.folder(run_id).load(VIEW_COLUMNS) for run_id in (NOW, BEFORE))
    difference = accuracy_difference(now, before)
    assert (difference.score.n, difference.score.value, difference.p_value) == (9, 0, 1)
    assert any("their labels differ" in note for note in difference.notes)
    other = store_of(tmp_path, answers([True] * 5, first=100), OTHER, n_images=105, dataset_sha256="e")
    outcome = outcome_of(other, f"not worse than {BEFORE}", OTHER)
    assert not outcome.passed and "share no image" in outcome.message


def test_made_up_names_of_rows_do_not_make_images_the_same(tmp_path: Path) -> None:
    """Two imports without file names, whose labels differ, are about other images."""
    rows = [replace(row, file=f"row {i}") for i, row in enumerate(answers([True] * 20))]
    other = [replace(row, true_label="dog", predicted_label="dog") if i % 2 else row for i, row in enumerate(rows)]
    store = store_of(tmp_path, rows, imported=True, dataset_sha256="a")
    store_of(tmp_path, other, BEFORE, imported=True, dataset_sha256="b")
    outcome = outcome_of(store, f"not worse than {BEFORE}")
    assert not outcome.passed and "the labels differ" in outcome.message


@pytest.mark.parametrize("state", ["running", "cancelled", "failed"])
def test_a_run_has_to_be_finished(state: str, tmp_path: Path) -> None:
    store = store_of(tmp_path, answers([True] * 20))
    store_of(tmp_path, answers([True] * 10), OTHER, state=state, n_images=20)
    said = "interrupted" if state == "running" else state  # no process works on it
    with pytest.raises(DatasetError, match=f"{OTHER} is {said}") as caught:
        outcome_of(store, "accuracy >= 0.5", OTHER)
    assert caught.value.code == "run_unfinished"
    with pytest.raises(DatasetError, match=f"line 1: The evaluation {OTHER} is {said}") as caught:
        outcome_of(store, f"not worse than {OTHER}")
    assert caught.value.code == "checks"


def test_junit(store: RunStore) -> None:
    file = parse_checks('- n >= 1\n- accuracy >= 0.9\n- {check: n >= 0, where: "file~\\e<&"}', "a&b.yml")
    root = ElementTree.fromstring(junit_xml(apply_checks(file, store, NOW), "a&b.yml", 1.25))
    (suite,) = root
    assert root.tag == "testsuites" and suite.attrib == {
        "name": "a&b.yml", "tests": "3", "failures": "1", "errors": "0", "skipped": "0", "time": "1.250",
    }  # fmt: skip
    names = [case.get("name") for case in suite]
    assert names == ["n >= 1", "accuracy >= 0.9", "n >= 0 where file~\ufffd<&"]
    assert [case.find("failure") is not None for case in suite] == [False, True, False]
    failure = suite[1].find("failure")
    assert failure is not None and str(failure.get("message")).startswith("accuracy is 85.0%")


def test_an_evaluation_that_cannot_be_read_is_not_the_fault_of_the_file_of_checks(store: RunStore) -> None:
    [part] = store.folder(NOW).path.glob("part-*.parquet")
    part.unlink()
    with pytest.raises(
        DatasetError, match=rf"^The evaluation {NOW} cannot be read \(rows.parquet is missing\)"
    ) as caught:
        outcome_of(store, "accuracy >= 0.5")
    assert caught.value.code == "run_damaged"
