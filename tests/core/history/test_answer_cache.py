"""Stored answers: never a wrong one, and no more of them than the limit allows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.history import answer_cache
from dashboard.core.history.answer_cache import AnswerCache, answer_keys
from dashboard.core.history.stored_form import StoredForm
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from tests.postgres import settings_of
from tests.recorded import VERSION, prediction


@pytest.fixture
def cache(database: Database, writer: WriteBehind) -> AnswerCache:
    return AnswerCache(database, writer, limit_mb=1)


def test_what_was_stored_is_found_bit_by_bit(cache: AnswerCache, writer: WriteBehind) -> None:
    answer = prediction(1.5, -2.25, 1e-30)
    assert cache.get("k" * 64) is None
    form = StoredForm(list[Prediction])
    cache.put("k" * 64, form.dumps([answer]))
    assert writer.flush(10)
    found = form.loads(cache.get("k" * 64))
    assert found
    [again] = found
    assert (
        again.logits.tobytes() == answer.logits.tobytes() and again.pred_probs.tobytes() == answer.pred_probs.tobytes()
    )
    assert (cache.figures.hits, cache.figures.misses) == (1, 1)


def _key(version: ModelVersion, image_sha256: str, question: Mapping[str, str]) -> str:
    [key] = answer_keys(version, [image_sha256], question)
    return key


def test_every_part_of_the_question_is_in_the_key() -> None:
    asked = {"kind": "prediction", "precision": "float32"}
    keys = [
        _key(VERSION, "a" * 64, asked),
        _key(VERSION, "b" * 64, asked),
        _key(VERSION, "a" * 64, {**asked, "precision": "bfloat16"}),
        _key(VERSION, "a" * 64, {**asked, "method": "grad-cam"}),
        _key(replace(VERSION, sha256="n" * 64), "a" * 64, asked),
        _key(replace(VERSION, version="2"), "a" * 64, asked),
        _key(replace(VERSION, temperature=2.0), "a" * 64, asked),
        _key(VERSION.fitting("pad"), "a" * 64, asked),
        _key(replace(VERSION, class_names=("dog", "cat", "=ant")), "a" * 64, asked),
    ]
    assert len(set(keys)) == len(keys)
    other_facts = replace(VERSION, metrics={"accuracy": 0.5}, folder=Path("/elsewhere"))
    assert _key(other_facts, "a" * 64, dict(reversed(asked.items()))) == keys[0]


@pytest.mark.parametrize(
    "package",
    ["tensorflow", "keras", "numpy", "pillow", "pillow-heif", "simplejpeg", "opencv-python-headless", "scipy"],
)
def test_another_version_of_a_package_that_computes_answers_has_other_keys(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _key(VERSION, "a" * 64, {})
    other = tmp_path / f"{package.replace('-', '_')}-999.dist-info"
    other.mkdir()
    (other / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 999\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        answer_cache._versions.cache_clear()
        assert _key(VERSION, "a" * 64, {}) != before
    answer_cache._versions.cache_clear()
    assert _key(VERSION, "a" * 64, {}) == before


def test_a_package_that_is_missing_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(answer_cache, "_COMPUTE", ("numpy", "no-such-package"))
        answer_cache._versions.cache_clear()
        assert _key(VERSION, "a" * 64, {})
    answer_cache._versions.cache_clear()


def test_a_damaged_answer_is_not_used(cache: AnswerCache, writer: WriteBehind, database: Database) -> None:
    cache.put("k", b"right")
    assert writer.flush(10)
    with database.writing() as connection:
        connection.execute(text("UPDATE cached_answers SET value = :wrong"), {"wrong": b"wrong"})
    assert cache.get("k") is None and cache.figures.damaged == 1
    assert writer.flush(10)
    assert cache.get("k") is None and cache.figures.damaged == 1  # it was deleted


def test_the_oldest_answers_make_room(cache: AnswerCache, writer: WriteBehind, database: Database) -> None:
    for i in range(8):
        cache.put(str(i), bytes(100_000))
        assert writer.flush(10)
    with database.writing() as connection:  # the first was asked for just now
        connection.execute(text("UPDATE cached_answers SET used_utc = '2026-01-01 00:00:00' WHERE answer_key = '0'"))
    assert cache.get("0") and writer.flush(10)
    for i in range(8, 12):
        cache.put(str(i), bytes(100_000))
    cache.put("too large", bytes(2**21))
    assert writer.flush(10)
    found = [str(i) for i in range(12) if cache.get(str(i))]
    assert found == ["0", "5", "6", "7", "8", "9", "10", "11"] or (
        found[0] == "0" and found[-1] == "11" and len(found) <= 10
    )
    with database.reading() as connection:
        assert connection.execute(text("SELECT sum(size_bytes) FROM cached_answers")).scalar_one() <= 2**20


def test_without_a_database_nothing_is_found_and_nobody_waits(tmp_path: Path) -> None:
    (tmp_path / "dashboard.sqlite3").write_bytes(b"no database" * 1000)
    database = Database(settings_of(tmp_path))
    cache = AnswerCache(database, WriteBehind(database), limit_mb=1)
    assert cache.get("k") is None
    began = time.perf_counter()
    assert [cache.get("k") for _ in range(100)] == [None] * 100 and time.perf_counter() - began < 0.1
    off = AnswerCache(database, WriteBehind(database), limit_mb=0)
    off.put("k", b"v")
    assert off.get("k") is None and off.figures.misses == 0
    database.close()
