"""The history on the pages: what Predict records, what readers say about it, and the page that lists it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services import Services
from tests.pages.conftest import click_sample, text_of

Open = Callable[[str], AppTest]


@pytest.fixture
def answered(open_page: Open) -> AppTest:
    return click_sample(open_page("predict"), "frog")


def test_an_answer_is_recorded_once(answered: AppTest, dashboard: Services) -> None:
    answered.run()
    dashboard.history.flush(10)
    [entry] = dashboard.history.query().entries
    assert (entry.source, entry.user) == ("page", "") and entry.file.endswith(".png") and entry.latency_ms


def test_there_is_no_question_without_an_answer(open_page: Open) -> None:
    at = open_page("predict")
    assert "Is this right?" not in text_of(at)


def test_one_click_says_that_it_is_right_and_can_be_changed(answered: AppTest, dashboard: Services) -> None:
    at = answered.button(key="feedback-right").click().run()
    assert "You said that this is right" in text_of(at)
    at = at.button(key="feedback-change").click().run()
    at = at.button(key="feedback-wrong").click().run()
    label = at.selectbox(key="feedback-label").options[1]
    at.selectbox(key="feedback-label").select(label)
    at.text_input(key="feedback-note").input("it has a tail")
    at = at.button(key="feedback-save").click().run()
    assert not at.exception and f"the true label is {label}" in text_of(at)
    [opinion] = dashboard.feedback.opinions()
    assert (opinion.is_right, opinion.true_label, opinion.note) == (False, label, "it has a tail")
