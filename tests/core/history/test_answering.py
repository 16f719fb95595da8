"""Predictions of a real model that are recorded and stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dashboard.core.database.database import Database
from dashboard.core.database.write_behind import WriteBehind
from dashboard.core.history.answer_cache import AnswerCache
from dashboard.core.history.answering import Answering
from dashboard.core.history.history import History
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion


def test_the_second_answer_is_the_first_one_and_both_are_recorded(
    database: Database, writer: WriteBehind, history: History, inference: Inference, tiny_version: ModelVersion,
    png: Callable[..., bytes],
) -> None:  # fmt: skip
    answering = Answering(inference, history, AnswerCache(database, writer, limit_mb=1))
    images, names = [png(0), b"no image", png(1)], ["a.png", "b.png", "c.png"]
    first = answering.predict(tiny_version, images, "api", "ann", names)
    assert [each.cached for each in first] == [False] * 3
    assert isinstance(first[1].answer, Failure) and first[1].prediction_id is None
    assert writer.flush(10) and history.flush(10)
    again = answering.predict(tiny_version, [png(1), png(2), png(0)], "page")
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
