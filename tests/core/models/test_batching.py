from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest

from dashboard.core.engine.contract import ATTEMPTS, Engine
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.errors import DashboardError, ModelError, WorkerError
from dashboard.core.models.batching import MOST_IMAGES, Batcher
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from tests.conftest import encoded, picture

WAIT_S = 10.0


@dataclass
class Sent:
    """What the batcher asked of the engine."""

    version: ModelVersion
    files: list[bytes]
    future: Future[Any]
    attempts: int

    def answer(self) -> None:
        """Answers each file with itself."""
        self.future.set_result(list(self.files))


class Held:
    """An engine whose tasks end when the test says so."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self._sent: list[Sent] = []
        self._arrived = threading.Condition()

    def submit(self, task: str, version: ModelVersion, files: list[bytes], urgent: bool, attempts: int) -> Future[Any]:
        assert task == "predict_files" and urgent
        with self._arrived:
            self._sent.append(Sent(version, files, Future(), attempts))
            self._arrived.notify_all()
            return self._sent[-1].future

    def sent(self, count: int) -> list[Sent]:
        """What was asked, as soon as it is so much."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self._sent) >= count, WAIT_S)
            return list(self._sent)


@pytest.fixture
def engine() -> Iterator[Held]:
    yield Held()


@pytest.fixture
def batcher(engine: Held) -> Batcher:
    return Batcher(cast(Engine, engine), wait_s=0.0)


def result(future: Future[Any]) -> Any:
    return future.result(WAIT_S)


def test_what_arrives_while_the_worker_is_busy_is_one_batch(
    engine: Held, batcher: Batcher, tiny_version: ModelVersion
) -> None:
    first = batcher.submit(tiny_version, [b"1"])
    [alone] = engine.sent(1)
    assert alone.files == [b"1"] and alone.attempts == ATTEMPTS
    waiting = [batcher.submit(tiny_version, [b"2", b"3"]), batcher.submit(tiny_version, [b"4"])]
    alone.answer()
    together = engine.sent(2)[1]
    assert together.files == [b"2", b"3", b"4"] and together.attempts == 1
    together.answer()
    assert result(first) == [b"1"] and [result(each) for each in waiting] == [[b"2", b"3"], [b"4"]]


def test_other_versions_are_other_batches(engine: Held, batcher: Batcher, tiny_version: ModelVersion) -> None:
    batcher.submit(tiny_version, [b"1"])
    [busy] = engine.sent(1)
    warmer = replace(tiny_version, temperature=2 * tiny_version.temperature)
    for version in (tiny_version, warmer, tiny_version):
        batcher.submit(version, [b"x"])
    busy.answer()
    engine.sent(2)[1].answer()
    found = engine.sent(3)
    assert [(len(each.files), each.version) for each in found[1:]] == [(2, tiny_version), (1, warmer)]


def test_a_batch_has_a_largest_size(engine: Held, batcher: Batcher, tiny_version: ModelVersion) -> None:
    batcher.submit(tiny_version, [b"1"])
    [busy] = engine.sent(1)
    for _ in range(MOST_IMAGES + 6):
        batcher.submit(tiny_version, [b"x"])
    busy.answer()
    engine.sent(2)[1].answer()
    assert [len(each.files) for each in engine.sent(3)] == [1, MOST_IMAGES, 6]


def test_an_image_that_ends_its_worker_spoils_only_its_own_request(
    engine: Held, batcher: Batcher, tiny_version: ModelVersion
) -> None:
    batcher.submit(tiny_version, [b"1"])
    [busy] = engine.sent(1)
    good, bad = batcher.submit(tiny_version, [b"good"]), batcher.submit(tiny_version, [b"bad"])
    busy.answer()
    engine.sent(2)[1].future.set_exception(WorkerError("The worker died.", code="worker_failed"))
    again = {each.files[0]: each for each in engine.sent(4)[2:]}
    again[b"good"].answer()
    again[b"bad"].future.set_exception(WorkerError("The worker died again.", code="worker_failed"))
    assert result(good) == [b"good"]
    with pytest.raises(WorkerError, match="died again"):
        result(bad)


@pytest.mark.parametrize(
    "error", [ModelError("The model is damaged."), WorkerError("No worker starts.", code="worker_unavailable")]
)
def test_what_no_image_can_cause_is_told_to_every_caller(
    engine: Held, batcher: Batcher, tiny_version: ModelVersion, error: DashboardError
) -> None:
    batcher.submit(tiny_version, [b"1"])
    [busy] = engine.sent(1)
    waiting = [batcher.submit(tiny_version, [b"2"]), batcher.submit(tiny_version, [b"3"])]
    busy.answer()
    engine.sent(2)[1].future.set_exception(error)
    for each in waiting:
        with pytest.raises(type(error), match=error.message):
            result(each)
    batcher.submit(tiny_version, [b"4"])
    assert len(engine.sent(3)) == 3  # it goes on, and asked nothing twice


def test_a_caller_that_has_gone_does_no_harm(engine: Held, batcher: Batcher, tiny_version: ModelVersion) -> None:
    gone, other = batcher.submit(tiny_version, [b"1"]), batcher.submit(tiny_version, [b"2"])
    gone.cancel()
    engine.sent(1)[0].answer()
    if len(engine.sent(1)[0].files) == 1:
        engine.sent(2)[1].answer()
    assert result(other) == [b"2"]


def test_together_the_answers_are_those_of_each_alone(pool: WorkerPool, tiny_version: ModelVersion) -> None:
    files = [encoded(picture(seed)) for seed in range(24)]
    inference = Inference(pool)
    expected = [inference.predict(tiny_version, [file])[0] for file in files]
    ask: Callable[[bytes], Any] = lambda file: inference.predict(tiny_version, [file])[0]  # noqa: E731
    with ThreadPoolExecutor(24) as clients:
        found = list(clients.map(ask, files))
    for one, other in zip(found, expected, strict=True):
        assert isinstance(one, Prediction) and isinstance(other, Prediction)
        np.testing.assert_allclose(one.pred_probs, other.pred_probs, atol=1e-5)
        assert one.class_id == other.class_id
