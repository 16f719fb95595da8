"""Predictions of a real model that are recorded and stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from dashboard.core.database.database import Database
from dashboard.core.database.tables import cached_answers
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.explanations.records import MapRequest
from dashboard.core.history.answer_cache import AnswerCache
from dashboard.core.history.answering import Answering
from dashboard.core.history.history import History
from dashboard.core.history.stored_explainer import StoredExplainer
from dashboard.core.history.stored_form import StoredForm
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion
from tests.recorded import prediction


def test_the_second_answer_is_the_first_one_and_both_are_recorded(
    database: Database, writer: WriteBehind, history: History, inference: Inference, tiny_version: ModelVersion,
    png: Callable[..., bytes],
) -> None:  # fmt: skip
    answering = Answering(inference, history, AnswerCache(database, writer, limit_mb=1))
    images, names = [png(0), b"no image", png(1)], ["a.png", "b.png", "c.png"]
    first = answering.predict_later(tiny_version, images, "api", "ann", names).result()
    assert [each.cached for each in first] == [False] * 3
    assert isinstance(first[1].answer, Failure) and first[1].prediction_id is None
    assert writer.flush(10) and history.flush(10)
    again = answering.predict_later(tiny_version, [png(1), png(2), png(0)], "page").result()
    assert [each.cached for each in again] == [True, False, True]
    for one, other in ((first[0], again[2]), (first[2], again[0])):
        assert isinstance(one.answer, Prediction) and isinstance(other.answer, Prediction)
        assert np.array_equal(one.answer.pred_probs, other.answer.pred_probs)
        assert one.prediction_id != other.prediction_id
    assert history.flush(10) and history.count() == 5
    assert first[2].prediction_id
    kept = history.get(first[2].prediction_id)
    answer = first[2].answer
    assert isinstance(answer, Prediction)
    assert (kept.file, kept.user, kept.source, kept.confidence) == ("c.png", "ann", "api", answer.confidence)
    assert kept.label == tiny_version.class_names[answer.class_id] and kept.latency_ms and kept.latency_ms > 0


def test_maps_are_stored_with_their_tests(
    database: Database, writer: WriteBehind, pool: WorkerPool, tiny_version: ModelVersion, png: Callable[..., bytes]
) -> None:
    cache = AnswerCache(database, writer, limit_mb=1)
    explainer = StoredExplainer(pool, 60.0, lambda: cache)
    request = MapRequest(("grad-cam", "score-cam"), target="dog", faithfulness=True)
    assert explainer.stored(tiny_version, png(0), request) == []
    first = explainer.explain_all(tiny_version, png(0), request)
    assert writer.flush(10)
    assert [each.method for each in explainer.stored(tiny_version, png(0), request)] == list(request.methods)
    again = explainer.explain_all(tiny_version, png(0), request)
    assert [each.cached for each in (*first, *again)] == [False, False, True, True]
    for one, other in zip(first, again, strict=True):
        assert one.heatmap.dtype == other.heatmap.dtype and np.array_equal(one.heatmap, other.heatmap)
        assert one.faithfulness and other.faithfulness and one.layers == other.layers and one.layer == other.layer
        assert np.array_equal(one.faithfulness.map.deletion, other.faithfulness.map.deletion)
        assert one.faithfulness.verdict == other.faithfulness.verdict
        assert np.array_equal(one.prediction.logits, other.prediction.logits)
    for asked in (
        replace(request, target="cat"),
        replace(request, faithfulness=False),
        replace(request, layer="conv_a"),
    ):
        assert not explainer.explain_all(tiny_version, png(0), asked)[0].cached
    assert not explainer.explain_all(tiny_version, png(1), request)[0].cached


def test_what_has_another_form_is_computed_again(
    database: Database, writer: WriteBehind, pool: WorkerPool, tiny_version: ModelVersion, png: Callable[..., bytes]
) -> None:
    cache = AnswerCache(database, writer, limit_mb=1)
    explainer = StoredExplainer(pool, 60.0, lambda: cache)
    explainer.explain(tiny_version, png(0))
    assert writer.flush(10)
    for other in (b"", b"no file", StoredForm(list[Prediction]).dumps([prediction(1.0, 2.0)])):
        with database.writing() as connection:
            values = {"value": other, "value_sha256": hashlib.sha256(other).hexdigest()}
            connection.execute(cached_answers.update().values(**values))
        assert not explainer.explain(tiny_version, png(0)).cached
        assert writer.flush(10)
    assert explainer.explain(tiny_version, png(0)).cached
