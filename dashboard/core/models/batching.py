"""Answers requests that arrive together with one forward pass."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from dashboard.core.engine.contract import ATTEMPTS, Engine
from dashboard.core.errors import WorkerError
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

Answers: TypeAlias = "list[Prediction | Failure]"
T = TypeVar("T")

MOST_IMAGES = 64  # in one batch
MOST_BYTES = 64 * 2**20  # of image files in one batch
_MAY_BE_AN_IMAGE = ("worker_failed", "worker_hung")  # codes of errors that one image can cause


@dataclass(frozen=True)
class _Request:
    """The images of one caller."""

    version: ModelVersion
    files: Sequence[bytes]
    answers: Future[Answers] = field(default_factory=Future)
    arrived_s: float = field(default_factory=time.monotonic)

    @property
    def size(self) -> int:
        return sum(map(len, self.files))


class Batcher:
    """Collects requests for the same model version while the workers are busy. Thread-safe.

    A request that finds all workers free is sent at once, so a single caller loses no time. One thread sends the
    batches.
    """

    def __init__(self, engine: Engine, wait_s: float) -> None:
        """
        Args:
            wait_s: how long a request waits for others when some workers are busy, in seconds.
        """
        self._engine, self._wait_s = engine, wait_s
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, deque[_Request]] = {}
        self._under_way = 0
        self._thread: threading.Thread | None = None

    def submit(self, version: ModelVersion, files: Sequence[bytes]) -> Future[Answers]:
        """Asks for one answer per image file.

        Returns:
            A future that fails with DependencyError, ModelError or WorkerError.
        """
        request = _Request(version, files)
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="batches", daemon=True)
                self._thread.start()
            self._waiting.setdefault(version.answers_key, deque()).append(request)
            self._changed.notify()
        return request.answers

    @property
    def waiting(self) -> int:
        """The number of requests that were not sent yet."""
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def _loop(self) -> None:
        while True:
            with self._changed:
                batch = self._next_batch()
                self._under_way += 1
            self._send(batch)

    def _next_batch(self) -> list[_Request]:
        """Waits until there is something to send and a worker to send it to."""
        while True:
            # the oldest request of all first, so that no version waits for another one
            key = min(self._waiting, key=lambda each: self._waiting[each][0].arrived_s, default=None)
            if key is None or self._under_way >= self._engine.size:
                self._changed.wait()
                continue
            requests = self._waiting[key]
            due_s = requests[0].arrived_s + (self._wait_s if self._under_way else 0.0) - time.monotonic()
            if due_s > 0 and sum(len(each.files) for each in requests) < MOST_IMAGES:
                self._changed.wait(due_s)
                continue
            batch = [requests.popleft()]
            images, size = len(batch[0].files), batch[0].size
            while requests:
                images, size = images + len(requests[0].files), size + requests[0].size
                if images > MOST_IMAGES or size > MOST_BYTES:
                    break
                batch.append(requests.popleft())
            if not requests:
                del self._waiting[key]
            return batch

    def _send(self, batch: list[_Request]) -> None:
        files = [file for request in batch for file in request.files]
        alone = len(batch) == 1
        try:
            sent = self._submit(batch[0].version, files, alone)
        except Exception as error:
            for request in batch:
                _settle(request.answers, error)
            self._one_less()
            return
        sent.add_done_callback(partial(self._answered, batch))

    def _submit(self, version: ModelVersion, files: Sequence[bytes], alone: bool) -> Future[Answers]:
        # a batch that ends its worker is not tried again as a whole, see `_answered`
        attempts = ATTEMPTS if alone else 1
        return self._engine.submit("predict_files", version, list(files), urgent=True, attempts=attempts)

    def _answered(self, batch: list[_Request], sent: Future[Answers]) -> None:
        self._one_less()
        found = _outcome(sent)
        if isinstance(found, WorkerError) and found.code in _MAY_BE_AN_IMAGE and len(batch) > 1:
            for request in batch:  # one image may have ended the worker: the other requests must not suffer for it
                self._ask_alone(request)
            return
        for request in batch:
            if isinstance(found, BaseException):
                _settle(request.answers, found)
            else:
                _settle(request.answers, found[: len(request.files)])
                found = found[len(request.files) :]

    def _ask_alone(self, request: _Request) -> None:
        try:
            sent = self._submit(request.version, request.files, True)
        except Exception as error:
            _settle(request.answers, error)
        else:
            sent.add_done_callback(lambda done: _settle(request.answers, _outcome(done)))

    def _one_less(self) -> None:
        with self._changed:
            self._under_way -= 1
            self._changed.notify()


def _outcome(done: Future[Answers]) -> Answers | BaseException:
    try:
        return done.result()
    except BaseException as error:
        return error


def settle(future: Future[T], make: Callable[[], T]) -> None:
    """Gives a future what `make` returns or raises, unless the one who waited for it has cancelled it."""
    with suppress(InvalidStateError):
        try:
            future.set_result(make())
        except InvalidStateError:
            raise
        except BaseException as error:
            future.set_exception(error)


def _settle(future: Future[Answers], found: Answers | BaseException) -> None:
    def told() -> Answers:
        if isinstance(found, BaseException):
            raise found
        return found

    settle(future, told)
