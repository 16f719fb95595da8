"""Comparison of two runs: hand-made counts, scikit-learn, and what is matched with what."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk

from dashboard.core.analysis.comparison import Comparison, Outcomes, compare
from dashboard.core.analysis.comparison_words import TOO_FEW, TOO_FEW_IN_BINS, metric_rows, p_in_words, verdict
from dashboard.core.analysis.leaderboard import leaderboard
from dashboard.core.errors import DatasetError, commands_in
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import LEAST_SECONDS_OF_SPEED
from tests.compared_runs import load, probabilities, write_run

NAMES = ("cat", "dog", "fish")
TRUE = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
BY_A = [0, 0, 1, 1, 1, 2, 2, 2, 0, 1]  # 6 right: wrong are 2, 5, 8, 9
BY_B = [0, 1, 1, 1, 1, 1, 2, 2, 2, 1]  # 7 right: wrong are 1, 2, 9
LABELS = [NAMES[i] for i in TRUE]


def outcomes(comparison: Comparison) -> Outcomes:
    assert comparison.outcomes is not None
    return comparison.outcomes


@pytest.fixture
def a(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path, "a", LABELS, probabilities(BY_A, 3), NAMES)


@pytest.fixture
def b(tmp_path: Path) -> RunFolder:
    confidence = [0.9, 0.9, 0.9, 0.9, 0.9, 0.6, 0.9, 0.9, 0.8, 0.9]
    return write_run(tmp_path, "b", LABELS, probabilities(BY_B, 3, confidence), NAMES, model="pets@2")


def test_counts_by_hand(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a), load(b))
    told = outcomes(found)
    assert (told.both_right, told.only_a_right, told.only_b_right, told.both_wrong) == (5, 1, 2, 2)
    assert told.mcnemar_p == 1.0 and found.n == 10 and found.notes == ()
    assert found.a.scores["accuracy"].value == 0.6 and found.b.scores["accuracy"].value == 0.7
    assert told.same_class.value == 0.7 and told.kappa == pytest.approx(sk.cohen_kappa_score(BY_A, BY_B))
    assert found.confusion_difference.tolist() == [[-1, 1, 0], [0, 1, -1], [-1, 0, 1]]
    assert found.a.images_per_second == 0.2
    assert found.b.bins is not None and found.b.bins["images"].sum() == 10
    assert told.rows_only_b_right[
        ["position_a", "position_b", "true_label", "predicted_a", "predicted_b"]
    ].to_numpy().tolist() == [
        [8, 8, "fish", "cat", "fish"],
        [5, 5, "dog", "fish", "dog"],
    ], "those first of which B is most confident"
    assert told.rows_only_b_right["confidence_b"].tolist() == [0.8, 0.6] and told.rows_only_b_right[
        "confidence_a"
    ].tolist() == [0.75, 0.75]
    assert told.rows_only_a_right[["position_a", "predicted_a", "predicted_b"]].to_numpy().tolist() == [
        [1, "cat", "dog"]
    ]


def test_the_images_of_a_cell_that_changed(a: RunFolder, b: RunFolder) -> None:
    """In the row of fish, A predicts fish, fish, cat, dog and B fish, fish, fish, dog."""
    told = outcomes(compare(load(a), load(b)))
    only_a, only_b = told.in_cell("fish", "fish")
    assert only_a.empty and only_b["position_b"].tolist() == [8]
    only_a, only_b = told.in_cell("cat", "dog")
    assert only_a.empty and only_b[["position_a", "predicted_a"]].to_numpy().tolist() == [[1, "cat"]]
    assert [len(each) for each in told.in_cell("fish", "cat")] == [1, 0]
    assert [len(each) for each in told.in_cell("fish", "dog")] == [0, 0], "both predict dog for row 9"


def test_from_one_mistake_to_another(tmp_path: Path) -> None:
    a = write_run(tmp_path, "a", ["cat"], probabilities([1], 3), NAMES)
    b = write_run(tmp_path, "b", ["cat"], probabilities([2], 3), NAMES)
    told = outcomes(compare(load(a), load(b)))
    assert told.rows_only_b_right.empty and told.rows_only_a_right.empty
    assert [len(each) for each in told.in_cell("cat", "dog")] == [1, 0]
    assert [len(each) for each in told.in_cell("cat", "fish")] == [0, 1]


def test_metrics_are_those_of_scikit_learn(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a), load(b))
    reference = {
        "accuracy": sk.accuracy_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "macro_f1": lambda y, p: sk.f1_score(y, p, average="macro"),
        "mcc": sk.matthews_corrcoef,
    }
    for name, metric in reference.items():
        of_a, of_b = metric(TRUE, BY_A), metric(TRUE, BY_B)
        assert found.a.scores[name].value == pytest.approx(of_a)
        assert found.differences[name].value == pytest.approx(of_b - of_a)


def test_two_equal_runs_do_not_differ(tmp_path: Path, a: RunFolder) -> None:
    same = write_run(tmp_path, "same", LABELS, probabilities(BY_A, 3), NAMES)
    found = compare(load(a), load(same))
    assert outcomes(found).mcnemar_p == 1.0 and not found.differs("accuracy")
    assert found.differences and not any(d.low > 0 or d.high < 0 for d in found.differences.values())
    assert outcomes(found).kappa == 1.0 and outcomes(found).rows_only_b_right.empty
    assert "No significant difference" in verdict(found)


def test_rows_without_label_or_prediction_in_one_run_are_left_out(tmp_path: Path, a: RunFolder) -> None:
    labels = [None, *LABELS[1:8], "dog", "fish"]  # row 8 is labelled fish in the other run
    other = write_run(tmp_path, "b", labels, probabilities(BY_B, 3), NAMES, failed=[4])
    found = compare(load(a), load(other))
    assert found.n == 7
    assert found.notes == (
        "1 image is left out, because one of the two has no prediction.",
        "1 image is left out, because one of the two has no label.",
        "1 image is left out, because their labels differ between the two.",
    )
    kept = [1, 2, 3, 5, 6, 7, 9]
    assert found.a.scores["accuracy"].value == pytest.approx(np.mean([TRUE[i] == BY_A[i] for i in kept]))


def test_what_neither_run_has_is_told_as_such(tmp_path: Path) -> None:
    labels = [None, *LABELS[1:]]
    a, b = (write_run(tmp_path, name, labels, probabilities(BY_A, 3), NAMES, failed=[4, 5]) for name in "ab")
    assert compare(load(a), load(b)).notes == (
        "2 images are left out, because neither of the two has a prediction.",
        "1 image is left out, because neither of the two has a label.",
    )


def test_another_fit_is_named_as_a_cause(tmp_path: Path, a: RunFolder) -> None:
    crop, again, pad = (
        write_run(tmp_path, name, LABELS, probabilities(BY_B, 3), NAMES, fit=fit)
        for name, fit in (("crop", "center-crop"), ("again", "center-crop"), ("pad", "pad"))
    )
    assert compare(load(crop), load(again)).notes == compare(load(a), load(crop)).notes == ()
    [note] = compare(load(crop), load(pad)).notes
    assert note.endswith("A “Crop the centre”, B “Pad with black”.")


def test_two_models_of_one_name_are_told_apart(tmp_path: Path, a: RunFolder) -> None:
    first, again, other = (
        write_run(tmp_path, name, LABELS, probabilities(BY_B, 3), NAMES, model="pets@3", model_sha256=sha256)
        for name, sha256 in (("first", "a" * 64), ("again", "a" * 64), ("other", "b" * 64))
    )
    assert compare(load(first), load(again)).notes == compare(load(a), load(first)).notes == ()
    [note] = compare(load(first), load(other)).notes
    assert (
        note.startswith("A and B are different models: both were pets@3, but with other weights") and "bbbbbbbb" in note
    )


def test_files_are_matched_by_name_in_any_order(tmp_path: Path, a: RunFolder) -> None:
    order = [7, 3, 9, 0, 1, 2, 4, 5, 6, 8]
    files = [f"pictures/{i:03d}.png" for i in order]
    probs = probabilities(BY_B, 3)[order]
    other = write_run(tmp_path, "b", [LABELS[i] for i in order], probs, NAMES, files, dataset_sha256="another")
    found = compare(load(a), load(other))
    told = outcomes(found)
    assert (told.both_right, told.only_a_right, told.only_b_right, told.both_wrong) == (5, 1, 2, 2)
    assert {*zip(told.rows_only_b_right["position_a"], told.rows_only_b_right["position_b"], strict=True)} == {
        (8, 9),
        (5, 7),
    }
    assert "matched by file name" in found.notes[0]


def test_the_same_archive_is_matched_by_position_whatever_its_files_are_called(tmp_path: Path, a: RunFolder) -> None:
    other = write_run(tmp_path, "b", LABELS, probabilities(BY_B, 3), NAMES, ["x.png"] * 10)
    assert compare(load(a), load(other)).n == 10


def test_ends_of_paths_match_if_no_whole_path_does(tmp_path: Path) -> None:
    def run(name: str, files: list[str]) -> RunFolder:
        labels = ["cat", "dog", "fish"]
        return write_run(tmp_path, name, labels, probabilities([0, 1, 1], 3), NAMES, files, dataset_sha256=name)

    a = run("a", ["test/cat/0.png", "test/dog/0.png", "test/dog/1.png"])
    b = run("b", ["cat/0.png", "dog/0.png", "dog/2.png"])
    found = compare(load(a), load(b))
    assert found.n == 2 and "ends of their paths" in found.notes[0]
    assert "2 images are in only one of the two and left out." in found.notes
    c = run("c", ["1.png", "0.png", "7.png"])  # 0.png is twice in a
    with pytest.raises(DatasetError, match="the same label"):
        compare(load(a), load(c))  # only 1.png, with another label


def pictures(seed: int, n: int = 10) -> np.ndarray:
    """Measured properties (n, 7) of pictures of one size."""
    measured = np.random.default_rng(seed).uniform(0.1, 0.9, (n, 7))
    return np.column_stack([np.full((n, 2), 32), np.arange(2000, 2000 + n), measured[:, 3:]])


def test_different_pictures_of_the_same_names_are_told(tmp_path: Path) -> None:
    def run(name: str, content: np.ndarray) -> RunFolder:
        probs = probabilities(BY_B, 3)
        return write_run(tmp_path, name, LABELS, probs, NAMES, content=content, dataset_sha256=name)

    first, compressed = pictures(1), pictures(1)
    compressed[:, 2:5] += [500, 0.004, -0.004]
    a = load(run("a", first))
    told = "They may be different pictures: 9 of 10 images with the same name differ in size or brightness."
    others = pictures(2)
    others[4] = first[4]
    assert compare(a, load(run("b", others))).notes[0] == told
    assert "different" not in " ".join(compare(a, load(run("c", compressed))).notes)
    larger = first * [2, 2, 1, 1, 1, 1, 1]
    assert "10 of 10 images" in compare(a, load(run("d", larger))).notes[0]


def test_renamed_images_are_matched_by_their_content(tmp_path: Path) -> None:
    def run(name: str, files: list[str], content: np.ndarray) -> RunFolder:
        return write_run(
            tmp_path, name, LABELS, probabilities(BY_B, 3), NAMES, files, content=content, dataset_sha256=name
        )

    content, files = pictures(1), [f"cat/{i}.png" for i in range(10)]
    content[9] = content[8]  # the same picture twice, so that it cannot be told which is which
    a = load(run("a", files, content))
    renamed = compare(a, load(run("b", [f"dog/new-{i}.png" for i in range(10)], content)))
    assert renamed.n == 8 and renamed.notes[0] == "Matched by content: 8 images with other names."
    assert "4 images are in only one of the two and left out." in renamed.notes
    partly = compare(a, load(run("c", [*files[:7], *(f"dog/{i}.png" for i in (7, 8, 9))], content)))
    assert partly.n == 8 and "Matched by content: 1 image with other names." in partly.notes
    with pytest.raises(DatasetError, match="no file name and no content") as refused:
        compare(a, load(run("d", [f"{i}.jpg" for i in range(10)], pictures(2))))
    assert "images in common" in refused.value.fix


def test_names_in_another_unicode_form_are_the_same(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "pétit.png") for form in ("NFC", "NFD")]
    runs = [
        load(write_run(tmp_path, form, ["cat"], probabilities([0], 3), NAMES, [name], dataset_sha256=form))
        for form, name in zip("ab", names, strict=True)
    ]
    assert compare(*runs).n == 1


def test_repeated_file_names_are_left_out(tmp_path: Path) -> None:
    probs, files = probabilities([0, 1, 1], 3), ["0.png", "1.png", "1.png"]
    a = write_run(tmp_path, "a", ["cat", "dog", "dog"], probs, NAMES, files, dataset_sha256="a")
    b = write_run(tmp_path, "b", ["dog", "cat", "dog"], probs, NAMES, ["1.png", "0.png", "1.png"], dataset_sha256="b")
    found = compare(load(a), load(b))
    assert found.n == 1 and "Left out: 1 file name that is not unique." in found.notes


ROWS = [f"row {i}" for i in range(10)]


def test_a_short_run_has_no_speed_since_its_start_would_be_most_of_it(a: RunFolder, b: RunFolder) -> None:
    a.finish(a.manifest(), "finished", LEAST_SECONDS_OF_SPEED - 0.1)
    b.finish(b.manifest(), "finished", LEAST_SECONDS_OF_SPEED)
    found = compare(load(a), load(b))
    assert found.a.images_per_second is None and found.b.images_per_second == 0.3


def test_imported_rows_without_names_are_matched_by_number_if_labels_agree(tmp_path: Path, a: RunFolder) -> None:
    def imported(name: str, labels: list[str], dataset: str = "/data/probs.npz") -> RunFolder:
        return write_run(
            tmp_path, name, labels, probabilities(BY_B, 3), NAMES, ROWS,
            dataset_sha256=name, imported=True, dataset=dataset,
        )  # fmt: skip

    b = imported("b", LABELS)
    for other in (a, imported("c", LABELS)):
        found = compare(load(other), load(b))
        assert found.n == 10 and "matched by their number" in found.notes[0]
    assert compare(load(a), load(b)).b.images_per_second is None
    with pytest.raises(DatasetError, match="at 2 rows the labels differ"):
        compare(load(a), load(imported("other", [LABELS[3], *LABELS[1:3], LABELS[0], *LABELS[4:]])))


def test_imported_rows_of_another_number_are_refused(tmp_path: Path, a: RunFolder) -> None:
    b = write_run(
        tmp_path, "b", LABELS[:9], probabilities(BY_B[:9], 3), NAMES, ROWS[:9], dataset_sha256="b", imported=True
    )
    with pytest.raises(DatasetError, match=r"numbers of rows differ \(10 and 9\)") as caught:
        compare(load(a), load(b))
    assert caught.value.code == "not_comparable" and "file names" in caught.value.fix


def test_imported_rows_without_any_label_are_refused(tmp_path: Path, a: RunFolder) -> None:
    b = write_run(tmp_path, "b", [None] * 10, probabilities(BY_B, 3), NAMES, ROWS, dataset_sha256="b", imported=True)
    with pytest.raises(DatasetError, match="no labels to confirm the order"):
        compare(load(a), load(b))


@pytest.mark.parametrize("noun", ["image", "record", "row"])
def test_the_rows_of_other_arrays_are_not_the_same_images(tmp_path: Path, a: RunFolder, noun: str) -> None:
    """Arrays, Parquet and TFRecord files without names call their rows after their numbers."""

    def array(name: str, labels: list[str]) -> RunFolder:
        files = [f"{noun} {i}" for i in range(len(labels))]
        by = probabilities(BY_B[: len(labels)], 3)
        return write_run(tmp_path, name, labels, by, NAMES, files, dataset_sha256=name)

    first, turned = array("first", LABELS), [*LABELS[:9], "cat"]
    for conditions in ((), ("true_label=cat",), ("confidence>0.9",)):
        with pytest.raises(DatasetError, match="at 1 row the labels differ") as caught:
            compare(load(first, *conditions), load(array("turned", turned), *conditions))
        assert caught.value.code == "not_comparable"
    with pytest.raises(DatasetError, match=r"numbers of rows differ \(10 and 9\)"):
        compare(load(first), load(array("shorter", LABELS[:9])))
    with pytest.raises(DatasetError, match="at 1 row the labels differ"):
        leaderboard([load(first), load(a), load(array("turned", turned))])
    again = load(array("again", LABELS))
    assert compare(load(first), again).n == 10 and "matched by their number" in compare(load(first), again).notes[0]
    same = write_run(tmp_path, "same", turned, probabilities(BY_B, 3), NAMES, dataset_sha256="first")
    assert compare(load(first), load(same)).n == 9, "one dataset whose labels were corrected"


def test_a_filter_does_not_make_a_name_unique(tmp_path: Path) -> None:
    labels, sure, unsure = ["cat"] * 3, [0.95, 0.6, 0.9], [0.6, 0.95, 0.9]
    a, b = (
        write_run(
            tmp_path, top, labels, probabilities([0, 0, 0], 3, confidence), NAMES,
            [f"{top}/s1/cat/1.png", f"{top}/s2/cat/1.png", f"{top}/s1/cat/2.png"], dataset_sha256=top,
        )
        for top, confidence in (("x", sure), ("y", unsure))
    )  # fmt: skip
    whole, part = (compare(load(a, *where), load(b, *where)) for where in ((), ("confidence>0.8",)))
    assert whole.n == part.n == 1 and "Left out: 1 file name that is not unique." in part.notes
    with pytest.raises(DatasetError, match="With these conditions"):
        compare(load(a, "file~1.png"), load(b, "file~1.png"))


def test_a_filter_does_not_change_which_ends_of_paths_are_compared(tmp_path: Path) -> None:
    """A whole path is in both, so that pictures of other folders with the same file name are others."""
    labels, by = ["cat", "cat"], probabilities([0, 1], 3)
    a = write_run(tmp_path, "a", labels, by, NAMES, ["one/1.png", "one/2.png"], dataset_sha256="a")
    b = write_run(tmp_path, "b", labels, by, NAMES, ["one/1.png", "two/2.png"], dataset_sha256="b")
    assert compare(load(a), load(b)).n == 1
    with pytest.raises(DatasetError, match="With these conditions"):
        compare(load(a, "correct=no"), load(b, "correct=no"))


def test_other_images_are_refused_with_a_command(tmp_path: Path, a: RunFolder) -> None:
    files = [f"other/{i}.jpg" for i in range(10)]
    b = write_run(
        tmp_path, "b", LABELS, probabilities(BY_B, 3), NAMES, files,
        dataset_sha256="b", model="pets@2", dataset="/x y.zip", unknown_labels=("ant",),
        label_map=(("Cats", "cat"), ("fish", "fish"), ("my hound", "dog"), ("zebra", LEAVE_OUT), ("rest", NO_LABEL)),
    )  # fmt: skip
    with pytest.raises(DatasetError, match="share no image: no file name") as caught:
        compare(load(b), load(a))
    assert commands_in(caught.value.fix) == (
        "python -m dashboard evaluate '/x y.zip' --model pets@1 --map ant= --map 'my hound=dog' --map zebra= "
        "--map 'rest=(no label)'",
    ), "what was chosen for b, but nothing that the classes tell by themselves"


def test_the_order_of_the_classes_does_not_matter(tmp_path: Path, a: RunFolder) -> None:
    turned = ("fish", "cat", "dog")
    b = write_run(tmp_path, "b", LABELS, probabilities([(i + 1) % 3 for i in BY_B], 3), turned)
    found = compare(load(a), load(b))
    told = outcomes(found)
    assert (told.both_right, told.only_a_right, told.only_b_right, told.both_wrong) == (5, 1, 2, 2)
    assert found.class_names == NAMES and found.confusion_difference.tolist() == [[-1, 1, 0], [0, 1, -1], [-1, 0, 1]]
    assert found.b.scores["accuracy"].value == 0.7


def test_classes_that_only_one_has_are_said(tmp_path: Path, a: RunFolder) -> None:
    names = ("dog", "cat", "zebra")  # no fish
    labels = [label if label != "fish" else None for label in LABELS]
    b = write_run(tmp_path, "b", labels, probabilities([1, 1, 2, 0, 0, 0, 1, 1, 1, 1], 3), names)
    found = compare(load(a), load(b))
    told = outcomes(found)
    assert found.n == 6 and found.class_names == ("cat", "dog", "fish", "zebra")
    assert (told.both_right, told.only_a_right, told.only_b_right, told.both_wrong) == (4, 0, 1, 1)
    assert any("Only pets@1 has the class fish" in note for note in found.notes)


def test_other_classes_are_refused(tmp_path: Path, a: RunFolder) -> None:
    b = write_run(tmp_path, "b", ["x"] * 10, probabilities([0] * 10, 2), ("x", "y"))
    with pytest.raises(DatasetError, match="no name in common"):
        compare(load(a), load(b))


def test_runs_without_labels_are_refused(tmp_path: Path, a: RunFolder) -> None:
    b = write_run(tmp_path, "b", [None] * 10, probabilities(BY_B, 3), NAMES)
    with pytest.raises(DatasetError, match="share 10 images, but none with") as caught:
        compare(load(a), load(b))
    assert caught.value.fix


def test_both_filters_must_hold(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a, "true_label=fish"), load(b, "true_label=fish"))
    assert found.n == 4 and found.a.scores["accuracy"].value == 0.5 and found.b.scores["accuracy"].value == 0.75
    found = compare(load(a, "correct=no"), load(b, "correct=no"))
    assert found.n == 2 and outcomes(found).both_wrong == 2
    with pytest.raises(DatasetError, match="With these conditions"):
        compare(load(a, "true_label=cat"), load(b, "true_label=dog"))


def test_a_class_without_images_that_only_b_predicts_makes_a_not_better(tmp_path: Path) -> None:
    """Of 40 images, A has 5 wrong and B 6, one of which it calls a fish."""
    true = [0] * 20 + [1] * 20
    by_a, by_b = [1] * 5 + true[5:], [0] * 5 + [1] * 5 + true[10:-1] + [2]
    labels = [NAMES[i] for i in true]
    a, b = (write_run(tmp_path, name, labels, probabilities(by, 3), NAMES) for name, by in (("a", by_a), ("b", by_b)))
    found = compare(load(a), load(b))
    [row] = [row for row in metric_rows(found) if row.metric.name == "macro_f1"]
    assert row.better == "unclear" and row.b == f"{100 * sk.f1_score(true, by_b, labels=[0, 1], average='macro'):.1f}%"
    [told] = found.notes
    assert "over the 2 classes with images in both" in told
    board = leaderboard([load(a), load(b)], "macro_f1")
    assert board.ranked[1].may_be_best and board.ranked[1].scores == found.b.scores and board.notes == found.notes


def test_one_run_under_two_filters_is_not_paired(a: RunFolder) -> None:
    found = compare(load(a, "true_label=cat"), load(a, "true_label=fish"))
    assert found.outcomes is None and (found.a.n, found.b.n, found.n) == (3, 4, 7)
    assert found.differences["accuracy"].value == pytest.approx(2 / 4 - 2 / 3) and found.differences["accuracy"].n == 7
    assert "two filters" in found.notes[0] and len(found.notes) == 1
    assert found.confusion_difference[2].tolist() == [0.25, 0.25, 0.5]
    with pytest.raises(DatasetError, match=r"left by the filter true_label=cat and confidence>0\.9"):
        compare(load(a), load(a, "true_label=cat", "confidence>0.9"))
    assert "3 images pass both filters" in compare(load(a), load(a, "true_label=cat")).notes[1]


@pytest.mark.parametrize("where", [(), ("true_label=cat",)])
def test_one_run_is_not_compared_with_itself(a: RunFolder, where: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match="A and B are the same evaluation and the same images") as caught:
        compare(load(a, *where), load(a, *where))
    assert caught.value.code == "not_comparable" and "another evaluation" in caught.value.fix


def test_independent_intervals_are_as_wide_as_two_proportions_make_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    n = 2000
    true = np.where(np.arange(n) < 800, 0, 1)
    predicted = np.where(rng.random(n) < np.where(true == 0, 0.8, 0.9), true, 2)
    run = write_run(tmp_path, "r", [NAMES[i] for i in true], probabilities(predicted.tolist(), 3), NAMES)
    difference = compare(load(run, "true_label=cat"), load(run, "true_label=dog")).differences["accuracy"]
    shares = [np.mean(predicted[true == c] == c) for c in (0, 1)]
    half = 1.96 * np.sqrt(sum(p * (1 - p) / m for p, m in zip(shares, (800, 1200), strict=True)))
    assert (difference.high - difference.low) / 2 == pytest.approx(half, rel=0.1)


def test_the_verdict_in_words(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a), load(b))
    score = Score(0.918, 0.91, 0.92, 2000)
    told = replace(outcomes(found), mcnemar_p=0.0004)
    made = replace(
        found, outcomes=told, differences={"accuracy": Score(0.013, 0.006, 0.02, 2000)},
        a=replace(found.a, scores={"accuracy": score}),
        b=replace(found.b, scores={"accuracy": replace(score, value=0.931)}),
    )  # fmt: skip
    assert verdict(made) == (
        "B is right more often: 93.1% against 91.8% for A; B minus A is +1.3 points (+0.6 to +2.0), p = 0.0004."
    )
    turned = replace(made, a=made.b, b=made.a, differences={"accuracy": Score(-0.013, -0.02, -0.006, 2000)})
    assert verdict(turned).startswith(
        "A is right more often: 93.1% against 91.8% for B; B minus A is -1.3 points (-2.0 to -0.6)"
    )
    assert verdict(replace(made, outcomes=replace(told, mcnemar_p=0.3))) == (
        "No significant difference: B 93.1%, A 91.8%; B minus A is +1.3 points (+0.6 to +2.0), p = 0.3."
    )


def test_all_figures_of_a_row_have_the_same_decimals(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a), load(b))
    values = [{"top2": Score(value, value, value, 2000)} for value in (1.0, 0.9995)]
    made = replace(
        found, a=replace(found.a, scores=values[0]), b=replace(found.b, scores=values[1]),
        differences={"top2": Score(-0.0005, -0.0015, 0.0, 2000)},
    )  # fmt: skip
    [row] = metric_rows(made)
    assert (row.a, row.b, row.difference, row.interval) == ("100.00%", "99.95%", "-0.05", "-0.15 to +0.00")


@pytest.mark.parametrize("p, told", [(0.0352, "0.035"), (0.3, "0.3"), (0.00123, "0.0012"), (1.0, "1")])
def test_a_p_value_has_two_digits(p: float, told: str) -> None:
    assert p_in_words(p) == f"p = {told}"


@pytest.mark.parametrize(
    "name, low, high, p, better",
    [
        ("mcc", 0.1, 0.2, 0.9, "B"),
        ("mcc", -0.2, -0.1, 0.9, "A"),
        ("mcc", -0.1, 0.2, 0.01, "unclear"),
        ("brier", 0.1, 0.2, 0.9, "A"),
        ("accuracy", 0.1, 0.2, 0.06, "unclear"),
        ("accuracy", 0.1, 0.2, 0.04, "B"),
        ("accuracy", -0.2, 0.0, 0.04, "A"),
        ("accuracy", 0.1, 0.2, None, "B"),
        ("accuracy", 0.0, 0.2, None, "unclear"),
    ],
)
def test_which_is_better_by_a_metric(
    name: str, low: float, high: float, p: float | None, better: str, a: RunFolder, b: RunFolder
) -> None:
    """McNemar's test decides about the accuracy of two runs, and the interval about everything else."""
    found = compare(load(a), load(b))
    told = None if p is None else replace(outcomes(found), mcnemar_p=p)
    made = replace(found, outcomes=told, differences={name: Score((low + high) / 2, low, high, 10)})
    assert [row.better for row in metric_rows(made)] == [better]


