"""What a session keeps, so that a rerun does not ask the workers again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from dashboard.core.explanations.answer import Answer, answer_key, ask
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.rows import VIEW_COLUMNS
from dashboard.core.runs.run import Run
from dashboard.services import Services

KEPT = 32
T = TypeVar("T")


def remembered(shelf: str, key: Hashable, doing: str, make: Callable[[], T], most: int = KEPT) -> T:
    """Made once a session, as long as it is one of the last `most` that were asked for on this shelf.

    Args:
        doing: what is shown while it is made; "" for nothing.
    """
    kept: OrderedDict[Hashable, T] = st.session_state.setdefault(shelf, OrderedDict())
    if key in kept:
        kept.move_to_end(key)
        return kept[key]
    if doing:
        with st.spinner(doing):
            value = make()
    else:
        value = make()
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
    return value


def is_remembered(shelf: str, key: Hashable) -> bool:
    """`remembered` would not have to make it, nor soon: who asks counts as who looks at it."""
    kept: OrderedDict[Hashable, object] = st.session_state.get(shelf, OrderedDict())
    if key in kept:
        kept.move_to_end(key)
        return True
    return False


def first_answer(services: Services, version: ModelVersion, name: str, data: bytes) -> Answer:
    """The model's prediction with its default map, from this session's memory or from a worker.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: there is no prediction.
    """
    starting = all(worker.state in ("starting", "failed") for worker in services.engine.workers())
    text = "Starting TensorFlow, about 5 seconds the first time ..." if starting else "Predicting ..."
    key = answer_key(name, data, version, None, None)
    return remembered("answers", key, text, lambda: ask(services.inference, version, name, data))


def stored_run(services: Services, run_id: str) -> Run:
    """A run, from this session's memory while it stays the same. Raises DatasetError."""
    key = state_of_run(services, run_id)
    return remembered("runs", key, "", lambda: services.runs.folder(run_id).load(VIEW_COLUMNS), most=2)


def state_of_run(services: Services, run_id: str) -> Hashable:
    """Equal while `stored_run` gives the same. Raises DatasetError when there is no such run."""
    folder = services.runs.folder(run_id)
    manifest = folder.manifest()
    return manifest, folder.growth() if manifest.state == "running" else None
