"""The card of each method names an existing function with the right number of parameters."""

from __future__ import annotations

import inspect

import pytest

from dashboard.core.explanations.methods import METHODS, Method
from dashboard.worker.explanations.heatmaps import function_of

PARAMETERS = {"activations": 2, "layer": 4, "pixels": 3}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_function_takes_what_its_card_says(method: Method) -> None:
    assert len(inspect.signature(function_of(method)).parameters) == PARAMETERS[method.source]


def test_a_card_without_a_function_is_noticed() -> None:
    from dataclasses import replace

    with pytest.raises(ModuleNotFoundError):
        function_of(replace(METHODS["grad-cam"], function="no_such_method"))
