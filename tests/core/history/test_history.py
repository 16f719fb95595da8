"""The history: what is recorded can be found again, in pages that stay the same while more is recorded."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboard.core.database.database import Database
from dashboard.core.database.ids import now_utc
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, DatabaseError
from dashboard.core.history import storing
from dashboard.core.history.entry import Entry, HistoryFilter
from dashboard.core.history.exporting import write_csv, write_json_lines
from dashboard.core.history.history import History
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.postgres import settings_of
from tests.recorded import at, entry, pets_zip, stored_run
from tests.reports.made_runs import store_run
from tests.run_rows import Row
from tests.simulated_runs import clean


def recorded(history: History, *entries: Entry) -> list[str]:
    ids = [history.record(each) for each in entries]
    assert history.flush(10)
    return ids


def found(history: History, **asked: object) -> list[str]:
    wanted = HistoryFilter(**asked)  # type: ignore[arg-type]
    entries = list(history.walk(wanted))
    assert history.count(wanted) == len(entries)
    return [each.prediction_id for each in entries]


def test_everything_about_a_prediction_is_kept(history: History) -> None:
    made = entry(b"the image", 2.0, 1.0, 0.0)
    [prediction_id] = recorded(history, made)
    kept = history.get(prediction_id)
    assert kept.image_sha256 == hashlib.sha256(b"the image").hexdigest() and kept.image is None
    assert (kept.source, kept.user, kept.file, kept.latency_ms) == ("api", "ann", "a.png", 12.5)
    assert (kept.model_name, kept.model_version, kept.model_sha256) == ("pets", "1", "m" * 64)
    assert kept.label == "cat" and kept.confidence == pytest.approx(0.6652, abs=1e-4)
    assert [label for label, _ in kept.top3] == ["cat", "dog", "=ant"]
    assert sum(probability for _, probability in kept.top3) == pytest.approx(1)
    assert kept.fit == "stretch"
    assert kept.doubt is False and kept.doubt_msp == kept.confidence and kept.doubt_energy is not None
    assert abs(kept.time_utc - made.time_utc) < timedelta(milliseconds=1) and kept.time_utc.tzinfo is not None
    assert history.image(kept) is None
    assert (history.written, history.dropped, history.waiting) == (1, 0, 0)


def test_a_prediction_that_was_just_made_can_be_asked_for(history: History) -> None:
    assert history.get(history.record(entry())).label == "cat"
    with pytest.raises(DashboardError) as caught:
        history.get("0" * 32)
    assert caught.value.code == "prediction_unknown"


def test_a_prediction_that_is_written_while_it_is_looked_for_is_found(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = history._one

    def look_then_write(asked: object) -> object:
        row = look(asked)  # type: ignore[arg-type]
        history.flush(10)
        return row

    monkeypatch.setattr(history, "_one", look_then_write)
    assert history.get(history.record(entry())).label == "cat"


def test_the_filters_find_what_they_say(history: History) -> None:
    sure, doubtful, other = recorded(
        history,
        entry(b"1", 5.0, 0.0, 0.0, time_utc=at(1)),
        entry(b"2", 0.1, 0.0, 0.0, time_utc=at(2), source="page", user="bob"),
        entry(b"3", 0.0, 5.0, 0.0, time_utc=at(3), model_version="2"),
    )
    assert found(history) == [other, doubtful, sure]
    assert found(history, from_utc=at(2)) == [other, doubtful] and found(history, until_utc=at(2)) == [sure]
    assert found(history, source="page") == found(history, user="bob") == [doubtful]
    assert found(history, model="pets") == [other, doubtful, sure] and found(history, model="pets@2") == [other]
    assert found(history, label="dog") == [other] and found(history, label="ant") == []
    assert found(history, least_confidence=0.9) == [other, sure] and found(history, most_confidence=0.9) == [doubtful]
    assert found(history, doubt=True) == [doubtful] and found(history, doubt=False) == [other, sure]
    assert found(history, image_sha256=hashlib.sha256(b"2").hexdigest()) == [doubtful]
    assert found(history, label="cat", user="ann") == [sure]


def test_pages_stay_the_same_while_predictions_are_added(history: History, runs: RunStore, tmp_path: Path) -> None:
    expected = recorded(
        history, *(entry(time_utc=at(0, i)) for i in range(10)), *(entry(time_utc=at(9, i)) for i in range(10))
    )
    stored_run(runs, pets_zip(tmp_path / "pets.zip"), at(5))
    stored_run(runs, pets_zip(tmp_path / "pets.zip"), at(0, 5), "20260301-120005-abd")
    seen, cursor = [], None
    while True:
        page = history.query(limit=3, cursor=cursor)
        seen += [each.prediction_id for each in page.entries]
        recorded(history, entry(time_utc=at(30)))
        cursor = page.next_cursor
        if cursor is None:
            break
    first, second = ([f"{name}:{i}" for i in (3, 2, 1, 0)] for name in ("20260301-120000-abc", "20260301-120005-abd"))
    stored = expected[::-1]
    assert seen == [*stored[:10], *first, *stored[10:15], *second, *stored[15:]]


@pytest.mark.parametrize("cursor", ["", "x", "0" * 31, "' OR 1", "0" * 12 + ":../x:1"])
def test_a_cursor_of_elsewhere_is_refused(history: History, cursor: str) -> None:
    with pytest.raises(DashboardError) as caught:
        history.query(cursor=cursor)
    assert caught.value.code == "cursor"


def test_the_predictions_of_an_evaluation_are_those_of_its_run(
    history: History, runs: RunStore, tmp_path: Path
) -> None:
    dataset = pets_zip(tmp_path / "pets.zip")
    run_id = stored_run(runs, dataset, at(5)).run_id
    history.record_run(run_id, "ann")
    [other] = recorded(history, entry(user="bob"))
    assert found(history, source="evaluation") == [f"{run_id}:{i}" for i in (3, 2, 1, 0)]
    assert found(history, user="ann") == found(history, label="cat", until_utc=at(6))
    assert found(history, user="bob") == [other] and found(history, label="dog", source="evaluation") == []
    kept = history.get(f"{run_id}:2")
    assert (kept.source, kept.user, kept.file, kept.label, kept.confidence) == (
        "evaluation",
        "ann",
        "dog/2.png",
        "cat",
        0.75,
    )
    assert kept.fit is None, "the run does not say it"
    assert (kept.model_name, kept.model_version, kept.model_sha256, kept.time_utc) == ("pets", "1", "m", at(5))
    image = history.image(kept)
    assert image and kept.image_sha256 == hashlib.sha256(image).hexdigest()
    for missing in (f"{run_id}:4", f"{run_id}:x", "20260301-000000-no:0", "../x:0"):
        with pytest.raises(DashboardError) as caught:
            history.get(missing)
        assert caught.value.code == "prediction_unknown"
    dataset.unlink()
    gone = history.get(f"{run_id}:2")
    assert gone.label == "cat" and gone.image_sha256 == "" and history.image(gone) is None


def test_whose_an_evaluation_is_stands_in_its_manifest(history: History, runs: RunStore, tmp_path: Path) -> None:
    """So a new database still knows it. The record counts where the manifest names nobody, as for a command."""
    dataset = pets_zip(tmp_path / "pets.zip")
    owned = stored_run(runs, dataset, at(5), user="ann").run_id
    started = stored_run(runs, dataset, at(6), "20260301-120006-abd").run_id
    history.record_run(started, "account")
    history.record_run(owned, "bob")
    assert history.flush(10)
    assert found(history, user="ann") == [f"{owned}:{i}" for i in (3, 2, 1, 0)]
    assert found(history, user="account") == [f"{started}:{i}" for i in (3, 2, 1, 0)] and not found(history, user="bob")
    assert history.get(f"{owned}:1").user == "ann" and history.get(f"{started}:1").user == "account"


def test_another_picture_under_the_name_of_an_evaluated_one_is_not_given(
    history: History, runs: RunStore, tiny_version: ModelVersion, pool: WorkerPool, make_zip: MakeZip
) -> None:
    run_id = evaluate(make_zip({"cat": 2}), tiny_version, pool, runs).run_id
    kept = history.get(f"{run_id}:0")
    assert history.image(kept) == encoded(picture(0))
    make_zip({}, extra={f"cat/{i}.png": encoded(picture(7 + i)) for i in range(2)})
    assert history.image(kept) is None


def test_the_doubt_about_an_image_of_an_evaluation_is_computed_if_the_version_is_there(
    database: Database, runs: RunStore, settings: Settings, tmp_path: Path
) -> None:
    history = History(database, lambda: runs, settings.model_copy(update={"models_dir": tmp_path / "models"}))
    run_id = stored_run(runs, pets_zip(tmp_path / "pets.zip"), at(5)).run_id  # all logits are 1 and -1
    assert history.get(f"{run_id}:2").doubt is None
    folder = tmp_path / "models" / "pets" / "1"
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights")
    for sha256, doubts in (("m", True), ("another", None)):
        record = {
            "class_names": ["cat", "dog"], "preprocessing": {"height": 8, "width": 8}, "output": "logits",
            "temperature": 1.0, "sha256": sha256,
            "familiarity": {"kept": 0.95, "max_energy": -5.0, "min_msp": 0.5, "decides": "energy"},
        }  # fmt: skip
        (folder / "model.json").write_text(json.dumps(record))
        found = history.get(f"{run_id}:2")
        assert found.doubt is doubts and found.doubt_msp == (0.75 if doubts else None)
    history.close()


def test_the_stored_doubt_counts_also_when_the_version_is_gone(history: History, runs: RunStore) -> None:
    doubt = np.arange(20) % 4 == 0
    run_id = replace(clean(0, 20), doubt=doubt).store(runs.root / "20260101-000000-abc").path.name
    for wanted in (True, False):
        indices = np.flatnonzero(doubt == wanted)[::-1]
        assert found(history, doubt=wanted) == [f"{run_id}:{i}" for i in indices]
    kept = history.get(f"{run_id}:4")
    assert kept.doubt is True and kept.doubt_energy is None


@pytest.mark.parametrize("decides, doubtful", [("energy", [1, 3]), ("msp", [2, 3])])
def test_doubtful_images_of_evaluations_are_found(
    database: Database, runs: RunStore, settings: Settings, tmp_path: Path, decides: str, doubtful: list[int]
) -> None:
    history = History(database, lambda: runs, settings.model_copy(update={"models_dir": tmp_path / "models"}))
    rows = [
        Row(0, "0.png", "cat", "cat", 0.9, [0.9, 0.1], [6.0, 3.0], "ok", ""),
        Row(1, "1.png", "cat", "cat", 0.9, [0.9, 0.1], [1.0, -2.0], "ok", ""),
        Row(2, "2.png", "cat", "cat", 0.6, [0.6, 0.4], [6.0, 5.5], "ok", ""),
        Row(3, "3.png", "cat", "cat", 0.6, [0.6, 0.4], [1.0, 0.5], "ok", ""),
        Row(4, "4.png", "cat", "cat", 0.6, [0.6, 0.4], None, "ok", ""),
    ]
    m = store_run(runs, rows).manifest
    sure = [i for i in range(4) if i not in doubtful]
    for sha256, expected in (("m", (doubtful, sure)), ("another", ([], []))):
        folder = tmp_path / "models" / "pets" / "1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.keras").write_bytes(b"weights")
        record = {
            "class_names": ["cat", "dog"], "preprocessing": {"height": 8, "width": 8}, "output": "logits",
            "temperature": 1.0, "sha256": sha256,
            "familiarity": {"kept": 0.95, "max_energy": -5.0, "min_msp": 0.7, "decides": decides},
        }  # fmt: skip
        (folder / "model.json").write_text(json.dumps(record))
        for doubt, indices in zip((True, False), expected, strict=True):
            asked = HistoryFilter(doubt=doubt)
            page = history.query(asked)
            assert [entry.prediction_id for entry in page.entries] == [f"{m.run_id}:{i}" for i in reversed(indices)]
            assert all(entry.doubt is doubt for entry in page.entries) and page.note == ""
            assert history.count(asked) == len(indices)
    asked = HistoryFilter(image_sha256="0" * 64)
    assert history.query(asked).note == (
        "Evaluations are not searched, because they do not store the hashes of their images."
    )
    history.close()


def test_images_are_kept_only_when_wished_and_each_once(database: Database, runs: RunStore, settings: Settings) -> None:
    history = History(database, lambda: runs, settings.model_copy(update={"history_images": True}))
    ids = recorded(history, entry(b"same"), entry(b"same"), entry(b"other"))
    assert [history.image(history.get(each)) for each in ids] == [b"same", b"same", b"other"]
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM images").scalar() == 2
    history.close()


def test_what_is_too_old_is_deleted(database: Database, runs: RunStore, settings: Settings) -> None:
    changes = {"history_images": True, "history_days": 30, "history_image_days": 7}
    old, older = now_utc() - timedelta(days=10), now_utc() - timedelta(days=40)
    history = History(database, lambda: runs, settings.model_copy(update=changes))
    [kept] = recorded(history, entry(b"new"))
    [without_image, _] = recorded(history, entry(b"old", time_utc=old), entry(b"older", time_utc=older))
    history.close()
    again = History(database, lambda: runs, settings.model_copy(update=changes))
    [newest] = recorded(again, entry(b"newest"))  # the first record of a process tidies
    assert found(again) == [newest, kept, without_image]
    assert again.image(again.get(kept)) == b"new" and again.image(again.get(without_image)) is None
    assert again.delete_before(old + timedelta(seconds=1)) == 1 and found(again) == [newest, kept]
    again.close()


@pytest.fixture
def with_old_ones(database: Database, runs: RunStore, settings: Settings) -> Iterator[History]:
    """A history that keeps predictions for 30 days, with seven that are older; three are deleted in one transaction."""
    history = History(database, lambda: runs, settings)
    recorded(history, *(entry(time_utc=now_utc() - timedelta(days=40)) for _ in range(7)))
    history.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storing, "_DELETED_AT_ONCE", 3)
        history = History(database, lambda: runs, settings.model_copy(update={"history_days": 30}))
        yield history
        history.close()


def test_old_predictions_are_deleted_faster_than_new_ones_are_recorded(with_old_ones: History) -> None:
    left = [with_old_ones.count()]
    new = []
    for _ in range(3):
        new += recorded(with_old_ones, entry())
        left.append(with_old_ones.count() - len(new))
    assert left == [7, 4, 1, 0] and sorted(found(with_old_ones)) == sorted(new)


def test_all_old_predictions_can_be_deleted_without_recording_one(with_old_ones: History) -> None:
    with_old_ones.tidy()
    assert with_old_ones.count() == 0


def test_tidying_makes_no_database(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    History(Database(settings), lambda: RunStore(settings.runs_dir), settings).tidy()
    assert not [*tmp_path.rglob("*.sqlite3")]


def test_exports_hold_every_prediction_and_no_formulas(history: History) -> None:
    recorded(
        history, entry(b"1", 0.0, 0.0, 5.0, file='=cmd|"x"', user="@ann", doubt_energy=-3.0), entry(b"2", file="a\nb,c")
    )
    out = io.BytesIO()
    assert write_csv(history.walk(), out, lambda entry: {"feedback": f"={entry.label}"}) == 2
    rows = list(csv.DictReader(io.StringIO(out.getvalue().decode("utf-8-sig"))))
    assert [row["file"] for row in rows] == ["a\nb,c", '\'=cmd|"x"']
    assert rows[1]["feedback"] == "'==ant"
    assert (rows[1]["predicted_label"], rows[1]["user"], rows[1]["doubt_energy"]) == ("'=ant", "'@ann", "-3.0")
    lines = io.BytesIO()
    assert write_json_lines(history.walk(HistoryFilter(label="=ant")), lines, lambda _: {"feedback": "wrong"}) == 1
    [record] = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (
        record["top3"][0]["label"] == "=ant"
        and record["feedback"] == "wrong"
        and record["doubt_energy"] == -3.0
        and len(record["image_sha256"]) == 64
    )


def test_text_that_a_database_cannot_hold_does_not_stop_it(history: History) -> None:
    [first, second] = recorded(history, entry(file="nul\0 \udcff"), entry())
    assert history.get(first).file == "nul\ufffd \ufffd" and history.get(second) and history.dropped == 0


def test_recording_costs_no_time_and_goes_on_without_a_database(tmp_path: Path) -> None:
    (tmp_path / "dashboard.sqlite3").write_bytes(b"no database" * 1000)
    settings = settings_of(tmp_path)
    database = Database(settings)
    history = History(database, lambda: RunStore(settings.runs_dir), settings)
    made = [entry(b"x" * 100_000) for _ in range(100)]
    began = time.perf_counter()
    for each in made:
        history.record(each)
    assert (time.perf_counter() - began) / len(made) < 0.002
    assert not history.flush(0.5) and history.waiting == 100
    assert history.last_error and history.last_error.code == "database_damaged"
    with pytest.raises(DatabaseError):
        history.query()
    (tmp_path / "dashboard.sqlite3").rename(tmp_path / "aside")
    assert history.flush(20) and history.count() == 100 and history.dropped == 0
    history.close()
    database.close()
