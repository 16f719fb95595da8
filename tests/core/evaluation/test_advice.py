"""Advice names choices in the words of the face that gives it."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

from dashboard.core.errors import Advice, Choice, DatasetError, as_option, meaning
from dashboard.core.questions import Answer, Question

CORE = Path(__file__).resolve().parents[3] / "dashboard" / "core"
OPTION = re.compile(r"--(map|labels|label-column|labels-from|split|zip-encoding)\b(?!-)")


def names(choice: Choice) -> str:
    """The words of a face that calls everything by its name."""
    return f"<{choice.name} {choice.label} {choice.value}>"


def test_an_error_says_its_advice_in_other_words_too() -> None:
    advice = Advice(
        "Leave out ", Choice("labels_from"), ", or give ", meaning("a b", "cat"), " or ", meaning("*", ""), "."
    )
    error = pickle.loads(pickle.dumps(DatasetError("It fails.", advice, "label_map")))
    assert error.fix == "Leave out --labels-from, or give --map 'a b=cat' or --map '*='."
    assert error.fix_in(names) == ("Leave out <labels_from  None>, or give <label_map a b cat> or <label_map * >.")
    assert DatasetError("It fails.", "Check the path.").fix_in(names) == "Check the path."


def test_the_answers_to_a_question_stand_below_each_other() -> None:
    question = Question("split", "Which?", (Answer("test", "5 images"), Answer("a b", "2 images")))
    assert question.told(as_option) == "--split test   5 images\n--split 'a b'  2 images"
    assert question.told(lambda choice: f"{choice.name}={choice.value}") == "split=test  5 images\nsplit=a b   2 images"


def test_no_error_names_an_option_of_datasets_as_text() -> None:
    """Then the HTTP API would tell people to use an option of the command line."""
    found = []
    for folder in ("datasets", "labels", "evaluation"):
        for path in (CORE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and OPTION.search(node.value):
                    found.append(f"{path.name}:{node.lineno}: {node.value}")
    assert found == []
