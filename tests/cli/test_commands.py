"""The command line as scripts use it, with the project's model and samples.

Every command runs at least once as a process. The others run in this process, with the worker that all tests share.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from dashboard.api.predict import predict as api_predict
from dashboard.cli import app as cli
from dashboard.cli.app import app
from dashboard.cli.output import answers, console
from dashboard.cli.predict import predict
from dashboard.core.datasets.cifar10_archive import FILE_NAME
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import WorkerError
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.explanations.methods import METHODS
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.prediction import Failure
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings, get_settings
from dashboard.services import services_of
from tests.conftest import ROOT

FROG = sorted((ROOT / "data" / "samples" / "frog").glob("*.png"))[0]
SHIP = sorted((ROOT / "data" / "samples" / "ship").glob("*.png"))[0]
OURS = Registry(ROOT / "models").get("cifar10-resnet")
MODEL = {"name": OURS.name, "version": OURS.version}

Done = subprocess.CompletedProcess[bytes]


class Kept:
    """A pool that a command cannot close."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def shared_worker(pool: WorkerPool) -> Iterator[None]:
    """Commands in this process use the shared worker, because TensorFlow takes seconds to start."""
    with patch("dashboard.services.make_engine", lambda *_, **__: Kept(pool)):
        yield


def environment_of(data_dir: Path, settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DASHBOARD_")}
    return inherited | {"DASHBOARD_DATA_DIR": str(data_dir), "DASHBOARD_WORKERS": "1", "COLUMNS": "200", **settings}


def process(*arguments: str | bytes | Path, data_dir: Path, **settings: str) -> Done:
    """Runs one command as a process, with its own settings."""
    command = [sys.executable, "-m", "dashboard", *arguments]
    environment = environment_of(data_dir, settings)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=240)


def dashboard(*arguments: str | bytes | Path, data_dir: Path, **settings: str) -> Done:
    """Runs one command in this process, with its own settings."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace")
    command = [str(ROOT / "dashboard" / "__main__.py"), *map(os.fsdecode, arguments)]
    get_settings.cache_clear()
    with (
        patch.dict(os.environ, environment_of(data_dir, settings), clear=True),
        patch.object(sys, "argv", command),
        patch.object(sys, "stdin", io.StringIO()),
        patch.object(answers, "_width", None),  # read COLUMNS now, not when the consoles were made
        patch.object(console, "_width", None),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main()
    get_settings.cache_clear()
    code = ended.value.code or 0
    assert isinstance(code, int)
    printed = []
    for stream in (out, err):
        stream.flush()
        printed.append(stream.detach().getvalue())  # type: ignore[attr-defined]
    return Done(command, code, *printed)


def only_json(done: Done) -> Any:
    """The JSON value that a command printed. The output must contain nothing else."""
    return json.loads(done.stdout.decode("utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Readable images, a broken one, and one whose name is not valid UTF-8; also the data folder."""
    folder = tmp_path_factory.mktemp("cli")
    shutil.copytree(ROOT / "data" / "samples", folder / "data" / "samples")
    shutil.copy(FROG, os.fsencode(folder) + b"/gr\xfcn.png")
    (folder / "broken.png").write_bytes(FROG.read_bytes()[:500])
    return folder


@pytest.fixture(scope="module")
def predicted(folder: Path) -> Done:
    names = (FROG, folder / "broken.png", os.fsencode(folder) + b"/gr\xfcn.png", folder / "nowhere.png")
    return process("predict", *names, "--json", data_dir=folder / "data")


@pytest.fixture(scope="module")
def evaluated(folder: Path) -> Done:
    with zipfile.ZipFile(folder / "pictures.zip", "w") as archive:
        for path in (FROG, SHIP):
            archive.write(path, f"{path.parent.name.upper()}/{path.name}")
        archive.writestr("frog/broken.png", b"no image")
        archive.write(SHIP, "zebra/1.png")
    return process("evaluate", folder / "pictures.zip", "--map", "zebra=", "--json", data_dir=folder / "data")


def test_predict_answers_for_every_file_in_order(predicted: Done, folder: Path) -> None:
    answers = only_json(predicted)
    assert [answer["file"] for answer in answers] == [
        str(FROG), str(folder / "broken.png"), f"{folder}/gr\ufffdn.png", str(folder / "nowhere.png"),
    ]  # fmt: skip
    for answer in (answers[0], answers[2]):
        assert set(answer) == {
            "file",
            "predicted_label",
            "confidence",
            "pred_probs",
            "model",
            "doubt",
            "prediction_id",
            "top",
            "sure",
            "cached",
            "fit",
            "notes",
        }
        assert answer["doubt"]["msp"] == answer["confidence"] and answer["doubt"]["unknown"] in (True, False)
        assert answer["predicted_label"] == "frog" and answer["model"] == MODEL
        assert tuple(answer["pred_probs"]) == CLASS_NAMES
        assert answer["confidence"] == answer["pred_probs"]["frog"] == max(answer["pred_probs"].values())
        assert sum(answer["pred_probs"].values()) == pytest.approx(1)


def test_predict_lists_as_many_classes_as_asked_and_says_what_is_sure(folder: Path) -> None:
    command = ("predict", FROG, "--top-k", "2", "--threshold")
    for threshold, sure in (("1", False), ("10%", True)):
        [answer] = only_json(dashboard(*command, threshold, "--json", data_dir=folder / "data"))
        assert answer["top"][0]["label"] == "frog" and len(answer["top"]) == 2
        assert answer["top"][0]["probability"] == answer["confidence"] < 1 and answer["sure"] is sure
    table = dashboard(*command, "1", data_dir=folder / "data").stdout.decode()
    [row] = [line for line in table.splitlines() if FROG.name in line]
    assert [cell.strip() for cell in row.split("│")][4] == "no" and "frog " in row.split("│")[5]


