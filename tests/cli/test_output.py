"""Answers go to standard output and all else to standard error; control characters in names have no effect."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.table import Column

from dashboard.cli.output import answers, plain_text, read_image, show, table_of
from dashboard.core.datasets import open_dataset
from dashboard.core.datasets.labels_option import labels_choice
from dashboard.core.errors import DatasetError, ImageError
from tests.cli.records import Commands
from tests.compared_runs import write_run
from tests.conftest import ROOT

FREE_SPACE_THERE = "Free some space there, or name another file."


@pytest.mark.parametrize(
    "command",
    [
        ("runs", "list"), ("runs", "list", "--deleted"), ("runs", "restore"), ("history", "list"), ("feedback", "list"),
        ("tokens", "list"), ("audit",), ("models",), ("database", "check"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_answer_is_on_standard_output_and_with_json_nothing_else(
    commands: Commands, command: tuple[str, ...]
) -> None:
    restores = command == ("runs", "restore")
    arguments = (*command, "nothing") if restores else command
    commands.run("database", "check")  # makes it
    told, as_json = (commands.run(*arguments, *more, fails=restores) for more in ((), ("--json",)))
    json.loads(as_json.stdout)
    if restores:
        assert told.stdout == "" and "There is no deleted evaluation" in told.stderr
    else:
        assert told.stdout.strip() and told.stderr == ""


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("evaluate", "--fit", "squeeze", "photos.zip"), "one of: stretch, center-crop, pad"),
        (("predict",), "Missing argument"),
        (("predict", "a.png", "--threshold", "70"), "'--threshold': 70 is not between 0 and 1. Write 70% if you mean percent."),
        (("predict", "a.png", "--tresh", "1"), "--tresh"),
        (("history", "list", "--from", "yesterday"), "not a date"),
        (("runs", "guarantee", "RUN", "--max-error", "2"), "not between 0 and 1"),
        (("runs", "guarantee", "RUN", "--max-error", "100%"), "not between 0 and 1"),
        (("evaluate", "a.zip", "--min-accuracy", "93"), "Write 93% if you mean percent."),
        (("history", "list", "--least-confidence", "high"), "Write a share as 0.93 or 93%."),
        (("runs", "lost"), "lost"),
        (("models", "--no"), "--no"),
        (("evaluat",), "evaluat"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_an_error_document_with_json(commands: Commands, arguments: tuple[str, ...], told: str) -> None:
    plain, as_json = (commands.run(*arguments, *more, fails=True) for more in ((), ("--json",)))
    assert plain.exit_code == as_json.exit_code == 2 and plain.stdout == ""
    document = json.loads(as_json.stdout)
    assert (
        document["question"] is None and document["error"]["code"] == "usage" and told in document["error"]["message"]
    )
    assert document["error"]["fix"].endswith("--help`.") and "Usage: " in plain.stderr and "Usage: " in as_json.stderr
    command = document["error"]["fix"].split("`")[1].split()[1:]  # without the name of the program
    assert commands.run(*command).stdout.strip()


@pytest.mark.parametrize("typed", ["", "n\n"], ids=["nobody answers", "no"])
def test_a_question_that_is_not_answered_with_yes_is_an_error(commands: Commands, typed: str) -> None:
    asked = ("history", "delete", "--before", "2026-01-01")
    done = commands.run(*asked, typed=typed, fails=True)
    assert done.exit_code == 1 and "Nothing was done" in done.stderr and "add --yes" in done.stderr
    assert commands.json(*asked, "--yes") == {"deleted": 0}


@pytest.mark.parametrize("arguments", [("--json", "--markdown"), ("--json", "use", "cifar10-small")], ids=" ".join)
def test_json_of_models_is_not_passed_over(commands: Commands, arguments: tuple[str, ...]) -> None:
    done = commands.run("models", *arguments, fails=True)
    assert done.exit_code == 2 and json.loads(done.stdout)["error"]["code"] == "usage"


def test_a_name_cannot_command_the_terminal_or_fake_a_line() -> None:
    assert plain_text("\x1b[31mred\x1b[0m.png").plain == r"\x1b[31mred\x1b[0m.png"
    assert plain_text("a\nOK b.png").plain == r"a\nOK b.png"
    assert plain_text("[bold]é ü 猫.png").plain == "[bold]é ü 猫.png"


def test_advice_names_the_program_as_it_was_started(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/env/bin/classifier-dashboard"])
    told = commands.run("runs", "show", "nope", fails=True).stderr
    fix = commands.json("runs", "show", "nope", fails=True)["error"]["fix"]
    assert "`classifier-dashboard runs list`" in told and "`classifier-dashboard runs list`" in fix
    assert "python -m" not in told + fix


def test_an_image_is_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\x89PNG\xff")))
    assert read_image(Path("-")) == b"\x89PNG\xff"


def test_a_folder_is_no_image_and_the_commands_for_it_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="It is a folder") as refused:
        read_image(tmp_path)
    assert f"`python -m dashboard evaluate {tmp_path}`" in refused.value.fix and f"{tmp_path}/*" in refused.value.fix


@pytest.mark.parametrize("url", ["https://host/cat.jpg?size=200", "S3://bucket/cat.jpg"])
def test_a_url_is_told_as_such(url: str) -> None:
    with pytest.raises(ImageError, match="It is a URL"):
        read_image(Path(url))
    with pytest.raises(DatasetError, match=f"{re.escape(url)} is a URL"):
        open_dataset(Path(url).absolute())


def test_no_more_of_a_large_file_is_read_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(2**33)  # takes no space on the disk
    with pytest.raises(ImageError, match="larger than 64 MB"):
        read_image(large)
    with large.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        with pytest.raises(ImageError, match="larger than 64 MB"):
            read_image(Path("-"))
        assert file.tell() < 2**27


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_a_pipe_or_device_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(ImageError, match="a pipe or a device"):
            read_image(path)
        with pytest.raises(DatasetError, match="a pipe or a device"):
            open_dataset(path)
        assert labels_choice(path, "labels.csv") == str(Path("labels.csv").absolute())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/full, and no shell that closes a stream")
@pytest.mark.parametrize(
    "redirected, code, told",
    [
        ("runs list --json >/dev/full", 1, f"No space left on device.\n{FREE_SPACE_THERE}"),
        ("runs list >/dev/full", 1, f"No space left on device.\n{FREE_SPACE_THERE}"),
        ("runs list >&-", 0, ""),
        ("predict - <&-", 1, ""),
    ],
)
def test_a_stream_that_is_full_or_closed_gives_no_traceback(
    tmp_path: Path, redirected: str, code: int, told: str
) -> None:
    environment = os.environ | {"DASHBOARD_DATA_DIR": str(tmp_path), "DASHBOARD_MODEL": "none"}
    command = f"{shlex.quote(sys.executable)} -m dashboard {redirected}"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code and told in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert "empty-bin" not in done.stderr, "that frees space in the data folder, which is another place"


def test_a_narrow_terminal_cuts_no_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(answers, "stderr", False)  # which a command with --json changes
    monkeypatch.setattr(answers, "_width", 40)
    table = table_of("model", "accuracy", "a title that is long")
    table.add_row("cifar10-resnet-with-a-long-name", "95.2%", "ok")
    show(table)
    cells = [line.split("│")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(cells) == "cifar10-resnet-with-a-long-name"


def test_an_empty_list_says_so(commands: Commands) -> None:
    for command in (
        ("runs", "list"),
        ("history", "list", "--model", "nobody"),
        ("feedback", "list"),
        ("tokens", "list"),
    ):
        assert "The list is empty." in commands.run(*command).stdout
    commands.run("tokens", "create", "camera")
    assert "The list is empty." not in commands.run("tokens", "list").stdout


def test_help_is_wrapped_by_the_terminal_alone(commands: Commands) -> None:
    told = commands.run("runs", "prediction-sets", "--help").stdout
    assert "The other half measures how often the true class is in the set. Exits with 1 if that is" in told


def test_models_list_is_what_models_says(commands: Commands) -> None:
    assert commands.run("models", "list").stdout == commands.run("models").stdout
    assert commands.json("models", "list") == commands.json("models")


@pytest.mark.parametrize("width", [120, 80, 60])
@pytest.mark.parametrize("noted", [False, True], ids=["plain", "noted"])
def test_a_narrow_terminal_breaks_no_word_of_the_list_of_runs(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, width: int, noted: bool
) -> None:
    run_id, names = "20261129-075200-0a1b2c3d", ("cat", "dog")
    labels = ("dog", *(names * 50)[1:])  # so that one is wrong
    write_run(commands.data_dir / "runs", run_id, labels, np.tile(np.eye(2), (50, 1)), names, model="cifar10-resnet@8")
    commands.run("runs", "show", run_id)  # measures the accuracy
    if noted:
        commands.run("runs", "note", run_id, "--note", "Looks better than the one before it")
    monkeypatch.setattr(answers, "_width", width)
    done = commands.run("runs", "list")
    lines = done.stdout.splitlines()
    assert {len(line) for line in lines} <= {*range(width + 1)}
    words = done.stdout.split()
    assert run_id in words and {"dataset", "model", "accuracy", "99.0%", "(94.6-99.8)"} <= {*words}
    left_out = done.stderr
    for title, word in (("images", "100"), ("state", "finished")):
        assert (title in words and word in words) != (title in left_out)
    assert ("verdict, note" in left_out) <= noted
    assert not left_out or ("`--json` shows all." in left_out and width < 100)


def test_a_long_sentence_leaves_room_for_names_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of("what", "found")
    table.add_row("token.revoked", "a sentence of many words that does not fit into one line of a terminal " * 2)
    monkeypatch.setattr(answers, "_width", 80)
    with answers.capture() as said:
        show(table)
    assert "token.revoked" in said.get()


def test_a_table_that_fits_without_a_column_that_it_may_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(*map(Column, ("state", "note")))
    table.add_row("finished", " ".join(["word"] * 40 + ["w" * 70]))
    monkeypatch.setattr(answers, "_width", 60)
    with answers.capture() as said:
        show(table, may_lack=("note",))
    assert "finished" in said.get() and "word" not in said.get()
