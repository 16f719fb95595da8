"""Ten planted faults give their finding first, and runs without a fault give none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dashboard.core.analysis.findings import class_order, labels
from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.find import (
    FALSE_DISCOVERIES,
    besides,
    find_in,
    nothing_found,
    significance_limits,
)
from dashboard.core.analysis.findings.finding import Finding
from dashboard.core.analysis.findings.labels import instead_of_overconfidence
from dashboard.core.analysis.findings.rules import IDS, RULES
from dashboard.core.analysis.findings.trust import miscalibrated
from dashboard.core.analysis.label_issues import label_issues
from dashboard.core.metrics import other_order
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.filters import parse_filter
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.left_out import in_kinds
from dashboard.core.runs.rows import SCHEMA, STORED, VIEW_COLUMNS, complete
from tests.compared_runs import probabilities, write_run
from tests.core.analysis.findings.faults import (
    CAT,
    DOG,
    FAULTS,
    confused_pair,
    never_predicted,
    overconfident,
    repeated_images,
    wrong_pixels,
)
from tests.run_rows import failed, manifest, ok, table_of
from tests.simulated_runs import NAMES, Simulated, clean

SEEDS = (1, 2)


def found_in(run: Simulated, path: Path) -> list[Finding]:
    return find_in(run.store(path / "20260101-000000-abc"))


def same_rows_as_its_filter(finding: Finding, folder: RunFolder) -> bool:
    opened = folder.load(VIEW_COLUMNS, parse_filter(finding.where)).table.index
    return not finding.where or sorted(opened) == sorted(finding.rows.tolist())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("plant", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_the_first_finding(plant: Callable[[int], Simulated], seed: int, tmp_path: Path) -> None:
    folder = plant(seed).store(tmp_path / "20260101-000000-abc")
    first, *others = find_in(folder)
    assert first.id == FAULTS[plant] and all(first.cost >= each.cost for each in others)
    assert first.low <= first.value <= first.high and first.statement.endswith(".") and first.next_step.endswith(".")
    assert all(same_rows_as_its_filter(finding, folder) for finding in (first, *others))


def test_every_fault_of_the_list_is_planted() -> None:
    assert {*FAULTS.values()} == {*IDS} - {
        "at_chance", "below_record", "underconfident", "miscalibrated", "conflicting_labels", "label_errors", "weak_class",
    }  # fmt: skip


def test_clean_runs_have_no_findings(tmp_path: Path) -> None:
    """Twenty parts of one large run without a fault."""
    large = clean(0, 20_000)
    parts = [large.take(np.random.default_rng(i).choice(20_000, 2000, replace=False)) for i in range(20)]
    assert sum(len(found_in(part, tmp_path / str(i))) for i, part in enumerate(parts)) <= 1


def test_a_few_more_doubts_than_of_the_models_own_images_are_no_finding(tmp_path: Path) -> None:
    run = clean(1)
    for share in (0.05, 0.08):
        doubt = np.random.default_rng(1).random(len(run)) < share
        assert not found_in(replace(run, doubt=doubt), tmp_path / str(share))


def disturbed(seed: int, share: float) -> Simulated:
    """A share of the images, here and there, is seen as any other class."""
    run, rng = clean(seed), np.random.default_rng(seed)
    probs = run.pred_probs.copy()
    for i in np.flatnonzero(rng.random(len(run)) < share):
        probs[i] = np.roll(probs[i], rng.integers(1, 10)) * 0.4 + 0.06
    return replace(run, pred_probs=probs)


def test_an_accuracy_far_below_the_recorded_one(tmp_path: Path) -> None:
    run, recorded = disturbed(1, 0.3), proportion(1904, 2000)

    def found(name: str, run: Simulated, **fields: object) -> list[Finding]:
        return [f for f in find_in(run.store(tmp_path / name, **fields)) if f.id == "below_record"]

    (finding,) = found("a", run, recorded_accuracy=recorded)
    accuracy = proportion(int((run.predicted == run.true).sum()), 2000)
    assert (finding.value, finding.low, finding.high) == (accuracy.value, accuracy.low, accuracy.high)
    assert finding.cost == pytest.approx((0.952 - accuracy.value) * 2000) and finding.where == ("correct=no",)
    assert same_rows_as_its_filter(finding, RunFolder(tmp_path / "a"))
    assert finding.statement.endswith("well below the model's recorded accuracy (95.2% on its test set).")
    assert "scaling of pixels" in finding.next_step
    assert not found("b", run), "the version records none"
    assert not found("c", disturbed(1, 0.06), recorded_accuracy=recorded), "it may be due to the share of each class"
    assert not found("d", run.take(np.arange(20)), recorded_accuracy=recorded), "it may be chance"
    some = run.take(np.flatnonzero(run.true != CAT))
    assert not found("e", some, recorded_accuracy=recorded), "other classes than the recorded accuracy is about"
    part = find_in(RunFolder(tmp_path / "a"), parse_filter(["brightness<0.4"]))
    assert "below_record" not in [each.id for each in part], "it may be about difficult images"
    assert not found("f", wrong_pixels(1), recorded_accuracy=recorded), "explained by another finding"


def test_images_without_labels_that_show_none_of_the_classes(tmp_path: Path) -> None:
    run = clean(1).take(np.arange(7))
    strange = replace(run, doubt=np.arange(7) != 3)
    folder = strange.store(tmp_path / "20260101-000000-abc")
    unlabelled = pa.nulls(7, pa.string())
    table = folder.load().files.arrow(STORED.names).set_column(2, "true_label", unlabelled)
    folder.add_part(0, table)
    (found,) = find_in(folder)
    assert found.id == "unfamiliar" and found.statement.startswith(
        "6 of 7 images (85.7%, 48.7 to 97.4) seem to show none of the classes, or to show them in another way than the model knows"
    )
    assert same_rows_as_its_filter(found, folder) and found.where == ("status=ok", "doubt=yes")
    assert not find_in(folder, parse_filter(["doubt=yes"])), "chosen by the answers"


def test_clean_runs_drawn_with_replacement_have_hardly_any_findings(tmp_path: Path) -> None:
    """Drawn twice, a wrong answer counts twice. The pictures differ here, since equal ones are a finding of their own."""
    count = 0
    for i in range(20):
        rng = np.random.default_rng(i)
        run = clean(0).take(rng.integers(0, 2000, 2000))
        count += len(
            found_in(replace(run, thumbnails=rng.integers(0, 256, (2000, 2, 2, 3), np.uint8)), tmp_path / str(i))
        )
    assert count <= 1


@pytest.mark.parametrize("n, k", [(400, 10), (2000, 2), (6000, 3)])
def test_other_sizes_of_clean_runs_have_no_findings_either(n: int, k: int, tmp_path: Path) -> None:
    assert [found_in(clean(seed, n, k), tmp_path / str(seed)) for seed in range(5)] == [[]] * 5


def test_the_sentences_are_plain_and_give_the_figures(tmp_path: Path) -> None:
    rows = [ok(i, "cat", "cat") for i in range(40)] + [failed(40 + i) for i in range(3)]
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=43))
    folder.add_part(0, table_of(rows))
    (finding,) = find_in(folder)
    assert finding.statement == "3 of 43 images could not be evaluated (7.0%): It is damaged."
    assert (finding.n, finding.rows.tolist(), finding.where) == (43, [40, 41, 42], ("status=failed",))


def test_each_of_the_frequent_reasons_is_named_with_its_count(tmp_path: Path) -> None:
    def statement(*reasons: str) -> str:
        bad = [replace(failed(40 + i), reason=reason) for i, reason in enumerate(reasons)]
        folder = RunFolder(tmp_path / str(len(reasons)) / "20260101-000000-abc")
        folder.save(manifest(n_images=40 + len(bad)))
        folder.add_part(0, table_of([*(ok(i, "cat", "cat") for i in range(40)), *bad]))
        (finding,) = find_in(folder)
        return finding.statement

    assert statement("It is empty.", "It is damaged.").endswith(": It is empty (1 image); It is damaged (1 image).")
    with_fix = statement("The image has 1.5 pixels. It may have 1. Save it again.", "It is empty. Copy it again.")
    assert with_fix.endswith(": The image has 1.5 pixels (1 image); It is empty (1 image).")
    many = statement("It is empty.", "b.", "It is empty.", "c.", "d.", "")
    assert many.endswith(": It is empty (2 images); b (1 image); c (1 image); other reasons (2 images).")


def test_one_predicted_class_has_several_possible_causes_and_a_step_for_each(tmp_path: Path) -> None:
    finding = next(each for each in found_in(wrong_pixels(1), tmp_path) if each.id == "wrong_pixels")
    assert finding.statement.endswith(
        "perhaps the pixels are scaled wrongly, the channels are in the wrong order, or the model was not trained."
    )
    assert all(step in finding.next_step for step in ("`models add --scale`", "`--color`", "add the trained one"))


def test_a_model_with_a_recorded_accuracy_is_trained_so_that_the_pictures_may_be_the_cause(tmp_path: Path) -> None:
    folder = wrong_pixels(1).store(tmp_path / "a", recorded_accuracy=proportion(1904, 2000))
    finding = next(each for each in find_in(folder) if each.id == "wrong_pixels")
    assert finding.statement.endswith(
        "or the pictures are very different from those it was trained on (noise, blur, another camera)."
    )
    assert "trained one" not in finding.next_step and "compare the pictures" in finding.next_step


def test_a_calibration_error_from_few_images_says_so(tmp_path: Path) -> None:
    run = overconfident(1)
    few, many = (found_in(run.take(np.arange(n)), tmp_path / str(n)) for n in (149, 2000))
    note = "; fewer than 10 images per bin: mostly chance)."
    assert [each.statement.endswith(note) for each in (*few, *many) if each.id == "overconfident"] == [True, False]


def test_a_temperature_is_advised_only_where_there_is_a_model(tmp_path: Path) -> None:
    for imported in (False, True):
        folder = overconfident(1).store(tmp_path / f"20260101-000000-ab{imported:d}", imported=imported)
        [step] = [finding.next_step for finding in find_in(folder) if finding.id == "overconfident"]
        assert ("temperature" in step) is not imported and "before you rely on its confidence" in step


def test_rows_of_imported_predictions_without_a_prediction_are_called_so(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=41, imported=True))
    folder.add_part(0, table_of([*(ok(i, "cat", "cat") for i in range(40)), failed(40)]))
    assert in_kinds(folder.load()) == "1 without a prediction"


def test_a_file_that_only_a_table_names_is_no_image(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=42))
    named = replace(failed(41), reason="liste.csv names this file, but the dataset has no such image. Add the image.")
    folder.add_part(0, table_of([*(ok(i, "cat", "cat") for i in range(40)), failed(40), named]))
    (finding,) = find_in(folder)
    assert finding.statement.startswith("1 of 41 images could not be evaluated") and finding.rows.tolist() == [40]
    assert finding.statement.endswith("Besides, 1 file named in a table is missing.")
    assert in_kinds(folder.load()) == "1 could not be read, 1 missing, but named in a table"


Z_AND_UNKNOWN: dict[str, object] = {"label_map": (("z", "(leave out)"), ("cat", "cat")), "unknown_labels": ("ant",)}


@pytest.mark.parametrize("imported", [False, True])
@pytest.mark.parametrize("damaged_label", [None, "cat"])
def test_images_that_were_left_out_by_their_label_are_not_unreadable(
    damaged_label: str | None, imported: bool, tmp_path: Path
) -> None:
    z, ant = ("is not a class.",) * 2 if imported else ("was left out.", "is not a class of pets@1.")
    out = [replace(failed(i), reason=f"Its label 'z' {z}") for i in range(40, 50)]
    out += [replace(failed(i), reason=f"Its label 'ant' {ant}") for i in range(50, 55)]
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest(n_images=58, **Z_AND_UNKNOWN))
    rows = [ok(i, "cat", "cat") for i in range(40)] + out
    folder.add_part(0, table_of(rows))
    assert find_in(folder) == []
    folder.add_part(0, table_of([*rows, *(replace(failed(i), true_label=damaged_label) for i in range(55, 58))]))
    (finding,) = find_in(folder)
    assert finding.statement == "3 of 43 images could not be evaluated (7.0%): It is damaged."
    assert finding.rows.tolist() == [55, 56, 57] and (finding.where[0] == "status=failed") is bool(damaged_label)
    assert same_rows_as_its_filter(finding, folder)


def test_a_filter_of_the_run_is_part_of_the_filter_of_a_finding(tmp_path: Path) -> None:
    folder = confused_pair(1).store(tmp_path / "20260101-000000-abc")
    finding = find_in(folder, parse_filter(["brightness<0.6"]))[0]
    assert finding.id == "confused_pair" and finding.where[0] == "brightness<0.6"
    assert len(finding.rows) < len(find_in(folder)[0].rows) and same_rows_as_its_filter(finding, folder)


@pytest.mark.parametrize(
    "condition", ["correct=no", "predicted_label=cat", "confidence<0.7", "true_rank>1", "margin<0.1"]
)
def test_images_that_were_chosen_by_their_answers_show_no_pattern(condition: str, tmp_path: Path) -> None:
    run = repeated_images(1)
    wrong = np.flatnonzero(run.true != run.predicted)[0]
    twice = run.take(np.array([*range(len(run)), wrong]))
    findings = find_in(twice.store(tmp_path / "20260101-000000-abc"), parse_filter([condition]))
    assert {finding.id for finding in findings} <= {"repeated_images"}
    assert findings or condition != "correct=no"


@pytest.mark.parametrize("condition", ["true_label=cat", "true_label=cat|dog", "index<300"])
def test_a_part_of_a_clean_run_has_no_findings(condition: str, tmp_path: Path) -> None:
    assert find_in(clean(1).store(tmp_path / "20260101-000000-abc"), parse_filter([condition])) == []


def test_wrong_labels_here_and_there_are_told_from_overconfidence(tmp_path: Path) -> None:
    run, rng = clean(1, 4000), np.random.default_rng(1)
    wrong = rng.random(4000) < 0.04
    true = np.where(wrong, (run.true + rng.integers(1, 10, 4000)) % 10, run.true)
    (finding,) = found_in(replace(run, true=true), tmp_path)
    assert finding.id == "label_errors" and abs(finding.cost - wrong.sum()) < 50
    assert np.isin(np.flatnonzero(wrong), finding.rows).mean() > 0.8


def with_random_labels(run: Simulated, share: float, seed: int = 1) -> Simulated:
    """A share of the labels is replaced by a random other one."""
    rng, n = np.random.default_rng(seed), len(run)
    wrong = rng.random(n) < share
    return replace(run, true=np.where(wrong, (run.true + rng.integers(1, 10, n)) % 10, run.true))


def too_sure(seed: int) -> Simulated:
    """Of a model that is right as often as `clean`, but surer."""
    run = clean(seed)
    sharp = run.pred_probs**2
    return replace(run, pred_probs=sharp / sharp.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_random_labels_are_told_from_the_overconfidence_of_the_same_model(share: float, tmp_path: Path) -> None:
    assert [each.id for each in found_in(too_sure(1), tmp_path / "clean")] == ["overconfident"]
    first, *_ = found_in(with_random_labels(too_sure(1), share), tmp_path)
    assert first.id == "label_errors" and first.cost == pytest.approx(share * 2000, rel=0.1)


def test_a_suspicion_of_wrong_labels_comes_before_a_new_temperature(tmp_path: Path) -> None:
    """Too few to be a finding of their own; of a model that is too sure, too, because nothing tells them apart."""
    for i, run in enumerate((too_sure(1), with_random_labels(too_sure(1), 0.03))):
        (finding,) = found_in(run, tmp_path / str(i))
        assert finding.id == "overconfident" and "If they are right, fit the temperature" in finding.next_step
        assert f"`python -m dashboard runs label-issues {manifest().run_id}`" in finding.next_step
        assert finding.next_step.startswith("Perhaps some labels are wrong") is bool(i)
        assert ("175 of the 182 mistakes have a confidence of 90% or more" in finding.next_step) is not bool(i)
        assert same_rows_as_its_filter(finding, RunFolder(tmp_path / str(i) / "20260101-000000-abc"))
        assert i or len(finding.rows) == 175, "the images that it counts"


def test_a_model_whose_sure_answers_are_right_is_not_excused_by_its_labels(tmp_path: Path) -> None:
    """It is 70% sure of answers of which half are right."""
    folder, _ = two_confidences((0.7, 0.7), (0.5, 0.5), tmp_path)
    [candidate] = miscalibrated(Evidence(folder.load(VIEW_COLUMNS))).candidates
    assert candidate.finding.next_step.startswith("Fit the temperature")


def test_a_few_mistakes_of_which_the_model_is_sure_do_not_excuse_all_others(tmp_path: Path) -> None:
    """They are more than its confidence allows for, but not a third of the mistakes."""
    folder, right = two_confidences((0.93, 0.5), (0.75, 0.2), tmp_path)
    evidence = Evidence(folder.load(VIEW_COLUMNS))
    assert 3 * 0.07 * 1000 < (~right[::2]).sum() < evidence.errors / 3
    assert instead_of_overconfidence(evidence) == ""


def test_underconfidence_is_told_from_overconfidence(tmp_path: Path) -> None:
    run = clean(1)
    flat = run.pred_probs**0.4
    (finding, *_) = found_in(replace(run, pred_probs=flat / flat.sum(axis=1, keepdims=True)), tmp_path)
    assert finding.id == "underconfident" and finding.where[0] == "correct=yes"


def two_confidences(
    confidences: tuple[float, float], accuracies: tuple[float, float], place: Path
) -> tuple[RunFolder, np.ndarray]:
    """A run of 2,000 answers that have two confidences in turn, and which of them are right, (2000,) bool."""
    rng = np.random.default_rng(1)
    confidence, n = np.tile(confidences, 1000), 2000
    right = rng.random(n) < np.tile(accuracies, 1000)
    true = rng.integers(0, 3, n)
    predicted = np.where(right, true, (true + rng.integers(1, 3, n)) % 3)
    probs = np.where(np.eye(3, dtype=bool)[predicted], confidence[:, None], (1 - confidence[:, None]) / 2)
    return replace(clean(1, n, 3), true=true, pred_probs=probs).store(place / "20260101-000000-abc"), right


def test_confidence_that_is_too_high_in_one_range_is_not_said_to_be_too_low_elsewhere(tmp_path: Path) -> None:
    """Of answers with a confidence of 97%, 80% are right; the others are as sure as they should be."""
    folder, _ = two_confidences((0.6, 0.97), (0.6, 0.8), tmp_path)
    assert [finding.id for finding in find_in(folder)] == ["overconfident"]


@pytest.mark.parametrize(
    ("confidence", "accuracy", "hinted"), [(0.995, 0.5, True), (0.995, 0.8, False), (0.9, 0.5, False)]
)
def test_wrong_answers_that_are_nearly_certain_may_come_from_wrong_pixels(
    confidence: float, accuracy: float, hinted: bool, tmp_path: Path
) -> None:
    folder, _ = two_confidences((confidence, confidence), (accuracy, accuracy), tmp_path)
    [candidate] = miscalibrated(Evidence(folder.load(VIEW_COLUMNS))).candidates
    finding = candidate.finding
    assert ("first compare the scaling of pixels" in finding.next_step) == hinted
    assert "fit the temperature" in finding.next_step


def test_confidence_that_is_right_on_average_only(tmp_path: Path) -> None:
    """Of answers with a confidence of 60%, 45% are right, and of those with 85%, all."""
    folder, right = two_confidences((0.6, 0.85), (0.45, 1.0), tmp_path)
    (finding,) = find_in(folder)
    assert finding.id == "miscalibrated" and finding.value == pytest.approx(0.15, abs=0.01)
    assert finding.statement.startswith(
        "The confidence is too high for some images and too low for others: it is off by 14.8 points on"
    )
    assert same_rows_as_its_filter(finding, folder) and len(finding.rows) in (right[1::2].sum(), (~right[::2]).sum())


def test_calibration_errors_of_chance_are_no_finding(tmp_path: Path) -> None:
    runs = [clean(seed, 150, 3) for seed in range(20)]
    assert not [each for i, run in enumerate(runs) for each in found_in(run, tmp_path / str(i))]


def test_one_class_that_is_wrong_more_often_though_not_as_a_certain_other_one(tmp_path: Path) -> None:
    run, rng = clean(1), np.random.default_rng(1)
    probs = run.pred_probs.copy()
    for i in np.flatnonzero(run.true == CAT)[::4]:
        probs[i] = rng.permutation(probs[i])
    findings = found_in(replace(run, pred_probs=probs), tmp_path)
    assert "weak_class" in [finding.id for finding in findings]


def test_the_same_image_with_two_labels(tmp_path: Path) -> None:
    run = clean(1)
    again = run.take(np.concatenate([np.arange(2000), np.arange(8)]))
    true = again.true.copy()
    true[2000:] = (true[2000:] + 3) % 10
    findings = {finding.id: finding for finding in found_in(replace(again, true=true), tmp_path)}
    assert findings.keys() == {"conflicting_labels"}  # which says that they are repeated, too
    finding = findings["conflicting_labels"]
    assert finding.cost == 8 and sorted(finding.rows) == [*range(8), *range(2000, 2008)]
    first, second = (NAMES[label] for label in (true[0], true[2000]))
    assert finding.statement.endswith(
        f"must be wrong. For example, these are one image: 0.png ({first}) and 2000.png ({second})."
    )


def test_repeated_images_make_the_intervals_too_narrow(tmp_path: Path) -> None:
    [finding] = [each for each in found_in(repeated_images(1), tmp_path) if each.id == "repeated_images"]
    assert finding.statement.startswith("23 images appear twice (46 of ")
    assert finding.statement.endswith("so their intervals are too narrow.")


def test_images_that_no_condition_describes_are_filtered_by_their_number(tmp_path: Path) -> None:
    folder = repeated_images(1).store(tmp_path / "20260101-000000-abc")
    for conditions in ([], ["brightness<0.6"]):
        finding = find_in(folder, parse_filter(conditions))[0]
        assert finding.where[:-1] == tuple(conditions) and finding.where[-1].startswith("index=4")
        assert len(finding.rows) and same_rows_as_its_filter(finding, folder)


def test_wrong_labels_come_before_what_they_cause(tmp_path: Path) -> None:
    """Most mistakes in dogs are copies of other images."""
    run = clean(1)
    copied, dogs = np.flatnonzero(run.true != DOG)[:60], np.flatnonzero(run.true == DOG)
    probs = run.pred_probs.copy()
    for i, dog in enumerate(dogs[:30]):
        probs[dog] = np.roll(probs[dog], 1 + i % 9)
    again = replace(run, pred_probs=probs).take(np.concatenate([np.arange(2000), copied]))
    true = np.append(run.true, np.full(60, DOG))
    found = {finding.id: finding for finding in found_in(replace(again, true=true), tmp_path)}
    assert {*list(found)[:2]} == {"conflicting_labels", "label_errors"} and list(found)[2] == "weak_class"
    assert found["weak_class"].cost > found["conflicting_labels"].cost
    assert found["weak_class"].next_step.startswith("Check the labels first")


def test_copies_without_a_label_are_not_wrong_labels(tmp_path: Path) -> None:
    """Of five copies one is called airplane, one automobile, and three nothing: one label must be wrong."""
    run = clean(1)
    again = run.take(np.concatenate([np.arange(2000), [0] * 4]))
    folder = again.store(tmp_path / "20260101-000000-abc")
    table = folder.load().files.arrow([*SCHEMA.names, *run.properties])
    labels = np.array(table["true_label"].to_pylist(), object)
    labels[[0, *range(2000, 2004)]] = "airplane", "automobile", None, None, None
    table = table.set_column(table.column_names.index("true_label"), "true_label", pa.array(labels, pa.string()))
    folder.add_part(0, complete(table, NAMES))
    findings = {finding.id: finding for finding in find_in(folder)}
    assert findings["conflicting_labels"].cost == 1
    assert "so at least 1 label must be wrong" in findings["conflicting_labels"].statement


def test_errors_that_depend_on_a_column_of_the_dataset(tmp_path: Path) -> None:
    run, rng = clean(1), np.random.default_rng(1)
    night = rng.random(2000) < 0.2
    probs = run.pred_probs.copy()
    for i in np.flatnonzero(night)[::3]:
        probs[i] = np.roll(probs[i], 1 + i % 9)
    folder = replace(run, pred_probs=probs).store(tmp_path / "20260101-000000-abc")
    hours = np.where(night, 23, 12)
    folder.beside.attributes.keep(
        pa.table({"weather": np.where(night, "night", "day"), "hour": hours, "indoors": ~night})
    )
    first = find_in(folder)[0]
    assert first.id == "depends_on_property" and first.where in (
        ("weather=night", "correct=no"),
        ("hour=23", "correct=no"),
        ("indoors=no", "correct=no"),
    )
    assert same_rows_as_its_filter(first, folder)
    assert sum(finding.id == "depends_on_property" for finding in find_in(folder)) == 1  # the columns say the same


@pytest.mark.parametrize("column, value", [("indoors", [True, False]), ("hour", [1, 2]), ("camera", ["a", "b"])])
def test_each_kind_of_column_gives_a_filter_that_works(column: str, value: list[object], tmp_path: Path) -> None:
    run = clean(1)
    probs = run.pred_probs.copy()
    probs[:600:2] = np.roll(probs[:600:2], 3, axis=1)
    folder = replace(run, pred_probs=probs).store(tmp_path / "20260101-000000-abc")
    folder.beside.attributes.keep(pa.table({column: [value[0]] * 600 + [value[1]] * 1400}))
    first = find_in(folder)[0]
    assert first.where[0].startswith(column) and same_rows_as_its_filter(first, folder)


def test_columns_of_every_kind_and_name_give_only_filters_that_work(tmp_path: Path) -> None:
    run = clean(1)
    probs = run.pred_probs.copy()
    probs[:600:2] = np.roll(probs[:600:2], 3, axis=1)
    folder = replace(run, pred_probs=probs).store(tmp_path / "20260101-000000-abc")
    first = pa.array(["a"] * 600 + ["b"] * 1400)
    numbers = pa.array([0.1] * 600 + [0.2] * 1400, pa.float32())
    folder.beside.attributes.keep(
        pa.table(
            {
                "a<b": first, "tag": first, "loss": first, " a": first, "padded": pa.array([" a"] * 600 + [None] * 1400),
                "list": pa.array([[1]] * 600 + [[2]] * 1400), "id": pa.array([str(i) for i in range(2000)]),
                "when": pa.array([1] * 600 + [2] * 1400, pa.timestamp("s")), "nothing": pa.nulls(2000, pa.string()),
                "exposure": numbers,
            }
        )
    )  # fmt: skip
    conditions = [finding.where[0] for finding in find_in(folder) if finding.id == "depends_on_property"]
    assert conditions == ["a_b=a"]  # one of those that say the same
    assert all(same_rows_as_its_filter(finding, folder) for finding in find_in(folder))


def certain(true: list[int], predicted: list[int]) -> Simulated:
    """Answers of three classes with a confidence of 90%."""
    run = clean(0, len(true), 3)
    return replace(run, true=np.array(true), pred_probs=np.eye(3)[predicted] * 0.85 + 0.05)


@pytest.mark.parametrize(
    "true, predicted, statement",
    [
        ([0, 1, 2], [1, 2, 0], "The order of the classes looks shifted by one: 60 of 60 images would be right in the"),
        ([0, 1, 1], [1, 2, 2], "The order of the classes looks shifted by one: 60 of 60 images would be right in the"),
        (
            [0, 1, 2],
            [1, 0, 2],
            "airplane and automobile look swapped: 40 of 40 images would be right in the other order",
        ),
        ([0, 1, 2], [1, 1, 2], None),  # one class is never predicted, which no order mends
        ([0, 1, 2], [0, 1, 2], None),
    ],
)
def test_orders_of_classes(true: list[int], predicted: list[int], statement: str | None, tmp_path: Path) -> None:
    found = found_in(certain(true * 20, predicted * 20), tmp_path)
    of_order = [finding for finding in found if finding.id == "wrong_order"]
    assert [finding.statement[: len(statement or "")] for finding in of_order] == ([statement] if statement else [])
    for finding in of_order:
        assert ("count from 0 or from 1" in finding.next_step) is ("shifted" in finding.statement)


def test_labels_that_were_matched_the_wrong_way_round_are_named(tmp_path: Path) -> None:
    names = ("airplane", "cat", "dog")
    chosen = (("Hund", "cat"), ("Katze", "dog"), ("airplane", "airplane"))
    probs = probabilities([1, 2] * 20, 3)
    for run_id, label_map in (("chosen", chosen), ("same", tuple((name, name) for name in names))):
        folder = write_run(tmp_path, run_id, ["dog", "cat"] * 20, probs, names, label_map=label_map)
        [finding] = [each for each in find_in(folder) if each.id == "wrong_order"]
        advice = "Hund is used as cat; Katze is used as dog: if that is wrong, match the labels again (Match its labels again"
        assert finding.next_step.startswith(advice) is (run_id == "chosen")
        assert "Check whether the two classes were swapped" in finding.next_step and "airplane" not in finding.next_step


def test_the_order_is_that_of_the_classes_that_occur(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 500 classes 3 occur. With more than can be ordered, nothing is said."""
    true, predicted = np.array([100, 200, 300] * 20), np.array([200, 100, 300] * 20)
    run = replace(
        clean(0, 60, 3),
        true=true,
        pred_probs=np.eye(500)[predicted] * 0.85 + 0.15 / 500,
        names=[f"c{i}" for i in range(500)],
    )
    best_order, sizes = other_order.best_order, []
    monkeypatch.setattr(other_order, "best_order", lambda counts: sizes.append(len(counts)) or best_order(counts))
    first = found_in(run, tmp_path)[0]
    assert first.id == "wrong_order" and first.statement.startswith("c100 and c200 look swapped: 40 of 40")
    monkeypatch.setattr(class_order, "MOST_ORDERED", 2)
    assert "wrong_order" not in [finding.id for finding in found_in(run, tmp_path)]
    assert sizes == [3]