def test_predict_says_that_an_answer_was_stored(folder: Path) -> None:
    image = (folder / "stored.png").resolve()
    Image.open(FROG).rotate(180).save(image)
    first, again = (only_json(dashboard("predict", image, "--json", data_dir=folder / "data"))[0] for _ in range(2))
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["pred_probs"] == first["pred_probs"] and again["prediction_id"] != first["prediction_id"]


def test_predict_tells_how_the_pixels_were_made(folder: Path) -> None:
    animation = folder / "frog.gif"
    with Image.open(FROG) as frog:
        frog.save(animation, save_all=True, append_images=[Image.new("RGB", frog.size)])
    for _ in range(2):  # the second answer was stored
        [answer] = only_json(dashboard("predict", animation, "--json", data_dir=folder / "data"))
        assert answer["notes"] == ["Only the first frame is used."]
    table = dashboard("predict", animation, data_dir=folder / "data").stdout.decode()
    [row] = [line for line in table.splitlines() if animation.name in line]
    assert "Only the first frame is used." in row
    wide = folder / "wide.png"
    Image.open(FROG).resize((192, 32)).save(wide)
    [answer] = only_json(dashboard("predict", wide, "--json", data_dir=folder / "data"))
    assert "was reduced 6 times more than its height" in answer["notes"][0]
    assert only_json(dashboard("predict", FROG, "--json", data_dir=folder / "data"))[0]["notes"] == []


def test_predict_takes_what_the_api_takes() -> None:
    of_the_api = set(signature(api_predict).parameters) - {"caller", "services", "request"}
    assert of_the_api - {"explain", "target"} <= set(signature(predict).parameters)  # `explain` is a command of its own


def test_predict_tells_why_a_file_failed_and_exits_with_1(predicted: Done) -> None:
    _, broken, _, missing = only_json(predicted)
    assert predicted.returncode == 1
    assert broken["error"]["code"] == "truncated" and missing["error"]["code"] == "unreadable"
    for answer in (broken, missing):
        assert set(answer) == {"file", "error"}
        assert set(answer["error"]) == {"code", "message", "fix"} and answer["error"]["message"]


@pytest.mark.parametrize("command", [("predict",), ("explain", "--out", "maps")], ids=lambda command: command[0])
def test_failed_images_are_told_on_standard_error_only(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    name, *options = command
    missing = str(folder / "nowhere.png")
    none = dashboard(name, missing, *options, data_dir=folder / "data")
    assert none.returncode == 1 and none.stdout == b""
    assert f"{missing}: It cannot be opened: No such file or directory." in none.stderr.decode()
    assert "Check the path." in none.stderr.decode()
    mixed = dashboard(name, FROG, missing, *options, data_dir=folder / "data")
    assert mixed.returncode == 1 and b"frog" in mixed.stdout and b"nowhere.png" not in mixed.stdout
    assert f"{missing}: It cannot be opened" in mixed.stderr.decode()
    unknown = dashboard(name, FROG, SHIP, *options, "--model", "nix", data_dir=folder / "data")
    assert unknown.returncode == 2 and unknown.stdout == b""
    assert all(f"{path}: " in unknown.stderr.decode() for path in (FROG, SHIP))


def test_predictions_are_in_the_history(predicted: Done, folder: Path) -> None:
    done = dashboard("history", "list", "--json", data_dir=folder / "data")
    kept = [each for each in only_json(done)["predictions"] if each["file"] == str(FROG)][-1]
    answer = only_json(predicted)[0]
    assert (kept["source"], kept["predicted_label"], kept["confidence"]) == ("command", "frog", answer["confidence"])
    assert kept["prediction_id"] == answer["prediction_id"]
    assert kept["image_sha256"] == hashlib.sha256(FROG.read_bytes()).hexdigest() and kept["latency_ms"] > 0


def test_predict_answers_when_the_history_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "data" / "samples", tmp_path / "samples")
    (tmp_path / "dashboard.sqlite3").write_bytes(b"no database" * 1000)
    done = dashboard("predict", FROG, "--json", data_dir=tmp_path)
    assert done.returncode == 0 and only_json(done)[0]["predicted_label"] == "frog"
    told = done.stderr.decode()
    assert "The history lacks 1 prediction" in told and "dashboard.sqlite3" in told and "database restore" in told
    assert told.count("is damaged") == told.count("database restore") == 1, "one loss, told once"


