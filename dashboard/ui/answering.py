"""Waits for the model's answer, and says meanwhile what is waited for."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.explanations.answer import Answer, answer_key, ask
from dashboard.core.models.version import ModelVersion
from dashboard.services import Services
from dashboard.ui.picture_address import REOPENED
from dashboard.ui.session import ANSWERS_KEPT, remembered

SKELETON_PX = 220
_POLL_S = 0.2
_ASKED = "asked"  # in the session: the key of the question, the answer to come, and when it was asked
_answered: set[str] = set()  # checksums of the models that have answered this server
_SAME_WITHIN_S = 600.0  # a reload after this time counts as a new prediction
_RECORDED_KEPT = 1000
_recorded: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()  # by picture, model and user: its id, and when
_recorded_lock = threading.Lock()
_threads = ThreadPoolExecutor(32, thread_name_prefix="answering")


def first_answer(services: Services, version: ModelVersion, name: str, data: bytes) -> tuple[Answer, DeltaGenerator]:
    """The model's prediction with its default map, and the place to show it.

    While the prediction is made, a status and a skeleton stand in this place, instead of the answer about another picture.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: the model could not predict.
    """
    key = answer_key(name, data, version)
    around = st.container()
    place = around  # what is shown is always the first in `around`, so that nothing is drawn anew after a click

    def make() -> Answer:
        nonlocal place
        coming, began = _asked(services, version, name, data, key)
        place = around.empty()
        _wait(place, services, version, coming)
        answer = coming.result()
        return replace(answer, prediction_id=_record(services, answer, data, (time.perf_counter() - began) * 1000))

    answer = remembered("answers", key, "", make, ANSWERS_KEPT)
    return answer, place.container()


def _record(services: Services, answer: Answer, data: bytes, latency_ms: float) -> str:
    """Records the answer and returns its id. A reload, or a link to the picture, shows a prediction that was made before."""
    from dashboard.core.history.entry import Entry

    picture, user = services.pictures.keep(answer.name, data), services.visitor.called
    key = (picture, answer.version.answers_key, user)
    with _recorded_lock:
        before, when = _recorded.get(key, ("", 0.0))
    if before and st.session_state.get(REOPENED) == picture and time.monotonic() - when < _SAME_WITHIN_S:
        return before
    entry = Entry.of(answer.version, answer.prediction, data, "page", user, answer.name, latency_ms)
    recorded = services.history.record(entry)
    with _recorded_lock:
        _recorded[key] = recorded, time.monotonic()
        while len(_recorded) > _RECORDED_KEPT:
            _recorded.popitem(last=False)
    return recorded


def _asked(
    services: Services, version: ModelVersion, name: str, data: bytes, key: Hashable
) -> tuple[Future[Answer], float]:
    """The answer to come, and when it was asked for. A rerun of the page while it is made does not ask again."""
    asked_key, answer, began = st.session_state.get(_ASKED, (None, None, 0.0))
    if asked_key != key or answer is None or (answer.done() and answer.exception()):
        began = time.perf_counter()
        answer = _threads.submit(ask, services.inference, services.explainer, version, name, data)
        st.session_state[_ASKED] = key, answer, began
    return answer, began


def _wait(place: DeltaGenerator, services: Services, version: ModelVersion, coming: Future[Answer]) -> None:
    with place.container(key="waiting"):
        words, skeleton = st.empty(), st.empty()
        skeleton.skeleton(SKELETON_PX)
        said = ""
        while not coming.done():
            if (doing := _doing(services, version)) != said:
                words.text(doing)
                said = doing
            wait([coming], _POLL_S)
    words.empty()
    skeleton.empty()  # by itself: the browser keeps what stands behind the last element of the answer
    if coming.exception():
        place.empty()
    else:
        _answered.add(version.sha256)


def _doing(services: Services, version: ModelVersion) -> str:
    if all(worker.state in ("starting", "failed") for worker in services.engine.workers()):
        return "Starting TensorFlow, about 5 seconds the first time ..."
    if version.sha256 not in _answered:
        return "Loading the model and waiting for its answer ..."
    return "Waiting for the model's answer ..."