@pytest.mark.parametrize("n", [200, 2000])
def test_answers_by_chance(n: int, tmp_path: Path) -> None:
    run = clean(1, n)
    guessed = replace(run, true=np.random.default_rng(0).integers(0, 10, n))
    (finding,) = found_in(guessed, tmp_path)
    assert finding.id == "at_chance" and abs(finding.value - 0.1) < 0.05 and finding.cost == len(finding.rows)
    assert "saved after training" in finding.next_step
    (finding, *_) = find_in(guessed.store(tmp_path / "trained", recorded_accuracy=proportion(1904, 2000)))
    assert finding.id == "at_chance" and finding.next_step.startswith(
        "The model was right for 95.2% of its test images"
    )
    assert "labels may be matched wrongly" in finding.next_step and "images differ" in finding.next_step


def of_two_classes(n_ok: int, n_defect: int, false_alarms: int, missed: int) -> Simulated:
    """Answers with a confidence of 90% for images that are ok (0) or defect (1)."""
    true = np.repeat([0, 1], [n_ok, n_defect])
    predicted = true.copy()
    predicted[:false_alarms], predicted[n_ok : n_ok + missed] = 1, 0
    return replace(clean(0, len(true), 2), true=true, pred_probs=np.where(np.eye(2)[predicted] > 0, 0.9, 0.1))