def test_predict_doubts_a_picture_of_none_of_the_classes(folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    done = dashboard("predict", folder / "noise.png", FROG, data_dir=folder / "data")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert any("noise.png" in line and "but probably none of the classes" in line for line in lines)
    assert any(FROG.name in line and "frog" in line and "none of" not in line for line in lines)


def test_explain_writes_an_overlay_and_exits_with_0(folder: Path) -> None:
    out = folder / "overlay.png"
    done = process("explain", FROG, "--target", "bird", "--out", out, "--json", data_dir=folder / "data")
    [record] = only_json(done)
    assert done.returncode == 0
    assert {"file", "predicted_label", "confidence", "explanations"} <= set(record) and not record["cached"]
    [explanation] = record["explanations"]
    assert {"method", "layer", "grid", "target_label", "heatmap"} <= set(explanation)
    assert (record["file"], explanation["method"], explanation["target_label"]) == (str(FROG), "grad-cam", "bird")
    assert record["predicted_label"] == "frog" and 0.1 < record["confidence"] <= 1
    assert min(explanation["grid"]) >= 4 and explanation["overlay"] == str(out)
    heatmap = explanation["heatmap"]
    assert 0 <= heatmap["min"] < heatmap["mean"] < heatmap["max"] == 1
    with Image.open(out) as overlay:
        assert (overlay.format, overlay.size) == ("PNG", (512, 512))
        assert np.asarray(overlay).std() > 5


def test_explain_by_two_methods(folder: Path) -> None:
    asked = (
        "--method",
        "hires-cam",
        "--method",
        "grad-cam",
        "--method",
        "hires-cam",
        "--out",
        folder / "two",
        "--json",
    )
    [record] = only_json(dashboard("explain", FROG, *asked, data_dir=folder / "data"))
    assert [each["method"] for each in record["explanations"]] == ["hires-cam", "grad-cam"]
    assert len(list((folder / "two").iterdir())) == 4
    history = only_json(dashboard("history", "list", "--json", data_dir=folder / "data"))["predictions"]
    [kept] = [each for each in history if each["prediction_id"] == record["prediction_id"]]
    assert (kept["source"], kept["file"], kept["confidence"]) == ("command", str(FROG), record["confidence"])


@pytest.fixture(scope="module")
def explained(folder: Path) -> Done:
    """Two images of the same name and a broken image, explained by every method."""
    twin = folder / "twin" / FROG.name
    twin.parent.mkdir()
    shutil.copy(SHIP, twin)
    images, out = (FROG, folder / "broken.png", twin), folder / "maps"
    arguments = ("--method", "all", "--faithfulness", "--out", out, "--json")
    return dashboard("explain", *images, *arguments, data_dir=folder / "data")


def test_explain_goes_on_after_a_bad_picture_and_exits_with_1(explained: Done, folder: Path) -> None:
    first, broken, twin = only_json(explained)
    assert explained.returncode == 1 and broken["error"]["code"] == "truncated"
    assert (first["predicted_label"], twin["predicted_label"]) == ("frog", "ship")
    assert len(list((folder / "maps").iterdir())) == 2 * 2 * len(METHODS)


def test_explain_by_every_method_with_overlays_arrays_and_what_they_are_worth(explained: Done) -> None:
    answers = [answer for answer in only_json(explained) if "error" not in answer]
    for answer in answers:
        assert [record["method"] for record in answer["explanations"]] == list(METHODS)
        for record in answer["explanations"]:
            heatmap = np.load(record["array"], allow_pickle=False)
            assert list(heatmap.shape) == record["grid"] and heatmap.min() >= 0 and heatmap.max() == 1
            with Image.open(record["overlay"]) as overlay:
                assert overlay.size == (512, 512)
            worth = record["faithfulness"]
            assert worth["verdict"] in ("better", "mixed", "unsure", "chance", "unmoved") and worth["sentence"]
            assert len(worth["map"]["deletion"]) == len(worth["shares"])
            assert worth["map"]["deletion"][0] == pytest.approx(answer["confidence"], abs=1e-3)


def test_evaluate_counts_every_file(evaluated: Done, folder: Path) -> None:
    record = only_json(evaluated)
    assert evaluated.returncode == 0
    assert set(record) == {
        "run_id", "state", "message", "model", "fit", "n_images", "n_without_image", "n_evaluated", "n_labelled", "n_failed", "failed", "n_left_out", "accuracy", "accuracy_ci95", "macro_f1", "ece15",
        "classes", "confusion", "seconds", "images_per_second", "notes", "label_map",
    }  # fmt: skip
    assert record["model"] == MODEL and record["state"] == "finished"
    assert [record[name] for name in ("n_images", "n_evaluated", "n_failed", "n_left_out")] == [4, 2, 1, 1]
    [failed] = record["failed"]
    assert failed["file"] == "frog/broken.png" and "not an image" in failed["reason"]
    spelled, left_out = record["notes"]
    assert "FROG" in spelled and "SHIP" in spelled and left_out == "As chosen, zebra is left out."
    assert record["label_map"] == {"FROG": "frog", "frog": "frog", "SHIP": "ship", "zebra": "(leave out)"}
    assert record["accuracy"] == 1 and record["macro_f1"] == 1
    low, high = record["accuracy_ci95"]
    assert 0.3 < low < 0.4 and high == 1  # the Wilson interval of 2 of 2 begins at 0.342
    assert record["confusion"]["labels"] == list(CLASS_NAMES)
    counts = np.array(record["confusion"]["counts"])
    frog, ship = CLASS_NAMES.index("frog"), CLASS_NAMES.index("ship")
    assert counts.shape == (10, 10) and counts.sum() == 2 and counts[frog, frog] == counts[ship, ship] == 1
    assert 0 < record["seconds"] < 30 and record["images_per_second"] is None
    assert (folder / "data" / "runs" / record["run_id"] / "manifest.json").is_file()


def test_evaluate_says_in_words_what_it_left_out(evaluated: Done) -> None:
    told = evaluated.stderr.decode()
    assert "zebra is left out" in told and "frog/broken.png: " in told
    assert "1 image left out by choice." in told and "zebra/1.png" not in told


def test_evaluate_exports_and_gates(evaluated: Done, folder: Path, tmp_path: Path) -> None:
    """A second evaluation of the same dataset is taken from the store and needs no TensorFlow."""
    run_id = only_json(evaluated)["run_id"]
    arguments = ("evaluate", folder / "pictures.zip", "--map", "*=", "--json", "--out", tmp_path / "out")
    passed, failed = (
        process(*arguments, "--min-accuracy", least, data_dir=folder / "data", PYTHONPATH=no_tensorflow(tmp_path))
        for least in ("100%", "1")
    )
    assert (passed.returncode, failed.returncode) == (0, 0) and only_json(passed) == only_json(evaluated)
    assert run_id.encode() in passed.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == only_json(evaluated)
    csv = (tmp_path / "out" / "rows.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(csv) == 5 and "reason," + ",".join(f"p_{name}" for name in CLASS_NAMES) + ",index," in csv[0]
    rows = pd.read_parquet(tmp_path / "out" / "rows.parquet")
    assert rows["status"].tolist() == ["ok", "ok", "failed", "failed"] and rows["index"].tolist() == [0, 1, 2, 3]


def no_tensorflow(folder: Path) -> str:
    (folder / "tensorflow.py").write_text("raise ImportError('not needed')")
    return str(folder)


def test_evaluate_below_the_accuracy_asked_for_exits_with_1(folder: Path) -> None:
    with zipfile.ZipFile(folder / "wrong.zip", "w") as archive:
        archive.write(FROG, "ship/1.png")
        archive.write(SHIP, "ship/2.png")
    command = ("evaluate", folder / "wrong.zip", "--workers", "1", "--json", "--min-accuracy")
    failed = dashboard(*command, "0.6", data_dir=folder / "data")
    passed = dashboard(*command, "50%", data_dir=folder / "data")
    assert only_json(failed)["accuracy"] == only_json(passed)["accuracy"] == 0.5
    assert (failed.returncode, passed.returncode) == (1, 0)
    assert b"The accuracy 50.00% is below the required 60.00%." in failed.stderr


def test_evaluate_without_one_image_that_can_be_read_exits_with_1(folder: Path) -> None:
    with zipfile.ZipFile(folder / "broken.zip", "w") as archive:
        archive.writestr("ship/1.png", b"broken")
    done = dashboard("evaluate", folder / "broken.zip", "--workers", "1", "--json", data_dir=folder / "data")
    assert done.returncode == 1 and only_json(done)["n_failed"] == 1
    assert b"No image of the dataset could be evaluated." in done.stderr


def test_runs_are_listed_shown_resumed_exported_and_deleted(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(folder / "data" / "samples", data / "samples")
    plan = plan_run(data / "samples", Registry(ROOT / "models").get("cifar10-resnet"))
    begin_run(plan, RunStore(data / "runs"), 8, "begun").owner.release()
    [listed] = only_json(process("runs", "list", "--json", data_dir=data))
    assert (listed["run_id"], listed["state"], listed["n_images"]) == ("begun", "interrupted", 22)
    assert only_json(dashboard("runs", "show", "begun", "--json", data_dir=data))["state"] == "interrupted"
    resumed = dashboard("evaluate", data / "samples", "--json", data_dir=data)
    assert b"Resuming the evaluation begun" in resumed.stderr and only_json(resumed)["run_id"] == "begun"
    assert resumed.returncode == 0 and only_json(resumed)["n_evaluated"] == 22
    shown = dashboard("runs", "show", "begun", "--json", data_dir=data)
    assert only_json(shown) == only_json(resumed) | {
        name: only_json(shown)[name] for name in ("metrics", "where", "damaged")
    }
    done = dashboard("runs", "export", "begun", "--out", tmp_path / "out", data_dir=data)
    assert done.returncode == 0 and len(list((tmp_path / "out").iterdir())) == 3
    asked = process("runs", "delete", "begun", "--json", data_dir=data)  # nobody answers the question
    assert asked.returncode == 1 and only_json(asked)["error"]["code"] == "cancelled" and b"Delete 1" in asked.stderr
    assert (data / "runs" / "begun").exists()
    deleted = dashboard("runs", "delete", "begun", "--yes", "--json", data_dir=data)
    assert only_json(deleted) == {"deleted": ["begun"], "failed": []} and not (data / "runs" / "begun").exists()


def test_two_commands_at_once_are_one_evaluation(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "data" / "samples", tmp_path / "samples")
    with ThreadPoolExecutor() as both:
        command = partial(process, "evaluate", tmp_path / "samples", "--json", data_dir=tmp_path)
        one, other = (done.result() for done in [both.submit(command) for _ in range(2)])
    assert only_json(one) == only_json(other) and only_json(one)["n_evaluated"] == 22
    assert len(only_json(dashboard("runs", "list", "--json", data_dir=tmp_path))) == 1
    assert [b"Another process evaluates the same" in done.stderr for done in (one, other)].count(True) == 1


def test_evaluate_a_pattern_with_labels_elsewhere_and_a_map(folder: Path) -> None:
    """A labels file for the images of a pattern. Two labels are not classes: one is mapped, one is left out."""
    pictures = folder / "loose"
    pictures.mkdir()
    for i, path in enumerate((FROG, SHIP, SHIP)):
        shutil.copy(path, pictures / f"{i}.png")
    (pictures / "notes.txt").write_text("not part of the pattern")
    (folder / "truth.csv").write_text("file;label\n0.png;croaker\n1.png;ship\n2.png;zebra\n9.png;ship\n")
    options = ("--labels", folder / "truth.csv", "--map", "croaker=frog", "--map", "zebra=")
    done = dashboard("evaluate", pictures / "*.png", *options, "--json", data_dir=folder / "data")
    record = only_json(done)
    assert done.returncode == 0 and (record["n_images"], record["n_evaluated"], record["accuracy"]) == (4, 2, 1)
    reasons = {row["file"]: row["reason"] for row in record["failed"]}
    assert set(reasons) == {"9.png"} and "no such image" in reasons["9.png"] and record["n_left_out"] == 1
    manifest = json.loads((folder / "data" / "runs" / record["run_id"] / "manifest.json").read_text())
    assert dict(manifest["label_map"]) == {"croaker": "frog", "ship": "ship", "zebra": "(leave out)"}
    assert "Labels are taken from truth.csv." in manifest["notes"]


def test_a_fit_gives_its_own_answers_and_is_told(folder: Path) -> None:
    data = folder / "data"
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = np.asarray(Image.open(FROG).convert("RGB"))
    (folder / "wide" / "frog").mkdir(parents=True)
    Image.fromarray(wide).save(folder / "wide" / "frog" / "1.png")
    as_trained, cropped, named = (
        only_json(dashboard("evaluate", folder / "wide", *fit, "--json", data_dir=data))
        for fit in ((), ("--fit", "center-crop"), ("--fit", "stretch"))
    )
    assert (as_trained["fit"], cropped["fit"]) == ("stretch", "center-crop")
    assert named["run_id"] == as_trained["run_id"] != cropped["run_id"], "the stored result of the same fit"
    image, crop = folder / "wide" / "frog" / "1.png", ("--fit", "center-crop", "--json")
    [predicted] = only_json(dashboard("predict", image, *crop, data_dir=data))
    [explained] = only_json(dashboard("explain", image, "--out", folder / "wide.png", *crop, data_dir=data))
    [itself] = only_json(dashboard("predict", FROG, "--json", data_dir=data))
    for answer in (predicted, explained):
        assert answer["fit"] == "center-crop"
        assert answer["confidence"] == pytest.approx(itself["confidence"], abs=1e-4), "the middle is the frog"
    kept = only_json(dashboard("history", "list", "--model", OURS.ref, "--limit", "3", "--json", data_dir=data))
    assert [each["fit"] for each in kept["predictions"]] == ["stretch", "center-crop", "center-crop"]
    resumed = dashboard("evaluate", "--resume", cropped["run_id"], "--fit", "pad", data_dir=data)
    assert resumed.returncode == 2 and b"--fit" in resumed.stderr
    report = folder / "wide.md"
    assert dashboard("report", cropped["run_id"], "--out", report, data_dir=data).returncode == 0
    [again] = [line for line in report.read_text().splitlines() if line.startswith("python -m dashboard evaluate")]
    words = shlex.split(again)[3:]
    assert "--fit" in words
    assert only_json(dashboard(*words, "--json", data_dir=data))["run_id"] == cropped["run_id"]


def test_import_makes_a_run(folder: Path, tmp_path: Path) -> None:
    rows = ("a.png,cat,0.9,0.1", "b.png,hound,0.2,0.8", "c.png,newt,0.5,0.5")
    (tmp_path / "theirs.csv").write_text("\n".join(["file,label,p_cat,p_dog", *rows]))
    options = ("--map", "hound=dog", "--map", "newt=", "--name", "theirs", "--json")
    done = process("import", tmp_path / "theirs.csv", *options, data_dir=tmp_path)
    record = only_json(done)
    assert done.returncode == 0 and (record["model"], record["n_images"], record["accuracy"]) == ("theirs", 3, 1)
    assert record["label_map"] == {"cat": "cat", "hound": "dog", "newt": "(leave out)"}
    assert (record["n_failed"], record["n_left_out"]) == (0, 1)
    shown = only_json(dashboard("runs", "show", record["run_id"], "--json", data_dir=tmp_path))
    assert (shown["n_failed"], shown["failed"], shown["n_left_out"]) == (0, [], 1)
    assert (tmp_path / "runs" / record["run_id"] / "manifest.json").is_file()


def test_of_many_classes_the_worst_are_printed(tmp_path: Path) -> None:
    labels = np.arange(100)
    probs = np.full((100, 100), 0.001)
    probs[labels, np.where(labels < 5, 99, labels)] = 0.901
    np.savez(tmp_path / "x.npz", pred_probs=probs, labels=labels)
    run_id = only_json(dashboard("import", tmp_path / "x.npz", "--json", data_dir=tmp_path))["run_id"]
    told = dashboard("runs", "show", run_id, data_dir=tmp_path).stdout.decode()
    classes = told[: told.index("metric")]
    rows = [line.split("│")[1].strip() for line in classes.splitlines() if line.startswith("│")]
    assert len(rows) == 40 and set(rows[:6]) == {"0", "1", "2", "3", "4", "99"}
    assert "The 40 of 100 classes with the lowest F1" in told


def test_import_says_what_the_figures_are_about(tmp_path: Path) -> None:
    rows = ("a,cat,0.9,0.1,A", "b,dog,0.2,0.8,B", "c,,0.5,0.5,A", "d,cat,,,A", "e,ant,0.5,0.5,A", "f,ant,0.5,0.5,A")
    (tmp_path / "x.csv").write_text("\n".join(["file,label,p_cat,p_dog,site", *rows]))
    refused = dashboard("import", tmp_path / "x.csv", "--json", data_dir=tmp_path)
    error = only_json(refused)["error"]
    assert (refused.returncode, error["code"]) == (1, "labels_unknown") and "ant (2 rows)" in error["message"]
    done = dashboard("import", tmp_path / "x.csv", "--map", "ant=", "--json", data_dir=tmp_path)
    record, told = only_json(done), done.stderr.decode()
    counts = ("n_images", "n_evaluated", "n_labelled", "n_failed", "n_left_out")
    assert [record[name] for name in counts] == [6, 3, 2, 1, 2]
    assert "2 of 3 images labelled" in told and "1 image has no label in x.csv" in told
    assert "1 row has no prediction." in told and "2 rows left out by choice." in told
    shown = dashboard("runs", "show", record["run_id"], data_dir=tmp_path)
    assert "2 of 3 images labelled" in shown.stdout.decode() and "1 image has no label" in shown.stderr.decode()
    of_site = only_json(dashboard("runs", "show", record["run_id"], "--where", "site=A", "--json", data_dir=tmp_path))
    assert (of_site["n_evaluated"], of_site["n_labelled"]) == (2, 1)


def test_import_takes_one_probability_per_row(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("file,label,prob\na,ok,0.1\nb,defect,0.8\n")
    (tmp_path / "named.csv").write_text("file,label,p_defect\na,ok,0.1\nb,defect,0.8\n")
    refused = only_json(dashboard("import", tmp_path / "x.csv", "--json", data_dir=tmp_path))["error"]
    assert refused["code"] == "class_names"
    assert "`--class-names defect,ok` or `--class-names ok,defect`" in refused["fix"]
    for arguments in (["x.csv", "--class-names", "ok,defect"], ["named.csv"]):
        done = only_json(dashboard("import", tmp_path / arguments[0], *arguments[1:], "--json", data_dir=tmp_path))
        assert done["accuracy"] == 1 and "that of defect; that of ok is 1 minus it" in done["notes"][0]


def test_predictions_with_the_classes_of_a_model_are_not_called_like_it(tmp_path: Path) -> None:
    np.save(tmp_path / "theirs.npy", np.full((2, 10), 0.1))
    options = ("--model", "cifar10-small", "--json")
    record = only_json(dashboard("import", tmp_path / "theirs.npy", *options, data_dir=tmp_path))
    assert record["model"] == "theirs"


def test_import_refuses_logits_in_words(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[3.0, -1.0]]))
    done = dashboard("import", tmp_path / "x.npy", "--json", data_dir=tmp_path)
    assert done.returncode == 1 and only_json(done)["error"]["code"] == "pred_probs"
    assert "softmax" in only_json(done)["error"]["fix"] and b"Traceback" not in done.stderr


def test_doctor_reports_every_check(folder: Path) -> None:
    done = process("doctor", "--json", data_dir=folder / "data")
    report = only_json(done)
    assert report["status"] in ("ok", "warning") and done.returncode == 0, report
    checks = {check["id"]: check for check in report["checks"]}
    assert all({"id", "status", "summary", "fix"} <= set(check) for check in report["checks"])
    assert checks["tensorflow"]["status"] == "ok" and "package.streamlit" in checks


def test_doctor_exits_with_1_when_something_is_broken(folder: Path) -> None:
    done = dashboard("doctor", "--json", data_dir=folder / "data", DASHBOARD_MODELS_DIR=str(folder / "no-models"))
    report = only_json(done)
    assert report["status"] == "error" and done.returncode == 1
    assert any(check["status"] == "error" and check["fix"] for check in report["checks"])


def test_models_lists_what_each_version_takes_and_gives(folder: Path) -> None:
    done = process("models", "--json", data_dir=folder)
    [record] = [version for version in only_json(done) if version["name"] == "cifar10-resnet"]
    assert done.returncode == 0
    assert set(record) == {
        "name", "version", "active", "input_shape", "class_names", "preprocessing", "metrics", "error",
    }  # fmt: skip
    assert record["error"] is None and record["active"] is True and record["input_shape"] == [32, 32, 3]
    assert tuple(record["class_names"]) == CLASS_NAMES
    assert record["preprocessing"]["height"] == 32 and record["metrics"]["accuracy"] > 0.9


def test_the_readme_holds_the_table_of_models(folder: Path) -> None:
    done = dashboard("models", "--markdown", data_dir=folder)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [table] = [part for part in readme.split("\n\n") if part.startswith("| model | accuracy |")]
    printed, written = (text.strip().splitlines() for text in (done.stdout.decode(), table))
    assert len(written) > 3 and len(printed) == len(written)
    for found, wanted in zip(
        written, printed, strict=True
    ):  # without the last column: the speed depends on the machine
        assert found.split("|")[:-2] == wanted.split("|")[:-2]


def test_models_marks_in_its_row_a_version_that_cannot_be_used(models: Path) -> None:
    shutil.copytree(models / "cifar10-resnet" / "1", models / "cifar10-resnet" / "3")
    (models / "cifar10-resnet" / "1" / "model.keras").unlink()
    (models / "cifar10-resnet" / "2" / "model.keras").write_bytes(b"cut off")
    (models / "active.json").write_text('{"model": "cifar10-resnet@1"}')
    done = process("models", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models), COLUMNS="120")
    table, told = done.stdout.decode(), done.stderr.decode()
    rows = [[cell.strip() for cell in line.strip("│ ").split("│")] for line in table.splitlines() if "│" in line]
    assert {row[1]: row[-1] for row in rows} == {"1": "missing", "2": "damaged", "3": "ok"}
    assert {row[1]: row[2] for row in rows} == {"1": "yes", "2": "", "3": ""}
    assert "cifar10-resnet@2: model.keras is cut off or damaged" in told
    assert "python -m dashboard models use cifar10-resnet@3" in told
    as_json = dashboard("models", "--json", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models))
    good, damaged, missing = only_json(as_json)
    assert as_json.returncode == done.returncode and as_json.stderr.decode().split() == told.split()
    assert (good["version"], good["error"], good["active"]) == ("3", None, False)
    assert (damaged["version"], damaged["error"]["code"], damaged["active"]) == ("2", "checksum", False)
    assert (missing["name"], missing["version"], missing["active"]) == ("cifar10-resnet", "1", True)
    assert missing["error"]["code"] == "model_missing" and missing["error"]["fix"] and missing["class_names"] == []


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with the project's model twice, as @1 and @2."""
    for version in "12":
        shutil.copytree(OURS.folder, tmp_path / "models" / "cifar10-resnet" / version)
    return tmp_path / "models"


