"""What is asked about a picture on the Explain page, and its maps: from this session's memory or from a worker."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from dashboard.core.explanations.answer import Answer, answer_key
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS, Method
from dashboard.core.explanations.records import Explanation, MapRequest, RandomizationResult
from dashboard.core.images.drawing import fit_side
from dashboard.core.runs.images import RunImage
from dashboard.services import Services
from dashboard.ui.session import is_remembered, remembered

KEPT = 48


@dataclass(frozen=True)
class Question:
    """Why this class, seen from this layer?"""

    answer: Answer
    data: bytes  # the image file
    target: str  # a class name
    layer: str | None  # None for the default
    from_run: RunImage | None = None  # where it is an image of an evaluation

    @property
    def true_label(self) -> str | None:
        """The label that the evaluation's dataset gives the picture."""
        return self.from_run.true_label if self.from_run else None

    @property
    def key(self) -> Hashable:
        """Equal where the maps are equal."""
        return answer_key(self.answer.name, self.data, self.answer.version, self.request())

    def request(self, *methods: str, tested: bool = True) -> MapRequest:
        """The maps of these methods, of the default method where none is named."""
        return MapRequest(methods or (DEFAULT_METHOD,), self.layer, self.target, tested)

    def about(self, target: str) -> Question:
        """The same about another class."""
        return replace(self, target=target)

    @property
    def methods(self) -> list[Method]:
        """Those that can be used on this model."""
        has_grid = self.answer.explanation is not None
        return [method for method in METHODS.values() if has_grid or not method.uses_layer]


@dataclass(frozen=True)
class Look:
    """How maps are drawn."""

    opacity: float  # in [0, 1]
    smooth: bool


def base_picture(answer: Answer, side: int) -> np.ndarray:
    """(H, W, 3) uint8: what a map of this answer is laid over, with the longer side about `side` pixels."""
    return fit_side(answer.picture if answer.map_covers_picture else answer.model_input, side)


def explanations(services: Services, question: Question, methods: Sequence[str], doing: str) -> list[Explanation]:
    """One map a method, each tested; those that are not remembered are made in one task.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
    keys = {method: _key(question, method) for method in methods}
    made: dict[str, Explanation] = {}
    if missing := [method for method, key in keys.items() if not is_remembered("maps", key)]:
        with st.spinner(doing):
            found = services.explainer.explain_all(question.answer.version, question.data, question.request(*missing))
        made = {each.method: each for each in found}
    return [remembered("maps", key, "", partial(made.__getitem__, method), KEPT) for method, key in keys.items()]


def is_made(question: Question, method: str) -> bool:
    """The map is remembered."""
    return is_remembered("maps", _key(question, method))


def through_layers(services: Services, question: Question, method: str, faithfulness: bool) -> list[Explanation]:
    """The same map from one layer of each grid size, first to last. Raises DependencyError, ModelError, WorkerError."""
    any_layer = replace(question, layer=None)
    return remembered(
        "layers",
        (any_layer.key, method, faithfulness),
        "Going through the layers and testing each map ..." if faithfulness else "Going through the layers ...",
        lambda: services.explainer.explain_layers(
            question.answer.version, question.data, any_layer.request(method, tested=faithfulness)
        ),
    )


def is_checked(question: Question, method: str) -> bool:
    """The weight randomization check of this map is remembered."""
    return is_remembered("randomizations", _key(question, method))


def randomization(services: Services, question: Question, method: str) -> RandomizationResult:
    """The map against those of the network with shuffled weights. Raises DependencyError, ModelError, WorkerError."""
    return remembered(
        "randomizations",
        _key(question, method),
        "Shuffling the weights, some seconds ...",
        lambda: services.explainer.randomization_check(
            question.answer.version, question.data, question.request(method, tested=False)
        ),
    )


def _key(question: Question, method: str) -> Hashable:
    """Equal where the map is: the layer does not matter to a method that uses none."""
    return (question.key if METHODS[method].uses_layer else replace(question, layer=None).key, method)
