"""`runs findings`, `runs label-issues`, `runs check` and `evaluate --checks`, in this process."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from dashboard.cli.app import app
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.settings import get_settings
from tests.cli.test_commands import Kept
from tests.conftest import MakeZip
from tests.core.analysis.findings.faults import mislabelled_class
from tests.simulated_runs import NAMES

RUN = "20260101-000000-abc"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one run, in which a third of the dogs is labelled =cat; 40 images failed."""
    data = tmp_path_factory.mktemp("data")
    names = tuple("=cat" if name == "cat" else name for name in NAMES)
    run = replace(mislabelled_class(1), names=names, failed=np.arange(2000) % 50 == 7)
    run.store(data / "runs" / RUN)
    return data


def command(data: Path, *arguments: str | Path) -> Result:
    get_settings.cache_clear()
    environment = {"DASHBOARD_DATA_DIR": str(data), "DASHBOARD_WORKERS": "1", "COLUMNS": "200"}
    result = CliRunner().invoke(app, [*map(str, arguments)], env=environment)
    get_settings.cache_clear()
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def json_of(data: Path, *arguments: str | Path, exit_code: int = 0) -> Any:
    result = command(data, *arguments, "--json")
    assert result.exit_code == exit_code
    return json.loads(result.stdout)


def test_findings(data: Path) -> None:
    first, second = json_of(data, "runs", "findings", RUN)
    assert [*first] == ["id", "statement", "n", "value", "low", "high", "cost", "rows", "where", "next"]
    assert (first["id"], second["id"]) == ("mislabelled_class", "unreadable")
    assert first["low"] < first["value"] < first["high"] and first["n"] > 200 and first["where"][0] == "true_label==cat"
    shown = json_of(data, "runs", "show", RUN, *(part for text in first["where"] for part in ("--where", text)))
    assert shown["n_evaluated"] == len(first["rows"]) == first["cost"] and first["rows"][0].endswith(".png")
    text = command(data, "runs", "findings", RUN).stdout
    assert f"1) {first['statement']}" in text and f"   {first['next']}" in text and f"2) {second['statement']}" in text
    assert "--where true_label==cat --where predicted_label=dog" in text


def test_findings_under_a_filter(data: Path) -> None:
    (finding,) = json_of(data, "runs", "findings", RUN, "--where", "status=failed")
    assert finding["id"] == "unreadable" and len(finding["rows"]) == 40
    assert json_of(data, "runs", "findings", RUN, "--where", "true_label=frog") == []
    frogs = command(data, "runs", "findings", RUN, "--where", "true_label=frog").stdout
    doubtful = len(json_of(data, "runs", "label-issues", RUN, "--where", "true_label=frog"))
    assert frogs.startswith(
        f"{doubtful} of 201 labels may be wrong: see them in the view Labels or with `python -m dashboard"
    )
    assert "Apart from them, nothing stands out: " in frogs
    text = command(data, "runs", "findings", RUN, "--where", "correct=no").stdout
    assert (
        "nothing stands out in the files and labels" in text
        and "because the filter chooses images by their answers" in text
    )


