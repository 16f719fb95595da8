"""`runs guarantee` and `runs prediction-sets` as a script uses them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from dashboard.cli.app import app
from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.metrics.temperature import softmax
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import get_settings
from tests.core.evaluation.test_recalibration import RUN, drawn, stored

Runs = Callable[..., Result]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    for name in [name for name in os.environ if name.startswith("DASHBOARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DASHBOARD_DATA_DIR", str(tmp_path))

    def call(*arguments: str) -> Result:
        get_settings.cache_clear()
        try:
            return CliRunner().invoke(app, ["runs", *arguments])
        finally:
            get_settings.cache_clear()

    return call


def test_the_odd_labelled_rows_measure_the_threshold_of_the_even_ones(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    done = runs("guarantee", RUN, "--max-error", "0.1", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    logits, labels = drawn(1000, 3.0)
    probs = softmax(logits, 1.5)[1::2]
    accepted = probs.max(axis=1) >= record["threshold"]
    wrong = probs.argmax(axis=1) != labels[1::2]
    assert record["coverage"] == pytest.approx(accepted.mean()) and 0 < record["coverage"] < 1
    assert record["risk"] == pytest.approx(wrong[accepted].mean())
    assert (record["n_calibration"], record["n_test"], record["reason"]) == (500, 500, "")
    assert record["risk_ci95"][0] < record["risk"] < record["risk_ci95"][1]
    assert "at most 10% of them are wrong" in done.stderr


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--max-error", "0.001"], "At least 2,995 images are needed"),
        (["--where", "confidence>2"], "There are 0 labelled images"),
    ],
)
def test_without_a_threshold_the_reason_is_told(runs: Runs, tmp_path: Path, arguments: list[str], told: str) -> None:
    stored(tmp_path)
    done = runs("guarantee", RUN, *arguments, "--json")
    record = json.loads(done.stdout)
    assert done.exit_code == 1 and told in record["reason"] and told in done.stderr
    assert record["threshold"] is record["coverage"] is record["risk"] is record["risk_ci95"] is None


def test_a_share_that_is_no_share_is_refused(runs: Runs) -> None:
    assert runs("guarantee", RUN, "--max-error", "2").exit_code == 2
    assert runs("prediction-sets", RUN, "--confidence", "95").exit_code == 2


def test_prediction_sets_with_one_limit_and_with_one_for_each_class(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    done = runs("prediction-sets", RUN, "--confidence", "0.9", "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    logits, labels = drawn(1000, 3.0)
    probs = softmax(logits, 1.5)
    scores = 1 - probs[np.arange(1000), labels]
    half = np.sort(scores[::2])
    quantile = half[math.ceil(501 * 0.9) - 1]
    sets = 1 - probs[1::2] <= quantile
    assert record["marginal"]["quantile"] == pytest.approx(quantile)
    assert record["marginal"]["coverage"] == pytest.approx(np.mean(scores[1::2] <= quantile))
    assert record["marginal"]["mean_size"] == pytest.approx(sets.sum(axis=1).mean())
    of_cats = np.sort(scores[::2][labels[::2] == 0])
    cat = record["by_class"]["classes"][0]
    assert cat["label"] == "cat" and cat["n_test"] == (labels[1::2] == 0).sum()
    assert cat["quantile"] == pytest.approx(of_cats[math.ceil((len(of_cats) + 1) * 0.9) - 1])
    assert (record["n_calibration"], record["n_test"], record["n_labelled"]) == (500, 500, 1000)


def test_prediction_sets_of_one_image_are_refused(runs: Runs, tmp_path: Path) -> None:
    stored(tmp_path)
    done = runs("prediction-sets", RUN, "--where", "file=7.png", "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["error"]["code"] == "too_few_images"


def test_reference_figures(runs: Runs, tmp_path: Path, shared_dir: Path) -> None:
    folder = shared_dir / "oracles"
    request = ImportRequest(folder / "cifar10_test_pred_probs.npy", labels=folder / "cifar10_test_labels.npy")
    run_id = import_predictions(request, RunStore(tmp_path / "runs")).manifest.run_id
    found = json.loads(runs("guarantee", run_id, "--max-error", "0.02", "--json").stdout)
    assert found["threshold"] == pytest.approx(0.967, abs=0.001)
    assert found["coverage"] == pytest.approx(0.831, abs=0.001) and found["risk"] == pytest.approx(0.0159, abs=0.0001)
    sets = json.loads(runs("prediction-sets", run_id, "--json").stdout)["marginal"]
    assert sets["quantile"] == pytest.approx(0.797937, abs=1e-6)
    assert (round(sets["coverage"], 4), round(sets["mean_size"], 4)) == (0.9532, 1.0680)