@pytest.mark.parametrize(
    "counts, fires",
    [
        ((195, 5, 3, 2), False),  # Fisher's exact test: p = 1.5e-4
        ((970, 30, 8, 20), False),
        ((9700, 300, 150, 250), False),  # kappa is only 0.18, but of 200 images called defect, 50 are
        ((195, 5, 4, 5), False),  # too few defects to say
        ((9500, 500, 475, 475), True),  # of 5% called defect, 5% are
        ((500, 500, 260, 250), True),
    ],
)
def test_models_that_tell_a_rare_class_are_not_at_chance(
    counts: tuple[int, int, int, int], fires: bool, tmp_path: Path
) -> None:
    ids = [finding.id for finding in found_in(of_two_classes(*counts), tmp_path)]
    assert ("at_chance" in ids) is fires


def test_of_two_classes_one_is_never_predicted(tmp_path: Path) -> None:
    run = clean(1, 400, 2)
    found = found_in(replace(run, pred_probs=np.full((400, 2), (0.7, 0.3))), tmp_path)
    assert [finding.id for finding in found if finding.id != "underconfident"] == ["never_predicted"]


def test_frequent_classes_are_not_confused_because_they_are_frequent(tmp_path: Path) -> None:
    """Errors go to classes in proportion to how often these are predicted."""
    rng = np.random.default_rng(1)
    shares = np.array([40, 25, 12, 8, 5, 4, 2, 2, 1, 1]) / 100
    true, other = rng.choice(10, 3000, p=shares), rng.choice(10, 3000, p=shares)
    predicted = np.where(rng.random(3000) < 0.85, true, other)
    right = float((predicted == true).mean())
    run = replace(clean(1, 3000), true=true, pred_probs=np.where(np.eye(10)[predicted] > 0, right, (1 - right) / 9))
    assert not [finding for finding in found_in(run, tmp_path) if finding.id == "confused_pair"]