def active(models: Path, **settings: str) -> list[str]:
    done = dashboard("models", "--json", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models), **settings)
    return [version["version"] for version in only_json(done) if version["active"]]


def test_models_use_changes_the_active_version(models: Path) -> None:
    assert active(models) == ["2"]
    done = process("models", "use", "cifar10-resnet@1", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models))
    assert done.returncode == 0 and b"takes precedence" not in done.stderr
    assert active(models) == ["1"]


def test_a_damaged_version_does_not_become_the_active_one(models: Path) -> None:
    with (models / "cifar10-resnet" / "1" / "model.keras").open("r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    done = dashboard("models", "use", "cifar10-resnet@1", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models))
    assert done.returncode == 1 and b"its checksum does not match" in done.stderr
    assert active(models) == ["2"]


def test_models_use_says_when_a_setting_wins(models: Path) -> None:
    setting = {"DASHBOARD_MODELS_DIR": str(models), "DASHBOARD_MODEL": "cifar10-resnet@2"}
    done = dashboard("models", "use", "cifar10-resnet@1", data_dir=models.parent, **setting)
    assert done.returncode == 0
    assert b"DASHBOARD_MODEL=cifar10-resnet@2" in done.stderr and b"takes precedence" in done.stderr
    assert active(models, DASHBOARD_MODEL="cifar10-resnet@2") == ["2"]
    again = dashboard("models", "use", "cifar10-resnet@1", "--json", data_dir=models.parent, **setting)
    assert only_json(again)["active"] is False
    gone = {**setting, "DASHBOARD_MODEL": "gone"}
    assert (
        only_json(dashboard("models", "use", "cifar10-resnet@1", "--json", data_dir=models.parent, **gone))["active"]
        is False
    )


def test_a_model_that_is_added_does_not_become_the_active_one(models: Path, tiny_version: ModelVersion) -> None:
    """Even if its name comes first in the alphabet."""
    arguments = (
        "--name",
        "a-model",
        "--class-names",
        ",".join(CLASS_NAMES),
        "--scale",
        "1/255",
        "--resample",
        "bilinear",
    )
    added = process(
        "models", "add", tiny_version.file, *arguments, data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models)
    )
    assert added.returncode == 0 and b"cifar10-resnet@2 stays active" in added.stderr
    told = " ".join(added.stdout.decode().split())
    assert (
        "It takes colour pictures (RGB) of 32x32 pixels, in the scaling 1/255. A picture with other proportions is stretched to "
        "it. Pictures of another size are resized (Bilinear, not antialiased), see --resample. Its outputs for the 10 classes, in the order airplane, automobile, bird, cat, deer, dog, frog, horse and 2 "
        "more, are taken as logits, and a softmax makes probabilities of them."
    ) in told
    assert active(models) == ["2"]
    again = dashboard(
        "models", "add", tiny_version.file, "--json", "--name", "cifar10-resnet", *arguments[2:],
        data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models),
    )  # fmt: skip
    assert only_json(again)["version"] == "3" and only_json(again)["active"] is False
    assert active(models) == ["2"], "nor does a new version of the active one"
    by_name = {"DASHBOARD_MODELS_DIR": str(models), "DASHBOARD_MODEL": "cifar10-resnet"}
    chosen = dashboard(
        "models", "add", tiny_version.file, "--json", "--name", "cifar10-resnet", *arguments[2:],
        data_dir=models.parent, **by_name,
    )  # fmt: skip
    assert only_json(chosen)["active"] is True and b"From now on it means cifar10-resnet@4" in chosen.stderr
    assert active(models) == ["2"], "without the setting"


