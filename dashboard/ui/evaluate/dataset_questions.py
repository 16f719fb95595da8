"""The boxes in which a user answers questions about a dataset, such as which split is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard.core.errors import TOPICS, Topic
from dashboard.core.evaluation.asking import Asked, ask
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import Question
from dashboard.ui.changing_titles import remember_titles, replace_titles
from dashboard.ui.words import plain

_EARLIER = "dataset-questions"  # in the session: the questions of the last time this was drawn, and their dataset
_CHOSEN = "-chosen"  # after the key of a box: whether the user has changed it


def ask_about(path: Path, version: ModelVersion) -> Asked:
    """What is asked about the dataset, with the answers that the user has chosen so far. Raises DatasetError."""
    earlier: tuple[str, Sequence[Question]] = st.session_state.get(_EARLIER, ("", ()))
    keys = {topic: _key(topic, path) for topic in TOPICS}
    for key in keys.values():
        replace_titles(key)
    answers: dict[str, str | None] = {
        topic: st.session_state.get(key) if st.session_state.get(key + _CHOSEN) else None for topic, key in keys.items()
    }
    asked = ask(path, version, answers, earlier[1] if earlier[0] == str(path) else ())
    st.session_state[_EARLIER] = (str(path), asked.questions)
    return asked


def answer_about(path: Path, topic: Topic, value: str) -> None:
    """Answers a question about the dataset, as the user would in its box."""
    st.session_state[_key(topic, path)] = value
    _mark_chosen(_key(topic, path))


def show_questions(path: Path, questions: Sequence[Question]) -> None:
    """Shows a box for each question. A new answer counts from the next rerun, which it starts."""
    for question in questions:
        show_question(question, _key(question.topic, path), kept=True)


def show_question(question: Question, key: str, kept: bool = False) -> str | None:
    """Shows a box with the answers to a question. Returns the value of the chosen one; None if none is chosen.

    Until the user changes the box, it shows the answer in use.

    Args:
        kept: the session keeps the answer while another page is shown.
    """
    titles = {answer.value: f"{answer.value}: {answer.meaning}" for answer in question.answers}
    replace_titles(key)
    remember_titles(key, titles)
    if st.session_state.get(key) not in titles or not st.session_state.get(key + _CHOSEN):
        st.session_state[key], st.session_state[key + _CHOSEN] = question.chosen, False
    values = list(titles)
    chosen = st.session_state[key]
    return st.selectbox(
        plain(question.asks), values, values.index(chosen) if chosen in titles else 0, format_func=titles.__getitem__,
        key=key, placeholder="Choose", width=620, on_change=_mark_chosen, args=(key,),
        persist_state="session" if kept else None,
    )  # fmt: skip


def _mark_chosen(key: str) -> None:
    st.session_state[key + _CHOSEN] = True


def _key(topic: Topic, path: Path) -> str:
    return f"question-{topic}-{path}"