def test_two_classes_that_look_alike_are_one_finding(tmp_path: Path) -> None:
    run = clean(1)
    probs = run.pred_probs.copy()
    for a, b in ((CAT, DOG), (DOG, CAT)):
        some = np.flatnonzero(run.true == a)[::8]
        probs[some] = 0.005
        probs[some, b], probs[some, a] = 0.6, 0.36
    (finding, *others) = found_in(replace(run, pred_probs=probs), tmp_path)
    assert finding.id == "confused_pair" and finding.statement.startswith("cat and dog are confused with each other ")
    assert finding.where == ("true_label=cat|dog", "predicted_label=cat|dog", "correct=no") and not others


def test_mistakes_in_images_that_are_unlike_the_known_ones_are_not_put_down_to_two_classes(tmp_path: Path) -> None:
    run = confused_pair(1)
    steps = {
        share: {finding.id: finding.next_step for finding in found_in(replace(run, doubt=doubt), tmp_path / share)}
        for share, doubt in (("none", np.zeros(len(run), bool)), ("nearly all", np.arange(len(run)) % 100 > 0))
    }
    assert steps["none"]["confused_pair"].endswith("add training images that tell dog from cat.")
    assert steps["nearly all"]["confused_pair"].startswith("Most of these images are unlike those that the model knows")