def test_a_calibration_error_with_few_images_in_its_bins_decides_nothing(a: RunFolder, b: RunFolder) -> None:
    found = compare(load(a), load(b))
    assert found.a.n < 150
    made = replace(found, differences={"ece15": Score(0.1, 0.02, 0.2, 10)})
    assert [row.better for row in metric_rows(made)] == [TOO_FEW_IN_BINS]


def test_the_table_says_of_the_accuracy_what_the_verdict_says(tmp_path: Path) -> None:
    """Four new mistakes in a thousand images, none repaired: chance does that to one run in eight."""
    true = [i % 3 for i in range(1000)]
    wrong = [(label + 1) % 3 if i < 4 else label for i, label in enumerate(true)]
    labels = [NAMES[label] for label in true]
    runs = [
        write_run(tmp_path, name, labels, probabilities(each, 3), NAMES) for name, each in (("a", true), ("b", wrong))
    ]
    found = compare(*map(load, runs))
    assert outcomes(found).mcnemar_p == pytest.approx(1 / 8)
    assert found.differences["accuracy"].low < -0.004 < 0 < found.differences["accuracy"].high
    assert verdict(found).startswith("No significant difference")
    rows = {row.metric.name: row for row in metric_rows(found)}
    assert rows["accuracy"].better == "unclear"
    for name in ("balanced_accuracy", "macro_f1", "mcc", "log_loss"):
        assert (rows[name].better, rows[name].interval) == (TOO_FEW, "-"), name


def test_few_images_are_not_enough_for_any_metric(tmp_path: Path, a: RunFolder) -> None:
    """B is surely wrong about five images, which A is right about."""
    runs = [
        write_run(tmp_path, name, LABELS[:5], probabilities(predicted, 3, 0.9), NAMES)
        for name, predicted in (("right", TRUE[:5]), ("wrong", [2] * 5))
    ]
    found = compare(*map(load, runs))
    assert {row.better for row in metric_rows(found)} == {"unclear", TOO_FEW}
    assert found.differences["accuracy"].high > 0


def test_two_hundred_thousand_rows_take_no_loop(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    true = rng.integers(0, 3, n)
    labels = np.array(NAMES, object)[true].tolist()
    predictions = [np.where(rng.random(n) < share, true, rng.integers(0, 3, n)).tolist() for share in (0.9, 0.91)]
    a, b = (
        load(write_run(tmp_path, name, labels, probabilities(each, 3), NAMES, dataset_sha256=name))
        for name, each in zip("ab", predictions, strict=True)
    )
    start = time.process_time()
    found = compare(a, b)
    assert time.process_time() - start < 5
    assert found.n == n and found.differs("accuracy")