def test_an_unknown_model_is_an_error_for_every_file(folder: Path) -> None:
    done = dashboard("predict", FROG, SHIP, "--model", "[bold]none", "--json", data_dir=folder)
    answers = only_json(done)
    assert done.returncode == 2
    assert [answer["file"] for answer in answers] == [str(FROG), str(SHIP)]
    assert all(answer["error"]["code"] == "model_unknown" for answer in answers)
    assert all("[bold]none" in answer["error"]["message"] for answer in answers)


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "--json"), ("predict", "x.png", "--nonsense"), ("explain", "x.png", "--target", "zebra", "--json"),
        ("explain", "x.png", "--method", "magic"), ("explain", "x.png", "y.png", "--out", "one.png"), ("nonsense",),
        ("evaluate", "--json"), ("evaluate", "x.zip", "--resume", "y"), ("evaluate", "x.zip", "--min-accuracy", "93"),
        ("import", "x", "--model", "a", "--class-names", "b,c"),
    ],
    ids=[
        "no picture", "option", "class", "method", "one file for two", "command", "no dataset", "dataset and run",
        "share", "two names",
    ],
)  # fmt: skip
def test_wrong_usage_exits_with_2_and_prints_no_answer(arguments: tuple[str, ...], folder: Path) -> None:
    done = dashboard(*arguments, data_dir=folder)
    assert done.returncode == 2 and b"Usage" in done.stderr
    if "--json" in arguments:
        assert only_json(done)["error"]["code"] == "usage"
    else:
        assert done.stdout == b""