def test_label_issues(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "issues.csv"
    issues = json_of(data, "runs", "label-issues", RUN, "--out", out)
    assert [*issues[0]] == ["index", "file", "label", "suggested_label", "confidence", "score"]
    assert [issue["score"] for issue in issues] == sorted(issue["score"] for issue in issues)
    table = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [row["file"] for row in table] == [issue["file"] for issue in issues] and table[0]["rank"] == "1"
    assert {row["label"] for row in table if "cat" in row["label"]} == {"'=cat"}  # no formula
    cats = json_of(data, "runs", "label-issues", RUN, "--where", "true_label==cat", "--where", "confidence>=0.9")
    assert len(cats) > 30 and {issue["label"] for issue in cats} == {"=cat"}
    text = command(data, "runs", "label-issues", RUN).stdout
    assert f"{len(issues)} of 1,960 labels may be wrong." in text and "look at all mistakes, too" in " ".join(
        text.split()
    )


@pytest.mark.parametrize("name", ["show", "findings", "label-issues"])
def test_an_unknown_run_exits_with_1_and_a_wrong_condition_with_2(name: str, data: Path) -> None:
    unknown = json_of(data, "runs", name, "none", exit_code=1)["error"]
    assert unknown["code"] == "run_unknown" and "`python -m dashboard runs list`" in unknown["fix"]
    assert json_of(data, "runs", name, RUN, "--where", "colour=red", exit_code=2)["error"]["code"] == "filter"


@pytest.mark.parametrize(
    "arguments",
    [(RUN,), (RUN, RUN, RUN, "--where-b", "correct=no"), (RUN, RUN, "--metric", "speed"), (RUN, RUN, "--where", "x=1")],
)
def test_a_comparison_that_cannot_be_asked_for_exits_with_2(arguments: tuple[str, ...], data: Path) -> None:
    assert json_of(data, "runs", "compare", *arguments, exit_code=2)["error"]["fix"]


@pytest.mark.parametrize("limit, exit_code", [("0.5", 0), ("0.99", 1)])
def test_checks(limit: str, exit_code: int, data: Path, tmp_path: Path) -> None:
    file, junit = tmp_path / "checks.yml", tmp_path / "checks.xml"
    file.write_text(f"- recall[=cat] >= {limit}\n- failed <= 40\n")
    answer = json_of(data, "runs", "check", RUN, file, "--junit", junit, exit_code=exit_code)
    assert (answer["run_id"], answer["passed"]) == (RUN, exit_code == 0)
    recall, failures = answer["checks"]
    assert (recall["check"], recall["line"], recall["passed"]) == (f"recall[=cat] >= {limit}", 1, exit_code == 0)
    assert recall["low"] < recall["value"] < recall["high"] and (failures["value"], failures["low"]) == (40, None)
    assert ElementTree.parse(junit).getroot().get("failures") == str(exit_code)
    text = " ".join(re.split(r"[│\s]+", command(data, "runs", "check", RUN, file).stdout))  # a table wraps lines
    assert recall["message"] in text and ("1 of 2 checks failed." if exit_code else "2 checks passed.") in text


def test_a_wrong_file_exits_with_2_and_names_the_line(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "checks.yml"
    file.write_text("- n >= 1\n- recall[fish] >= 0.5\n")
    error = json_of(data, "runs", "check", RUN, file, exit_code=2)["error"]
    assert error["code"] == "checks" and error["message"].startswith("checks.yml, line 2: 'fish'")
    file.write_text("- n >= 1\n")
    assert json_of(data, "runs", "check", "none", file, exit_code=1)["error"]["code"] == "run_unknown"
    missing = tmp_path / "none" / "junit.xml"
    (tmp_path / "none").write_text("")
    assert json_of(data, "runs", "check", RUN, file, "--junit", missing, exit_code=1)["error"]["code"] == "storage"


def test_evaluate_with_checks(pool: WorkerPool, make_zip: MakeZip, tmp_path: Path) -> None:
    pictures, file, junit = make_zip({"cat": 2, "dog": 1}), tmp_path / "checks.yml", tmp_path / "junit.xml"
    evaluate = ("evaluate", pictures, "--checks", file)
    with patch("dashboard.services.make_engine", lambda *_, **__: Kept(pool)):
        file.write_text("- n >= 3\n- recall[fish] >= 1\n")
        assert json_of(tmp_path, *evaluate, exit_code=2)["error"]["message"].startswith("checks.yml, line 2: 'fish'")
        assert not list((tmp_path / "runs").glob("*"))  # it is told before the work
        file.write_text("- n >= 3\n- failed <= 0\n")
        answer = json_of(tmp_path, *evaluate, "--junit", junit, "--out", tmp_path / "out")
        assert [check["passed"] for check in answer["checks"]] == [True, True] and answer["n_evaluated"] == 3
        assert json.loads((tmp_path / "out" / "report.json").read_text()) == answer
        assert ElementTree.parse(junit).getroot().get("tests") == "2"
        file.write_text("- n >= 4\n")
        failed = command(tmp_path, *evaluate)
        assert failed.exit_code == 1 and "1 of 1 check failed." in failed.stdout
        assert command(tmp_path, "evaluate", pictures, "--junit", junit).exit_code == 2