@pytest.mark.parametrize("confidence, side", [(0.999, "high"), (0.8, "low"), (0.93, "")])
def test_without_a_finding_it_is_said_whether_the_confidence_is_off(
    tmp_path: Path, confidence: float, side: str
) -> None:
    predicted = np.resize([0, 1, 2], 300)
    labels = [("cat", "dog", "frog")[i] for i in np.where(np.arange(300) % 14 == 0, (predicted + 1) % 3, predicted)]
    folder = write_run(tmp_path, "run", labels, probabilities(predicted, 3, confidence), ("cat", "dog", "frog"))
    said = nothing_found(folder.load(VIEW_COLUMNS), 0)
    assert said.startswith("Nothing stands out: no group")
    assert (f"On average, though, the confidence is too {side}: look at its calibration." in said) is bool(side)
    assert ("calibration" in said) is bool(side)


def test_without_a_finding_doubtful_labels_are_counted(tmp_path: Path) -> None:
    """It said that nothing stands out, although nearly all changed labels were found."""
    run = clean(1, 200)
    true = run.true.copy()
    true[:5] = (true[:5] + 1) % 10
    folder = replace(run, true=true).store(tmp_path / "20260101-000000-abc")
    stored, findings = folder.load(VIEW_COLUMNS), find_in(folder)
    count = len(label_issues(stored))
    assert not findings and 3 <= count <= 30
    assert nothing_found(stored, count).startswith(
        f"{count} of 200 labels may be wrong: see them in the view Labels. Apart from them, nothing stands out: no group"
    )
    assert nothing_found(stored, 0).startswith("Nothing stands out: no group")
    assert "calibration" not in nothing_found(stored, 0)
    assert nothing_found(stored, None, "there").endswith(
        "Labels that may be wrong, if there are any, are listed there."
    )
    mistakes = folder.load(VIEW_COLUMNS, parse_filter(["correct=no"]))
    assert nothing_found(mistakes, 2).startswith("2 of ") and "were not looked for" in nothing_found(mistakes, 2)


