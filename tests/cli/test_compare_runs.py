"""Comparing, listing and annotating runs on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dashboard.core.runs.attributes import AttributeFile
from tests.cli.test_commands import Done, dashboard, only_json, process
from tests.compared_runs import probabilities, write_run

NAMES = ("cat", "dog")
LABELS = ["cat"] * 6 + ["dog"] * 4
BY_A = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]  # 8 of 10 right
BY_B = [0, 0, 0, 0, 0, 0, 1, 1, 1, 0]  # 9 of 10 right


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three runs over the same ten images, and one over others."""
    for name, predicted in (("a", BY_A), ("b", BY_B), ("c", BY_A)):
        write_run(tmp_path / "runs", name, LABELS, probabilities(predicted, 2), NAMES, model=f"pets-{name}@1")
    others = [f"others/{i}.png" for i in range(10)]
    write_run(tmp_path / "runs", "x", LABELS, probabilities(BY_B, 2), NAMES, others, dataset_sha256="x")
    return tmp_path


def answer(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return only_json(done)


def test_two_runs_as_json(data: Path) -> None:
    found = answer(dashboard("runs", "compare", "a", "b", "--json", data_dir=data))
    counts = ("n", "both_right", "only_a_right", "only_b_right", "both_wrong", "mcnemar_p")
    assert [found[name] for name in counts] == [10, 7, 1, 2, 0, 1.0]
    for side in ("a", "b", "difference"):
        metrics = found[side]
        assert {"accuracy", "macro_f1", "log_loss", "ece15"} <= metrics.keys()
        assert all(metric.keys() == {"value", "low", "high", "n"} for metric in metrics.values())
    assert found["difference"]["accuracy"]["value"] == pytest.approx(0.1)
    assert found["agreement"]["same_class"]["value"] == 0.7
    assert found["notes"] == []


def test_two_runs_as_a_table(data: Path) -> None:
    done = dashboard("runs", "compare", "a", "b", data_dir=data)
    told = done.stdout.decode()
    assert done.returncode == 0
    assert "No significant difference: B 90.0%, A 80.0%; B minus A is +10.0 points" in told
    assert "Fewer than 10 images" in " ".join(told.split())
    assert "+10.0" in told and "only A: 1, only B: 2" in told and "A: pets-a@1 on pets.zip (10 images)" in told


def test_conditions_hold_for_both_or_for_the_second_only(data: Path) -> None:
    found = answer(dashboard("runs", "compare", "a", "b", "--where", "true_label=dog", "--json", data_dir=data))
    assert found["n"] == 4 and found["only_a_right"] == 1
    command = ("runs", "compare", "a", "a", "--where", "true_label=dog", "--where-b", "true_label=cat", "--json")
    found = answer(dashboard(*command, data_dir=data))
    assert found["mcnemar_p"] is None and found["only_a_right"] is None
    assert found["difference"]["accuracy"]["value"] == pytest.approx(4 / 6 - 1)
    assert found["run_b"]["where"] == ["true_label=cat"]


def test_a_metric_of_several_labels_has_no_figure_for_images_of_one_label(data: Path) -> None:
    one_label = ("--where", "true_label=dog")
    nothing, needs_several = {"value": None, "low": None, "high": None, "n": 4}, ("macro_f1", "weighted_f1", "mcc")
    shown = answer(dashboard("runs", "show", "a", *one_label, "--json", data_dir=data))
    two = answer(dashboard("runs", "compare", "a", "b", *one_label, "--json", data_dir=data))
    three = answer(dashboard("runs", "compare", "a", "b", "c", *one_label, "--json", data_dir=data))
    for metrics in (shown["metrics"], two["a"], two["b"], two["difference"], three["ranked"][0]["metrics"]):
        assert [metrics[name] for name in needs_several] == [nothing] * 3 and metrics["accuracy"]["value"] is not None
    assert shown["macro_f1"] is None
    told = dashboard("runs", "show", "a", *one_label, data_dir=data).stdout.decode()
    assert "Accuracy 100.0% (51.0-100.0), 4 images" in told and "A dash stands for a metric that says nothing" in told
    told = dashboard("runs", "compare", "a", "b", *one_label, data_dir=data).stdout.decode()
    assert "A dash stands for a metric that says nothing" in told and "nan" not in told
    done = dashboard("runs", "compare", "a", "b", "c", *one_label, "--metric", "mcc", "--json", data_dir=data)
    assert done.returncode == 1 and "Matthews correlation says nothing" in only_json(done)["error"]["message"]


def test_predicted_classes_without_images_are_told_beside_the_macro_f1(data: Path) -> None:
    names = ("cat", "dog", "frog")
    write_run(data / "runs", "f", LABELS, probabilities([*BY_A[:-1], 2], 3), names, dataset_sha256="f")
    note = "1 class has no images here. It was predicted, and counts as 0 in the macro F1."
    shown = {
        run_id: " ".join(dashboard("runs", "show", run_id, data_dir=data).stdout.decode().split()) for run_id in "af"
    }
    assert note in shown["f"] and "as 0 in the macro F1." not in shown["a"]


def test_more_than_two_are_ranked(data: Path) -> None:
    found = answer(dashboard("runs", "compare", "a", "b", "c", "--json", data_dir=data))
    assert found["metric"] == "accuracy" and found["n"] == 10
    ranked = found["ranked"]
    assert [each["run_id"] for each in ranked] == ["b", "a", "c"]
    assert all(each["may_be_best"] for each in ranked) and ranked[0]["difference"] is None
    told = dashboard("runs", "compare", "a", "b", "c", "--metric", "macro_f1", data_dir=data).stdout.decode()
    assert "Macro F1" in told and "pets-b@1" in told


@pytest.mark.parametrize(
    "arguments, exit_code, told",
    [
        (("a", "x"), 1, "share no image: no file name and no content of one occurs"),
        (("a",), 2, "A comparison needs at least two"),
        (("a", "nothing"), 1, "There is no evaluation 'nothing'"),
        (("a", "b", "c", "--where-b", "true_label=cat"), 2, "--where-b is for two evaluations"),
        (("a", "b", "c", "--metric", "speed"), 2, "There is no metric 'speed'"),
        (("a", "b", "--where", "true_label=bird"), 2, "bird is not a class of this evaluation"),
    ],
)
def test_what_cannot_be_compared_is_said_with_a_way_out(
    data: Path, arguments: tuple[str, ...], exit_code: int, told: str
) -> None:
    done = dashboard("runs", "compare", *arguments, "--json", data_dir=data)
    assert done.returncode == exit_code and told in json.loads(done.stdout)["error"]["message"]
    assert json.loads(done.stdout)["error"]["fix"]


def test_conditions_that_fit_only_some_evaluations_name_one_that_they_do_not_fit(data: Path) -> None:
    ages = AttributeFile(data / "runs" / "a")
    ages.keep(pa.table({"age": list(range(10))}))
    for arguments, told in (
        (("a", "b"), "The conditions do not fit B, the evaluation b (pets-b@1 on pets.zip). There is no column 'age'."),
        (("b", "a"), "The conditions do not fit A, the evaluation b (pets-b@1 on pets.zip). There is no column 'age'."),
        (
            ("a", "a", "b"),
            "The conditions do not fit the evaluation b (pets-b@1 on pets.zip). There is no column 'age'.",
        ),
    ):
        done = dashboard("runs", "compare", *arguments, "--where", "age<30", "--json", data_dir=data)
        assert (done.returncode, json.loads(done.stdout)["error"]["message"]) == (2, told)
        assert json.loads(done.stdout)["error"]["fix"].startswith("The columns are index, file,")
    command = ("runs", "compare", "a", "b", "--where", "age<30", "--where-b", "confidence>0", "--json")
    assert answer(dashboard(*command, data_dir=data))["n"] == 10


def test_tables_in_a_pipe_are_wide_and_run_ids_are_never_cut(data: Path) -> None:
    ids = [f"20261129-075200-0a1b2c3{i}" for i in range(3)]
    for run_id in ids:
        write_run(data / "piped" / "runs", run_id, LABELS, probabilities(BY_A, 2), NAMES, model="cifar10-resnet@7")
    for width, arguments in (("", ("list",)), ("", ("compare", *ids)), ("80", ("list",)), ("80", ("compare", *ids))):
        told = process("runs", *arguments, data_dir=data / "piped", COLUMNS=width).stdout.decode()
        assert all(run_id in told for run_id in ids), told
        widths = {len(line) for line in told.splitlines() if line.startswith(("│", "┃"))}
        assert max(widths) <= int(width or 160)
        assert width or arguments[0] == "list" or "difference to the best" in told


def test_notes_and_verdicts_are_set_listed_and_removed(data: Path) -> None:
    assert (
        dashboard("runs", "note", "a", "--note", "Too dark.", "--verdict", "to review", data_dir=data).returncode == 0
    )
    changed = answer(dashboard("runs", "note", "a", "--verdict", "rejected", "--json", data_dir=data))
    assert (changed["note"], changed["verdict"]) == ("Too dark.", "rejected")
    listed = answer(dashboard("runs", "list", "--json", data_dir=data))
    assert {(run["run_id"], run["verdict"], run["note"]) for run in listed if run["verdict"]} == {
        ("a", "rejected", "Too dark.")
    }
    assert "rejected, Too dark." in dashboard("runs", "list", data_dir=data).stdout.decode()
    removed = answer(dashboard("runs", "note", "a", "--note", "", "--verdict", "", "--json", data_dir=data))
    assert (removed["note"], removed["verdict"]) == ("", "")
    wrong = dashboard("runs", "note", "a", "--verdict", "good", "--json", data_dir=data)
    assert wrong.returncode == 2 and "accepted" in json.loads(wrong.stdout)["error"]["fix"]
    assert dashboard("runs", "note", "nothing", "--note", "x", data_dir=data).returncode == 1
    assert not (data / "runs" / "nothing").exists()
