"""The commands about stored evaluations that need no worker."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from dashboard.core.runs.bin import Bin
from dashboard.core.runs.store import RunStore
from tests.cli.records import Commands
from tests.reports.made_runs import store_run
from tests.run_rows import manifest, ok, table_of


@pytest.fixture
def store(commands: Commands) -> RunStore:
    """Two runs, r-a and r-b."""
    store = RunStore(commands.data_dir / "runs")
    for run_id in ("r-a", "r-b"):
        store_run(store, [ok(0, "cat", "cat")], run_id=run_id)
    return store


def test_one_that_cannot_be_restored_does_not_spoil_the_others(commands: Commands, store: RunStore) -> None:
    assert commands.json("runs", "delete", "r-a", "r-b", "r-a", "--yes") == {"deleted": ["r-a", "r-b"], "failed": []}
    done = commands.json("runs", "restore", "r-a", "nope", "r-b", fails=True)
    assert done["restored"] == ["r-a", "r-b"] and [each.run_id for each in store.list()] == ["r-b", "r-a"]
    [failed] = done["failed"]
    assert failed["run_id"] == "nope" and failed["error"]["code"] == "run_unknown"
    assert "runs list --deleted" in commands.run("runs", "restore", "nope", fails=True).stderr
    assert commands.json("runs", "restore", "nope", fails=True)["error"]["code"] == "run_unknown"


def test_the_list_tells_the_users_if_any_are_known(commands: Commands, store: RunStore) -> None:
    assert "user" not in commands.run("runs", "list").stdout
    store_run(store, [ok(0, "cat", "cat")], run_id="r-c", user="ann@x.org")
    told = commands.run("runs", "list").stdout
    assert "user" in told and "ann@x.org" in told
    users = {each["run_id"]: each["user"] for each in commands.json("runs", "list")}
    assert users == {"r-a": "", "r-b": "", "r-c": "ann@x.org"}


def test_a_run_that_the_system_refuses_to_move_does_not_spoil_the_others(
    commands: Commands, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Bin.add

    def refuse(self: Bin, folder: Path) -> None:
        if folder.name == "r-a":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        add(self, folder)

    monkeypatch.setattr(Bin, "add", refuse)
    done = commands.json("runs", "delete", "r-a", "r-b", "--yes", fails=True)
    [failed] = done["failed"]
    assert done["deleted"] == ["r-b"] and failed["run_id"] == "r-a" and failed["error"]["code"] == "permission"
    assert failed["error"]["message"].startswith("The evaluation cannot be deleted: ")
    assert failed["error"]["message"].endswith("Permission denied.") and failed["error"]["fix"].startswith(
        "Give this user"
    )


def test_a_run_that_another_process_has_paused_is_told_with_the_reason(commands: Commands) -> None:
    owner = RunStore(commands.data_dir / "runs").begin(manifest("held", n_images=200, unknown_labels=()))
    why = "No space left on device. Free some space."
    owner.tell_paused(why)
    [listed] = commands.json("runs", "list")
    assert (listed["state"], listed["message"]) == ("paused", why)
    shown = commands.json("runs", "show", "held")
    assert (shown["state"], shown["message"]) == ("paused", why)
    for command in (("list",), ("show", "held")):
        done = commands.run("runs", *command)
        told = " ".join((done.stdout + done.stderr).split())
        assert "paused" in told and why in told and "Wait for" not in told and "--resume" not in told, command
    owner.release()


def test_an_interrupted_run_without_rows_is_told_to_be_finished(commands: Commands) -> None:
    RunStore(commands.data_dir / "runs").begin(manifest("begun", n_images=200, unknown_labels=())).release()
    for command in ("show", "findings"):
        done = commands.run("runs", command, "begun")
        told = " ".join((done.stdout + done.stderr).split())
        assert "The evaluation is not finished: 0 of 200 images. Finish it:" in told, command
        assert "`python -m dashboard evaluate --resume begun`" in told and "label" not in told, command
    with_rows = RunStore(commands.data_dir / "runs").folder("begun")
    with_rows.add_part(0, table_of([ok(0, "cat", "cat")]))
    assert "0.0 s" not in commands.run("runs", "show", "begun").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "show", "r-a"), ("runs", "show", "r-a", "--where", "correct=yes"), ("runs", "findings", "r-a"),
        ("runs", "label-issues", "r-a"), ("runs", "export", "r-a", "--out", "out"), ("report", "r-a", "--out", "report.md"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_every_command_says_that_an_evaluation_is_not_finished(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(commands.data_dir.parent)
    runs = RunStore(commands.data_dir / "runs")
    rows = [ok(i, label, label) for i, label in enumerate(["cat", "dog"] * 10)]
    store_run(runs, rows, run_id="r-a", state="running", n_images=200)
    done = commands.run(*command, *options)
    images = "" if "--where" in command else ": 20 of 200 images"
    told = f"The evaluation is not finished{images}. Finish it: `python -m dashboard evaluate --resume r-a`."
    assert told in done.stderr and told not in done.stdout
    if options and "--out" in command:
        assert json.loads(done.stdout)["state"] == "interrupted"
    store_run(runs, rows, run_id="r-b")
    finished = commands.run(*(part.replace("r-a", "r-b") for part in command), *options)
    assert "not finished" not in finished.stderr


def test_the_figures_of_classes_say_what_follows_from_the_filter(commands: Commands) -> None:
    rows = [ok(i, label, "cat") for i, label in enumerate(["cat", "dog"] * 10)]
    store_run(RunStore(commands.data_dir / "runs"), rows, run_id="r-a")
    one_label = commands.run("runs", "show", "r-a", "--where", "true_label=cat").stdout
    assert "Precision and F1 say nothing, because all images have the same label." in " ".join(one_label.split())
    one_answer = " ".join(commands.run("runs", "show", "r-a", "--where", "predicted_label=cat").stdout.split())
    assert "recall and the confused classes follow from that choice" in one_answer and "same label" not in one_answer
    assert "follow from that choice" not in commands.run("runs", "show", "r-a").stdout


def test_who_removes_evaluations_for_good_is_in_the_audit_log(commands: Commands, store: RunStore) -> None:
    commands.run("runs", "delete", "r-a", "--yes")
    assert commands.json("runs", "empty-bin", "--yes") == {"deleted": ["r-a"], "failed": []}
    acts = [(act["action"], act["subject"]) for act in commands.json("audit")]
    assert acts == [("evaluation.removed", "r-a"), ("evaluation.deleted", "r-a")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "r-a", "--out", "report.txt"), ("runs", "note", "r-a", "--verdict", "bad"),
        ("tokens", "create", "camera", "--scope", "nope"), ("history", "list", "--cursor", "zz"),
        ("runs", "show", "r-a", "--where", "nonsense"),
    ],
)  # fmt: skip
def test_wrong_usage_exits_with_2(commands: Commands, store: RunStore, arguments: tuple[str, ...]) -> None:
    done = commands.run(*arguments, fails=True)
    assert done.exit_code == 2, done.output


def test_a_filter_that_no_image_passes_is_told_as_such(commands: Commands, store: RunStore) -> None:
    done = commands.run("runs", "show", "r-a", "--where", "file=nowhere.png")
    assert "No image passes this filter, so there are no figures." in done.stderr


def test_a_count_of_evaluations_reads_well(commands: Commands, store: RunStore) -> None:
    assert "Deleted 1 evaluation. " in commands.run("runs", "delete", "r-a", "--yes").stdout
    assert "Restored 1 evaluation." in commands.run("runs", "restore", "r-a").stdout
    asked = commands.run("runs", "delete", "r-a", "r-b", fails=True)
    assert "Delete 2 evaluations?" in asked.stderr
    assert "Removed 0 deleted evaluations for good." in commands.run("runs", "empty-bin").stdout
