"""Predictions that are recorded in the history, and not computed again if they are stored."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from dashboard.core.history.answer_cache import AnswerCache, answer_keys
from dashboard.core.history.entry import Entry, Source
from dashboard.core.history.history import History
from dashboard.core.history.stored_form import StoredForm
from dashboard.core.models.batching import settle
from dashboard.core.models.inference import Inference
from dashboard.core.models.precision import precision_of
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

_FORM = StoredForm(list[Prediction])


@dataclass(frozen=True)
class Answered:
    """The answer for one image, and how it came about."""

    answer: Prediction | Failure
    prediction_id: str | None  # in the history; None for a failure
    cached: bool  # True: it was computed before, for the same image, model and question
    latency_ms: float  # of all images of the call


class Answering:
    """Predicts for the API and the command line. Thread-safe.

    Stored answers are given even while the file of the version is damaged: they were computed with the file that
    model.json describes, whose checksum is part of their key.
    """

    def __init__(self, inference: Inference, history: History, cache: AnswerCache) -> None:
        self._inference, self._history, self._cache = inference, history, cache

    def predict_later(
        self, version: ModelVersion, images: Sequence[bytes], source: Source, user: str = "", files: Sequence[str] = ()
    ) -> Future[list[Answered]]:
        """One answer per image file, each recorded, as soon as they are there.

        Only the search for stored answers is waited for. The future fails with DependencyError, ModelError or WorkerError.

        Args:
            files: the names of the images, for the history; none or one each.
        """
        began = time.perf_counter()
        question = {"kind": "prediction with notes on the shape", "precision": precision_of(version)}
        hashes = [hashlib.sha256(image).hexdigest() for image in images]
        keys = answer_keys(version, hashes, question)
        known = [self._known(key, version) for key in keys]
        missing = [i for i, answer in enumerate(known) if answer is None]

        def recorded(computed: Sequence[Prediction | Failure]) -> list[Answered]:
            new = dict(zip(missing, computed, strict=True))
            latency_ms = (time.perf_counter() - began) * 1000
            answers = []
            for i, image in enumerate(images):
                answer = known[i] or new[i]
                if isinstance(answer, Failure):
                    answers.append(Answered(answer, None, False, latency_ms))
                    continue
                if i in new:
                    self._cache.put(keys[i], _FORM.dumps([answer]))
                name = files[i] if files else ""
                entry = Entry.of(version, answer, image, source, user, name, latency_ms)
                prediction_id = self._history.record(replace(entry, image_sha256=hashes[i]))
                answers.append(Answered(answer, prediction_id, i not in new, latency_ms))
            return answers

        found: Future[list[Answered]] = Future()
        if missing:
            asked = self._inference.predict_later(version, [images[i] for i in missing])
            asked.add_done_callback(lambda done: settle(found, lambda: recorded(done.result())))
        else:
            settle(found, lambda: recorded(()))
        return found

    def _known(self, key: str, version: ModelVersion) -> Prediction | None:
        found = _FORM.loads(self._cache.get(key))
        return found[0] if found and found[0].pred_probs.shape == (len(version.class_names),) else None