def test_beside_other_findings_doubtful_labels_are_counted_unless_one_explains_them(tmp_path: Path) -> None:
    folder = confused_pair(1).store(tmp_path / "20260101-000000-abc")
    run, (pair, *_) = folder.load(VIEW_COLUMNS), find_in(folder)
    assert pair.id == "confused_pair"
    assert besides([pair], run, 7) == "7 of 2,000 labels may be wrong: see them in the view Labels."
    assert besides([pair], run, 0) == besides([pair], run, None) == ""
    for above in ("label_errors", "unfamiliar", "at_chance"):
        assert besides([pair, replace(pair, id=above)], run, 7) == ""


def test_runs_without_labels_or_rows(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest())
    assert find_in(folder) == []
    folder.add_part(0, table_of([ok(0, None, "cat"), ok(1, None, "dog")]))
    assert find_in(folder) == []
    folder.add_part(0, table_of([failed(0), failed(1)]))
    assert [finding.id for finding in find_in(folder)] == ["unreadable"]


@pytest.mark.parametrize("predicted", ["cat", "dog"])
def test_tiny_runs_have_no_findings(predicted: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "20260101-000000-abc")
    folder.save(manifest())
    folder.add_part(0, table_of([ok(i, "cat", predicted) for i in range(3)]))
    assert find_in(folder) == []


