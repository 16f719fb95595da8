"""A question to the user about a dataset: what is asked, the possible answers, and the one in use.

The command line prints a question with the option that answers it, the page shows it as a box to choose from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from dashboard.core.errors import Code, DatasetError
from dashboard.core.shell import in_command

Topic = Literal["zip_encoding", "split", "labels", "labels_from"]
TOPICS: tuple[Topic, ...] = get_args(Topic)


@dataclass(frozen=True)
class Answer:
    """One possible answer."""

    value: str  # as it is typed after the option
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
        return f"--{self.topic.replace('_', '-')}"

    def typed(self, value: str) -> str:
        """What to type on the command line for this answer."""
        return f"{self.option} {in_command(value)}"

    @property
    def listing(self) -> str:
        """The answers as lines: what to type, and what it means."""
        width = max(len(self.typed(answer.value)) for answer in self.answers)
        return "\n".join(f"{self.typed(answer.value):<{width}}  {answer.meaning}" for answer in self.answers)


class UndecidedError(DatasetError):
    """A dataset can be used only after the user has answered a question. `question` is that question."""

    def __init__(self, message: str, question: Question, code: Code) -> None:
        super().__init__(message, f"Choose with {question.option}:\n{question.listing}", code)
        self.question = question

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.question, self.code)
