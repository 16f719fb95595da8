"""`models recalibrate` as a script uses it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dashboard.cli.app import app
from dashboard.cli.model_table import markdown_table
from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.registry import Registry
from dashboard.core.settings import get_settings
from tests.conftest import ROOT
from tests.core.evaluation import test_recalibration as recalibration
from tests.core.evaluation.test_recalibration import RUN, registry, stored  # noqa: F401  # a fixture

Recalibrate = Callable[..., Result]


@pytest.fixture
def recalibrate(registry: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recalibrate:  # noqa: F811
    for name in [name for name in os.environ if name.startswith("DASHBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DASHBOARD_MODELS_DIR", str(tmp_path / "models"))

    def call(*arguments: str) -> Result:
        get_settings.cache_clear()
        try:
            return CliRunner().invoke(app, ["models", *arguments])
        finally:
            get_settings.cache_clear()

    return call


def test_the_new_version_is_stored_and_the_old_one_stays_active(recalibrate: Recalibrate, tmp_path: Path) -> None:
    stored(tmp_path)
    done = recalibrate("recalibrate", "pets@1", "--run", RUN, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert (record["name"], record["version"], record["run_id"]) == ("pets", "2", RUN)
    assert (record["n_fit"], record["n_check"], record["temperature_before"]) == (500, 500, 1.5)
    assert record["after"]["log_loss"] < record["before"]["log_loss"] and record["log_loss_difference"]["high"] < 0
    assert record["temperature"] == json.loads((tmp_path / "models/pets/2/model.json").read_text())["temperature"]
    assert "The new temperature is better." in done.stderr
    assert "pets@1 stays active" in done.stderr and "Added pets@2" in done.stderr
    [active] = [each["version"] for each in json.loads(recalibrate("--json").stdout) if each["active"]]
    assert active == "1"


@pytest.mark.parametrize(
    ("share", "temperature", "said"),
    [(0.15, 0.4, "Perhaps some labels are wrong"), (0.0, 8.0, "Either the model is overconfident"), (0.0, 0.4, "")],
)
def test_wrong_labels_are_a_reason_to_doubt_a_higher_temperature(
    share: float,
    temperature: float,
    said: str,
    recalibrate: Recalibrate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits, labels = recalibration.drawn(1000, temperature)
    wrong = np.random.default_rng(1).random(1000) < share
    monkeypatch.setattr(recalibration, "drawn", lambda n, temperature: (logits, np.where(wrong, 1 - labels, labels)))
    stored(tmp_path)
    done = recalibrate("recalibrate", "pets@1", "--run", RUN)
    told = " ".join(done.stderr.split())
    assert done.exit_code == 0 and said in told and ("runs label-issues" in told) is bool(said)


def test_a_refusal_is_an_error_with_a_code(recalibrate: Recalibrate, tmp_path: Path) -> None:
    stored(tmp_path, model="pets@7")
    done = recalibrate("recalibrate", "pets@1", "--run", RUN, "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["error"]["code"] == "run_of_other_model"
    assert "evaluate DATASET --model pets@1" in done.stderr


def test_a_figure_that_is_no_longer_known_is_empty_in_the_table_of_the_readme() -> None:
    old = Registry(ROOT / "models").get("cifar10-small")
    unseen = {"n": 8000, "accuracy": 0.92675, "accuracy_ci95": [0.92083, 0.93226]}
    facts = ModelFacts((32, 32, 3), (10,), 1, 1, 1.0, 1.0, 5.0, "float32", ())
    header = next(iter(markdown_table([], {})))
    assert [name.strip() for name in header.split("|")[2:5]] == ["accuracy", "on unseen images", "ECE"]
    before, after = (
        list(markdown_table([replace(old, metrics=figures)], {old.ref: facts}))[2].split(" | ")
        for figures in ({**old.metrics, "unseen": {**unseen, "ece15": 0.011}}, {**old.metrics, "unseen": unseen})
    )
    assert before[3].endswith("%") and after[3] == ""
    assert before[:3] + before[4:] == after[:3] + after[4:]
