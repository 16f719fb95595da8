"""What the user asks about a picture on the Explain page, and the maps that answer it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import streamlit as st

from dashboard.core.explanations.answer import Answer, answer_key
from dashboard.core.explanations.methods import DEFAULT_METHOD, METHODS, Method
from dashboard.core.explanations.overlay import DEFAULT_OPACITY
from dashboard.core.explanations.records import Explanation, MapRequest, RandomizationResult
from dashboard.core.images.drawing import fit_side
from dashboard.core.runs.images import RunImage
from dashboard.services import Services
from dashboard.ui.session import is_remembered, remembered, spinner_in_place

KEPT = 48


@dataclass(frozen=True)
class Question:
    """What is the evidence for this class in this layer?"""

    answer: Answer
    data: bytes  # the image file
    target: str  # a class name
    layer: str | None  # None for the default layer
    from_run: RunImage | None = None  # None for a picture that belongs to no evaluation

    @property
    def true_label(self) -> str | None:
        """The label that the evaluation's dataset gives the picture."""
        return self.from_run.true_label if self.from_run else None

    @property
    def key(self) -> Hashable:
        """Two questions have equal keys if their maps are equal."""
        return answer_key(self.answer.name, self.data, self.answer.version, self.request())

    def request(self, *methods: str, tested: bool = True) -> MapRequest:
        """The request for the maps of these methods, or of the default method when none is given."""
        return MapRequest(methods or (DEFAULT_METHOD,), self.layer, self.target, tested)

    def about(self, target: str) -> Question:
        """The same question about another class."""
        return replace(self, target=target)

    @property
    def methods(self) -> list[Method]:
        """The methods that work for this model."""
        has_grid = self.answer.explanation is not None
        return [method for method in METHODS.values() if has_grid or not method.uses_layer]


@dataclass(frozen=True)
class Look:
    """How maps are drawn."""

    opacity: float  # in [0, 1]
    smooth: bool


def choose_opacity(key: str, width: int | Literal["stretch"] = "stretch") -> float:
    """Shows the slider for the opacity of maps. Returns the opacity, in [0, 1]."""
    percent = st.slider(
        "Opacity", 0, 100, round(100 * DEFAULT_OPACITY), 5, format="%d%%", key=key, persist_state="session", width=width
    )
    return percent / 100


def choose_layer(called: Mapping[str, str], key: str, **options: Any) -> str:
    """Shows the box for the layer of maps. Returns the name of the layer.

    Args:
        called: what the layers are called on the page, by name. The session has one of them under `key`.
        options: further ones of `st.selectbox`.
    """
    names = list(called)
    return str(
        st.selectbox(
            "Layer",
            names,
            names.index(st.session_state[key]),
            key=key,
            format_func=called.__getitem__,
            help="Deeper layers tell more about the class, earlier layers more about the position.",
            width=220,
            **options,
        )
    )


def base_picture(answer: Answer, side: int) -> np.ndarray:
    """The picture under the maps of this answer, (H, W, 3) uint8, with the longer side about `side` pixels."""
    return fit_side(answer.picture if answer.map_covers_picture else answer.model_input, side)


def explanations(services: Services, question: Question, methods: Sequence[str], doing: str) -> list[Explanation]:
    """One tested map per method. One task makes all maps that this session does not have yet.

    Args:
        doing: text that is shown meanwhile; "" for none.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
    keys = {method: _key(question, method) for method in methods}
    made: dict[str, Explanation] = {}
    spinner = spinner_in_place(doing)
    if missing := [method for method, key in keys.items() if not is_remembered("maps", key)]:
        with spinner:
            found = services.explainer.explain_all(question.answer.version, question.data, question.request(*missing))
        made = {each.method: each for each in found}
    return [remembered("maps", key, "", partial(made.__getitem__, method), KEPT) for method, key in keys.items()]


def recall_slow_maps(services: Services, question: Question) -> None:
    """Takes the slow maps that were made in another session, and are stored, into this one."""

    def recall() -> None:
        for method in (m.name for m in question.methods if m.cost != "instant" and not is_made(question, m.name)):
            stored = services.explainer.stored(question.answer.version, question.data, question.request(method))
            if stored:
                remembered("maps", _key(question, method), "", stored.pop, KEPT)

    remembered("recalled", question.key, "", recall, KEPT)


def is_made(question: Question, method: str) -> bool:
    """True if this session already has the map."""
    return is_remembered("maps", _key(question, method))


def made_maps(question: Question) -> list[Explanation]:
    """The tested maps of the question that this session already has, in the order of the methods."""
    made = [m.name for m in question.methods if is_made(question, m.name)]
    return [remembered("maps", _key(question, name), "", _never, KEPT) for name in made]


def through_layers(services: Services, question: Question, method: str, faithfulness: bool) -> list[Explanation]:
    """The map of one method from one layer per grid size, first layer to last.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
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
    """True if this session already has the randomization check of this map."""
    return is_remembered("randomizations", _key(question, method))


def randomization(services: Services, question: Question, method: str) -> RandomizationResult:
    """Compares the map with maps of copies of the network with shuffled weights.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
    return remembered(
        "randomizations",
        _key(question, method),
        "Shuffling the weights (a few seconds) ...",
        lambda: services.explainer.randomization_check(
            question.answer.version, question.data, question.request(method, tested=False)
        ),
    )


def _never() -> Explanation:
    raise AssertionError("the map is remembered")


def _key(question: Question, method: str) -> Hashable:
    """Keys are equal if the maps are equal. The layer is left out for a method that uses no layer."""
    return (question.key if METHODS[method].uses_layer else replace(question, layer=None).key, method)
