"""Predict and Explain with a network that splits into two branches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.adding import NewModel, add_model
from dashboard.core.models.registry import Registry
from tests.pages.conftest import click_sample, text_of
from tests.small_model import forked, saved

LEFT_OUT = "The network splits into branches, and maps of this layer show nothing of the branch that ends in {}"


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """One model: by default, its maps show only the second branch."""
    registry = Registry(tmp_path / "models")
    add_model(NewModel(saved(forked(len(CLASS_NAMES)), tmp_path / "m.keras"), "forked", CLASS_NAMES), registry)
    return registry.root


def test_predict_says_what_a_map_leaves_out(open_page: Callable[[str], AppTest]) -> None:
    page = click_sample(open_page("predict"), "frog")
    assert text_of(page).count(LEFT_OUT.format("first layer (8x8)")) == 1
    page.selectbox(key="layer").select("left").run()
    assert text_of(page).count(LEFT_OUT.format("last layer (8x8)")) == 1


def test_explain_says_what_the_maps_leave_out(open_page: Callable[[str], AppTest]) -> None:
    page = click_sample(open_page("explain"), "frog")
    assert text_of(page).count(LEFT_OUT.format("first layer (8x8)")) == 1
    page.selectbox(key="explain-layer").select("left").run()
    assert text_of(page).count(LEFT_OUT.format("last layer (8x8)")) == 1
    page.session_state["explain-tab"] = "Layers"
    page.run()
    assert LEFT_OUT.partition("{")[0] not in text_of(page), "there, maps of both layers stand side by side"
    assert text_of(page).count("4 channels; leaves out a branch") == 2
