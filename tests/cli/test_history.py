"""The commands about the history and the feedback."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dashboard.cli.output import answers
from dashboard.core.database.database import Database
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history.history import History
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from dashboard.services import services_of
from tests.cli.records import Commands
from tests.conftest import encoded, picture
from tests.postgres import settings_of
from tests.recorded import at, entry
from tests.worker.hostile_worker import EVALUATING


@pytest.fixture
def recorded(commands: Commands) -> Commands:
    settings = settings_of(commands.data_dir, history_images=True, history_image_days=0)
    database = Database(settings)
    history = History(database, lambda: RunStore(settings.runs_dir), settings)
    of_model = {"model_name": (version := Registry.of(settings).active()).name, "model_version": version.version}
    for i, user in enumerate(("[red]bob", "ann", "ann")):
        history.record(entry(encoded(picture(i)), time_utc=at(i), file=f"{i}.png", user=user, fit="pad", **of_model))
    newest = entry(b"image", 0.0, 9.0, 0.0, file="=now.png", time_utc=datetime.now(timezone.utc))
    feedback = Feedback(database, history)
    feedback.give(history.record(newest), True, user="ann")
    feedback.give(history.query(limit=2).entries[1].prediction_id, False, "dog", note="clearly a dog")
    assert history.close()
    database.close()
    return commands


def test_the_history_is_listed_in_pages(recorded: Commands) -> None:
    page = recorded.json("history", "list", "--limit", "3")
    assert [each["file"] for each in page["predictions"]] == ["=now.png", "2.png", "1.png"]
    said = [(each["feedback"], each["true_label"], each["note"]) for each in page["predictions"]]
    assert said == [
        ("right", page["predictions"][0]["predicted_label"], ""),
        ("wrong", "dog", "clearly a dog"),
        (None, None, None),
    ]
    rest = recorded.json("history", "list", "--limit", "3", "--cursor", page["next_cursor"])
    assert [each["user"] for each in rest["predictions"]] == ["[red]bob"] and rest["next_cursor"] is None
    found = recorded.json("history", "list", "--label", "dog", "--from", "2026-03-01", "--least-confidence", "0.5")
    assert [each["predicted_label"] for each in found["predictions"]] == ["dog"]
    shown = recorded.run("history", "list", "--until", "2026-03-01T12:02").stdout
    assert "(Pad with" in shown and page["predictions"][1]["fit"] == "pad"
    assert "[red]bob" in shown and "1.png" in shown and "2.png" not in shown
    assert page["note"] == recorded.json("history", "list", "--no-doubt")["note"] == ""
    assert "not searched" in recorded.run("history", "list", "--image-sha256", "0" * 64).stderr
    assert recorded.json("history", "list", "--cursor", "x", fails=True)["error"]["code"] == "cursor"
    recorded.run("history", "list", "--source", "nowhere", fails=True)
    recorded.run("history", "list", "--from", "yesterday", fails=True)


def test_a_server_deletes_old_predictions_when_it_starts(recorded: Commands) -> None:
    settings = settings_of(recorded.data_dir, history_days=30)
    with services_of(settings, WorkerPool(1, command=EVALUATING, at_once=False)) as server:
        server.start()
        assert [each.file for each in server.history.walk()] == ["=now.png"]


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no text of a table is broken."""
    monkeypatch.setattr(answers, "_width", 200)


