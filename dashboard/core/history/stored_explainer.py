"""Heatmaps that are not computed again if they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from dashboard.core.engine.contract import Engine
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.history.answer_cache import AnswerCache, answer_keys
from dashboard.core.history.stored_form import StoredForm
from dashboard.core.models.precision import precision_of
from dashboard.core.models.version import ModelVersion

_FORM = StoredForm(list[Explanation])


class StoredExplainer(Explainer):
    """An explainer that keeps the maps of single images, with their tests, in the store of answers."""

    def __init__(self, engine: Engine, slow_task_s: float, cache: Callable[[], AnswerCache]) -> None:
        super().__init__(engine, slow_task_s)
        self._cache = cache

    def explain_all(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """See `Explainer.explain_all`. Stored maps say so in `Explanation.cached`."""
        if stored := self.stored(version, file, request):
            return stored
        found = super().explain_all(version, file, request)
        self._cache().put(_key(version, file, request), _FORM.dumps(found))
        return found

    def stored(self, version: ModelVersion, file: bytes, request: MapRequest) -> list[Explanation]:
        """The answer to this request if it is stored, else []. Never raises."""
        stored = _FORM.loads(self._cache().get(_key(version, file, request)))
        return [replace(each, cached=True) for each in stored or []]


def _key(version: ModelVersion, file: bytes, request: MapRequest) -> str:
    question = {
        "kind": "explanation with branches",
        "precision": precision_of(version),
        "methods": " ".join(request.methods),
        "layer": request.layer or "",
        "target": request.target or "",
        "faithfulness": str(request.faithfulness),
    }
    [key] = answer_keys(version, [hashlib.sha256(file).hexdigest()], question)
    return key