def test_of_many_findings_the_most_costly_ones_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = never_predicted(1)
    folder = replace(run, failed=np.arange(2000) % 50 == 7).store(tmp_path / "20260101-000000-abc")
    ids = [finding.id for finding in find_in(folder)]
    assert ids[0] == "never_predicted" and "unreadable" in ids
    monkeypatch.setattr("dashboard.core.analysis.findings.find.MOST", 1)
    assert [finding.id for finding in find_in(folder)] == ["never_predicted"]


def test_of_one_rule_the_limit_is_the_one_of_benjamini_and_hochberg() -> None:
    """By hand: of 10 tests, the i-th smallest p-value may be i / 10 of the rate."""
    rate = FALSE_DISCOVERIES
    assert significance_limits([[rate * 0.35, rate * 0.09, rate * 0.25]], [10]) == pytest.approx([rate * 0.1])
    assert significance_limits([[rate * 0.29, rate * 0.09, rate * 0.25]], [10]) == pytest.approx([rate * 0.3])
    assert significance_limits([[rate * 0.11]], [10]) == [-1] and significance_limits([[]], [0]) == [-1]
    assert significance_limits([[0.0]], [1]) == [rate]


def test_every_rule_has_the_same_weight() -> None:
    """By hand: two rules with 1 and 100 tests share the rate equally; two discoveries double it."""
    rate = FALSE_DISCOVERIES
    assert significance_limits([[rate * 0.4], []], [1, 100]) == pytest.approx([rate / 2, rate / 200])
    assert significance_limits([[rate * 0.4], [rate / 110]], [1, 100]) == pytest.approx([rate, rate / 100])