def test_a_process_exits_with_2_on_wrong_usage(folder: Path) -> None:
    done = process("predict", "--json", data_dir=folder)
    assert done.returncode == 2 and b"Usage" in done.stderr
    assert only_json(done)["error"]["code"] == "usage"


def test_get_cifar10_without_a_network_says_where_to_put_the_file(tmp_path: Path) -> None:
    nobody = "http://127.0.0.1:9"  # the port of the discard service, which is not running
    done = process("data", "get-cifar10", data_dir=tmp_path, https_proxy=nobody, http_proxy=nobody, no_proxy="")
    assert done.returncode == 1 and done.stdout == b""
    told = "".join(done.stderr.decode().split())  # Rich wraps long lines
    assert f"putitat{tmp_path / 'downloads' / FILE_NAME}" in told
    assert list((tmp_path / "downloads").iterdir()) == []


def test_json_is_utf8_whatever_the_terminal_speaks(tmp_path: Path) -> None:
    path = tmp_path / "Käfer-小.rar"
    path.write_bytes(b"Rar!")
    done = process("evaluate", path, "--json", data_dir=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "Käfer-小.rar" in only_json(done)["error"]["message"]


def test_a_dataset_whose_name_is_no_utf8_is_refused_in_words(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/b\xfcro/frog"
    os.makedirs(folder)  # noqa: PTH103  # pathlib takes no bytes
    shutil.copy(FROG, folder + b"/1.png")
    done = dashboard("evaluate", os.fsencode(tmp_path) + b"/b\xfcro", "--json", data_dir=tmp_path)
    assert done.returncode == 1
    assert only_json(done)["error"]["code"] == "bad_name"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(("name", "value"), [("DASHBOARD_WORKERS", "0"), ("DASHBOARD_PRECISION", "bfloat16")])
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str) -> None:
    done = dashboard("runs", "list", "--json", data_dir=tmp_path, **{name: value})
    assert done.returncode == 1 and b"Traceback" not in done.stderr
    assert only_json(done)["error"]["code"] == "settings"
    assert f"{name} is '{value}'" in only_json(done)["error"]["message"]


def test_an_empty_setting_is_none(tmp_path: Path) -> None:
    done = dashboard("runs", "list", "--json", data_dir=tmp_path, DASHBOARD_WORKERS="")
    assert done.returncode == 0 and only_json(done) == []


def test_a_folder_that_may_not_be_written_to_is_told_in_words(models: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    models.chmod(0o500)
    done = dashboard("models", "use", "cifar10-resnet@1", data_dir=models.parent, DASHBOARD_MODELS_DIR=str(models))
    models.chmod(0o700)
    assert done.returncode == 1 and b"Permission denied" in done.stderr and b"Traceback" not in done.stderr


def test_the_samples_are_there_with_any_data_folder(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).samples_dir == ROOT / "data" / "samples"
    (tmp_path / "samples").mkdir()
    assert Settings(data_dir=tmp_path).samples_dir == tmp_path / "samples"


def test_folders_are_where_they_were_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative folders become absolute, because the workers run in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    settings = Settings(models_dir=Path("lab"), data_dir=Path("~/d"))
    assert (settings.models_dir, settings.data_dir) == (tmp_path / "lab", Path("/home/me/d"))
    with pytest.raises(ValidationError):
        Settings(data_dir=Path("~nobody-of-this-name/d"))


@pytest.mark.parametrize(
    "fault, code, fix",
    [
        (errno.EACCES, "permission", "Give this user permission"), (errno.ENOSPC, "system", "Free some space"),
        (errno.EROFS, "system", "read-only"), (errno.ENOTDIR, "system", "Check the path"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_is_told_in_words(
    fault: int, code: str, fix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**kwargs: object) -> None:
        raise OSError(fault, os.strerror(fault), "models/active.json")

    monkeypatch.setattr(cli, "app", refuse)
    monkeypatch.setattr("sys.argv", ["dashboard", "--json"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = json.loads(capsys.readouterr().out)["error"]
    assert ended.value.code == 1 and told["code"] == code and "active.json: " in told["message"] and fix in told["fix"]


def test_a_picture_that_ends_its_worker_does_not_spoil_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Inference:
        def predict_later(self, version: ModelVersion, files: list[bytes]) -> Future[list[Failure]]:
            asked: Future[list[Failure]] = Future()
            if files == [b"deadly"]:
                asked.set_exception(WorkerError("Its worker ended.", "Leave it out.", "worker_lost"))
            elif files == [b"last"]:
                asked.set_exception(WorkerError("No worker can start.", "Look at Diagnostics.", "worker_unavailable"))
            else:
                asked.set_result([Failure("format", "It is no image.")])
            return asked

    idle = WorkerPool(1, command=("/bin/true",), at_once=False)
    opened = replace(services_of(Settings(), idle), inference=Inference())  # type: ignore[arg-type]
    monkeypatch.setattr("dashboard.cli.predict.services", lambda local: nullcontext(opened))
    contents = {"a.png": b"deadly", "b.png": b"text", "c.png": b"last", "d.png": b"text"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    done = CliRunner().invoke(app, ["predict", "--json", *(str(tmp_path / name) for name in contents)])
    idle.close()
    answers = json.loads(done.stdout)
    assert done.exit_code == 1 and [Path(answer["file"]).name for answer in answers] == list(contents)
    codes = [answer["error"]["code"] for answer in answers]
    assert codes == ["worker_lost", "format", "worker_unavailable", "worker_unavailable"]