@pytest.mark.parametrize("width", [120, 80, 60])
def test_a_narrow_terminal_breaks_no_word_of_the_history(
    recorded: Commands, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(answers, "stderr", False)  # which a command with --json changes
    monkeypatch.setattr(answers, "_width", width)
    done = recorded.run("history", "list")
    words = {*done.stdout.split()}
    assert {"time", "file", "predicted", "confidence", "model", "99.98%", "dog"} <= words
    assert all(title in words or title in done.stderr for title in ("source", "user"))
    assert max(map(len, done.stdout.splitlines())) <= width


def test_the_history_is_exported_and_deleted(recorded: Commands, tmp_path: Path) -> None:
    table, lines = tmp_path / "history.csv", tmp_path / "history.jsonl"
    assert recorded.json("history", "export", "--out", str(table))["written"] == 4
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8-sig"))))
    assert [row["file"] for row in rows] == ["'=now.png", "2.png", "1.png", "0.png"]
    assert [row["fit"] for row in rows] == ["stretch", "pad", "pad", "pad"]
    assert recorded.json("history", "export", "--out", str(lines), "--label", "dog")["written"] == 1
    exported, [listed] = (
        json.loads(lines.read_text()),
        recorded.json("history", "list", "--label", "dog")["predictions"],
    )
    assert exported == {**listed, "feedback": "right", "true_label": "dog", "note": ""} and exported["fit"] == "stretch"
    said = [(row["feedback"], row["true_label"], row["note"]) for row in rows]
    assert said == [("right", "dog", ""), ("wrong", "dog", "clearly a dog"), ("", "", ""), ("", "", "")]
    flat = {name: value for name, value in exported.items() if name not in ("model", "top3")}
    assert flat.keys() == rows[0].keys() - {"model_name", "model_version"} - {
        f"{what}_{place}" for what in ("label", "probability") for place in (1, 2, 3)
    }
    recorded.run("history", "export", "--out", str(tmp_path / "history.xls"), fails=True)
    assert recorded.json("history", "delete", "--before", "2026-03-01T12:02", "--yes") == {"deleted": 2}
    assert len(recorded.json("history", "list")["predictions"]) == 2


def damage(commands: Commands, statement: str) -> None:
    with closing(sqlite3.connect(commands.data_dir / "dashboard.sqlite3")) as connection, connection:
        connection.execute(statement)


def test_a_damaged_prediction_is_left_out_of_the_export_and_told(recorded: Commands, tmp_path: Path) -> None:
    damage(recorded, "UPDATE predictions SET confidence = 'high' WHERE file = '1.png'")
    for out in (tmp_path / "history.csv", tmp_path / "history.jsonl"):
        done = recorded.run("history", "export", "--out", str(out))
        assert "Wrote 3 predictions" in done.stdout and "1 damaged record is left out." in done.stderr
        assert "predictions.confidence holds" in done.stderr and "database restore" in done.stderr
        text = out.read_text("utf-8-sig")
        assert "1.png" not in text and all(name in text for name in ("=now.png", "2.png", "0.png"))
    told = recorded.json("history", "export", "--out", str(out))
    assert told["written"] == 3 and "1 damaged record is left out." in told["note"]
    assert recorded.json("history", "export", "--out", str(out), "--label", "dog")["note"] == ""


@pytest.mark.usefixtures("wide")
def test_damaged_feedback_is_left_out_of_the_list_and_the_exports_and_told(recorded: Commands, tmp_path: Path) -> None:
    damage(recorded, "UPDATE feedback SET confidence = 'high' WHERE is_right")
    listed = recorded.json("feedback", "list")
    assert [each["note"] for each in listed["feedback"]] == ["clearly a dog"] and listed["accuracy"]["n"] == 1
    done = recorded.run("feedback", "list")
    assert "clearly a dog" in done.stdout and "1 damaged record is left out." in done.stderr
    assert "feedback.confidence holds" in done.stderr and listed["note"] in done.stderr
    for name in ("labels.csv", "labels.zip"):
        told = recorded.json("feedback", "export", "--out", str(tmp_path / name))
        assert told["written"] == 1 and told["note"] == listed["note"]
        done = recorded.run("feedback", "export", "--out", str(tmp_path / name))
        assert "1 damaged record is left out." in done.stderr
    damage(recorded, "UPDATE feedback SET confidence = 'high'")
    error = recorded.json("feedback", "export", "--out", str(tmp_path / "labels.csv"), fails=True)["error"]
    assert error["code"] == "database_damaged"


@pytest.mark.usefixtures("wide")
def test_feedback_is_listed_and_exported(recorded: Commands, tmp_path: Path) -> None:
    told = recorded.json("feedback", "list")
    assert [each["true_label"] for each in told["feedback"]] == ["dog", "dog"]
    assert (told["accuracy"]["value"], told["accuracy"]["n"], told["disputed"]) == (0.5, 2, 0) and told["caution"]
    shown = recorded.run("feedback", "list").stdout
    assert "clearly a dog" in shown and "50.0%" in shown and "catch their eye" in shown
    table, images = tmp_path / "labels.csv", tmp_path / "labels.zip"
    assert recorded.json("feedback", "export", "--out", str(table))["written"] == 2
    assert recorded.json("feedback", "export", "--out", str(images))["written"] == 2
    assert recorded.json("feedback", "export", "--out", str(table))["disputed"] == 0
    recorded.run("feedback", "export", "--out", str(tmp_path / "labels.txt"), fails=True)
