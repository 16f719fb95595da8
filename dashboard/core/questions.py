"""A question to the user about a dataset: what is asked, the possible answers, and the one in use.

The command line prints a question with the option that answers it, the HTTP API with the field, and the page shows it as
a box to choose from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.core.errors import Advice, Choice, Code, DatasetError, Part, Topic, Words, as_option


@dataclass(frozen=True)
class Answer:
    """One possible answer."""

    value: str  # as it is given with the option or field
    meaning: str  # what it stands for, in the dataset's own words and counts


@dataclass(frozen=True)
class Question:
    """Something about a dataset that is not certain."""

    topic: Topic
    asks: str  # one sentence that ends with a question mark
    answers: tuple[Answer, ...]
    chosen: str | None = None  # the value of the answer in use; None: there is no safe one, so the user has to choose
    certain: bool = False  # True: the answer in use is hardly wrong, so the user need not be stopped for it

    @property
    def option(self) -> str:
        """The option of the command line that answers the question."""
        return as_option(Choice(self.topic))

    @property
    def way_out(self) -> Advice:
        """The advice to answer the question, with the answers."""
        return Advice("Choose with ", Choice(self.topic), ":\n", self)

    def told(self, words: Words) -> str:
        """The answers as lines: how to choose each, and what it means."""
        chosen = [words(Choice(self.topic, answer.value)) for answer in self.answers]
        width = max(map(len, chosen))
        return "\n".join(f"{how:<{width}}  {answer.meaning}" for how, answer in zip(chosen, self.answers, strict=True))


class UndecidedError(DatasetError):
    """A dataset can be used only after the user has answered a question. `question` is that question."""

    def __init__(self, message: str, question: Question, code: Code, otherwise: Sequence[str | Part] = ()) -> None:
        """Takes also, as parts of advice, what to do if no answer is right."""
        super().__init__(message, Advice(question.way_out, *otherwise), code)
        self.question, self._otherwise = question, tuple(otherwise)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.question, self.code, self._otherwise)
