"""Waits for the model's answer, and says meanwhile what is waited for."""

from __future__ import annotations

import time
from collections.abc import Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import streamlit as st

from dashboard.core.explanations.answer import Answer, answer_key, ask
from dashboard.core.models.version import ModelVersion
from dashboard.services import Services
from dashboard.ui.session import ANSWERS_KEPT, is_remembered, remembered
from dashboard.ui.who import current_user

SKELETON_PX = 220
_POLL_S = 0.2
_ASKED = "asked"  # in the session: the key of the question, and the answer to come
_RECORDED = "recorded"  # in the session: the ids of the answers in the history
_answered: set[str] = set()  # checksums of the models that have answered this server
_threads = ThreadPoolExecutor(32, thread_name_prefix="answering")


def first_answer(services: Services, version: ModelVersion, name: str, data: bytes) -> Answer:
    """The model's prediction with its default map. While it is made, a status and a skeleton stand in its place.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: the model could not predict.
    """
    key = answer_key(name, data, version)
    if is_remembered("answers", key):
        return remembered("answers", key, "", _never, ANSWERS_KEPT)
    began = time.perf_counter()
    coming = _asked(services, version, name, data, key)
    _wait(services, version, coming)

    def recorded() -> Answer:
        answer = coming.result()
        _record(services, answer, data, key, (time.perf_counter() - began) * 1000)
        return answer

    return remembered("answers", key, "", recorded, ANSWERS_KEPT)


def id_in_history(answer: Answer, data: bytes) -> str:
    """The id of an answer that `first_answer` gave, in the history."""
    return str(st.session_state[_RECORDED][answer_key(answer.name, data, answer.version)])


def _record(services: Services, answer: Answer, data: bytes, key: Hashable, latency_ms: float) -> None:
    from dashboard.core.history.entry import Entry

    entry = Entry.of(answer.version, answer.prediction, data, "page", current_user(), answer.name, latency_ms)
    st.session_state.setdefault(_RECORDED, {})[key] = services.history.record(entry)


def _asked(services: Services, version: ModelVersion, name: str, data: bytes, key: Hashable) -> Future[Answer]:
    """The answer to come. A rerun of the page while it is made does not ask again."""
    asked_key, answer = st.session_state.get(_ASKED, (None, None))
    if asked_key != key or answer is None or (answer.done() and answer.exception()):
        answer = _threads.submit(ask, services.inference, services.explainer, version, name, data)
        st.session_state[_ASKED] = key, answer
    return answer


def _wait(services: Services, version: ModelVersion, coming: Future[Answer]) -> None:
    place = st.empty()
    with place.container(key="waiting"):
        words = st.empty()
        st.skeleton(SKELETON_PX)
        said = ""
        while not coming.done():
            if (doing := _doing(services, version)) != said:
                words.text(doing)
                said = doing
            wait([coming], _POLL_S)
    place.empty()
    if not coming.exception():
        _answered.add(version.sha256)


def _doing(services: Services, version: ModelVersion) -> str:
    if all(worker.state in ("starting", "failed") for worker in services.engine.workers()):
        return "Starting TensorFlow, about 5 seconds the first time ..."
    if version.sha256 not in _answered:
        return "Loading the model and waiting for its answer ..."
    return "Waiting for the model's answer ..."


def _never() -> Answer:
    raise AssertionError("the answer is remembered")