def test_rules_stand_after_those_that_explain_them() -> None:
    seen: set[str] = set()
    for rule in RULES:
        assert {*rule.explained_by} <= seen | {*rule.ids}
        seen |= {*rule.ids}


def test_of_properties_that_go_together_the_one_that_tells_most_is_named(tmp_path: Path) -> None:
    """Dark images have little contrast and small files, which here mark them even a little better."""
    run, rng = clean(1), np.random.default_rng(1)
    dark = rng.random(len(run)) < 0.15
    brightness = np.where(dark, 0.05, 0.5) + rng.normal(0, 0.01, len(run))
    brightness[np.flatnonzero(dark)[:10]] = 0.6
    probs = run.pred_probs.copy()
    probs[dark] = np.roll(probs[dark], 3, axis=1)
    properties = {**run.properties, "brightness": brightness, "contrast": np.where(dark, 0.01, 0.2) + brightness / 100}
    properties["file_size"] = np.where(dark, 1000, 3000) + rng.integers(0, 50, len(run))
    first, *others = found_in(replace(run, pred_probs=probs, properties=properties), tmp_path)
    assert first.where[0].startswith("brightness<")
    assert not [each for each in others if each.id == "depends_on_property"]


def test_wrong_labels_come_before_a_model_that_is_too_sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are found if the doubtful labels are not most of the mistakes of which the model is sure."""
    monkeypatch.setattr(labels, "label_issues", lambda run: label_issues(run).head(60))
    first, second = found_in(with_random_labels(too_sure(1), 0.1), tmp_path)
    assert (first.id, second.id) == ("label_errors", "overconfident")
    assert second.next_step.startswith("Look at the labels first")
    monkeypatch.setattr(labels, "_LEAST_LAPSE", 0.5)
    (alone,) = found_in(with_random_labels(too_sure(1), 0.1), tmp_path / "alone")
    assert alone.cost > 0.9 * second.cost and alone.next_step != second.next_step
