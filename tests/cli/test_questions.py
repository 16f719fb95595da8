"""What the command line asks about a dataset, and that what it says to type works."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import typer

from dashboard.api.receiving import UploadRecord
from dashboard.cli.arguments import Split
from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS
from tests.conftest import ROOT, MakeZip, encoded, picture


def evaluate(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dashboard", "evaluate", *map(str, arguments), "--local", "--json"]
    environment = {"DASHBOARD_DATA_DIR": str(data_dir), "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_the_help_and_the_api_name_the_splits_that_are_none() -> None:
    [option] = [each for each in get_args(Split) if isinstance(each, typer.models.OptionInfo)]
    for told in (option.help, UploadRecord.model_fields["split"].description):
        assert told and {ALL_SPLITS, NO_SPLITS} <= set(re.findall(r"\w+", told))


def pictures(*names: str) -> dict[str, bytes]:
    return {name: encoded(picture(i)) for i, name in enumerate(names)}


def test_what_is_asked_can_be_typed_as_it_is_printed(make_zip: MakeZip, tmp_path: Path) -> None:
    """A dataset with two splits whose labels are numbers: each refusal names the next option."""
    path = make_zip({}, extra=pictures("train/2/0.png", "val/2/1.png", "val/4/2.png"))
    asked = evaluate(tmp_path, path)
    answer = json.loads(asked.stdout)
    assert asked.returncode == 1 and answer["error"]["code"] == "several_splits"
    assert answer["question"]["option"] == "--split" and answer["question"]["answers"][0]["value"] == "val"
    [line] = [line for line in asked.stderr.splitlines() if line.startswith("--split val ")]
    typed = shlex.split(line)[:2]

    asked = evaluate(tmp_path, path, *typed)
    assert json.loads(asked.stdout)["error"]["code"] == "labels_uncertain" and ".dataset.json" not in asked.stderr
    [line] = [line for line in asked.stderr.splitlines() if line.startswith("--labels-from 1 ")]
    assert "2 is automobile, 4 is cat" in line

    done = evaluate(tmp_path, path, *typed, *shlex.split(line)[:2])
    record = json.loads(done.stdout)
    assert (
        done.returncode == 0 and record["n_evaluated"] == 2 and record["label_map"] == {"2": "automobile", "4": "cat"}
    )
    assert "Only the split val is used, as chosen" in record["notes"][0]
    assert "counted from 1, as chosen" in record["notes"][1] and all(note in done.stderr for note in record["notes"])


def test_the_column_of_the_labels_can_be_typed_as_it_is_printed(make_zip: MakeZip, tmp_path: Path) -> None:
    rows = "".join(f"{i}.png,{'cat' if i % 2 else 'dog'},{3.5 + i}\n" for i in range(4))
    table = {"t.csv": f"file,the breed,age\n{rows}".encode()}
    path = make_zip({}, extra={**pictures(*(f"img/{i}.png" for i in range(4))), **table})
    asked = evaluate(tmp_path, path)
    [line] = [line for line in asked.stderr.splitlines() if line.startswith("--label-column ")]
    done = evaluate(tmp_path, path, *shlex.split(line)[:2])
    assert json.loads(done.stdout)["label_map"] == {"cat": "cat", "dog": "dog"}


def test_unknown_labels_lose_no_image_in_silence(make_zip: MakeZip, tmp_path: Path) -> None:
    path = make_zip({"hound": 3, "cat": 1, "unicorn": 1})
    refused = evaluate(tmp_path, path)
    answer = json.loads(refused.stdout)
    assert refused.returncode == 1 and answer["question"] is None and answer["error"]["code"] == "labels_unknown"
    assert "hound (3 images), unicorn (1 image); together 4 of 5 labelled images" in answer["error"]["message"]
    assert "--map hound=CLASS" in answer["error"]["fix"] and "--map '*='" in answer["error"]["fix"]
    done = evaluate(tmp_path, path, "--map", "hound=dog", "--map", "*=")
    record = json.loads(done.stdout)
    assert (record["n_evaluated"], record["n_failed"], record["n_left_out"]) == (4, 0, 1)
    assert record["label_map"] == {"cat": "cat", "hound": "dog", "unicorn": "(leave out)"}
    assert record["notes"] == ["As chosen, hound is used as dog; unicorn is left out."]


@pytest.mark.parametrize(
    "name, options, code, status",
    [("splits", ["--split", "fold"], "choice", 2), ("cub", ["--labels-from", "1"], "label_map", 2),
     ("gbk.zip", ["--zip-encoding", "ascii"], "choice", 2), ("kaggle_two_csv", ["--labels", "nowhere.csv"], "not_found", 1)],
)  # fmt: skip
def test_answers_that_do_not_fit_are_refused(
    shared_dir: Path, tmp_path: Path, name: str, options: list[str], code: str, status: int
) -> None:
    path = shared_dir / "cases" / "data" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    done = evaluate(tmp_path, path, *options)
    assert done.returncode == status and json.loads(done.stdout)["error"]["code"] == code
    assert "Traceback" not in done.stderr
