"""A question to the user about a dataset: what is asked, the possible answers, and the one in use; and advice to choose.

The command line prints a question with the option that answers it, the HTTP API with the field, and the page shows it as
a box to choose from. So advice holds the choices themselves, and each face says them in its own words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from dashboard.core.errors import Code, DatasetError
from dashboard.core.shell import in_command

Topic = Literal["zip_encoding", "split", "labels", "labels_from"]
TOPICS: tuple[Topic, ...] = get_args(Topic)
ChoiceName = Literal[Topic, "label_map"]


@dataclass(frozen=True)
class Choice:
    """One choice of the user: its name, or its name and what to choose."""

    name: ChoiceName
    value: str | None = None  # None: only the name is meant. In a label map "" leaves the images out
    label: str = ""  # in a label map: the label whose meaning `value` is

    def told(self, words: Words) -> str:
        """The choice in words."""
        return words(self)


def meaning(label: str, value: str) -> Choice:
    """The choice that a label means a class, "" (leave out) or NO_LABEL."""
    return Choice("label_map", value, label)


Words = Callable[[Choice], str]


class Part(Protocol):
    """What advice may hold besides text."""

    def told(self, words: Words) -> str:
        """The part with these words for choices."""
        ...


class Advice:
    """What to do about an error: texts and choices, one after the other."""

    def __init__(self, *parts: str | Part) -> None:
        self._parts = parts

    def told(self, words: Words) -> str:
        """The text, with these words for choices."""
        return "".join(part if isinstance(part, str) else part.told(words) for part in self._parts)

    def __str__(self) -> str:
        return self.told(as_option)


def as_option(choice: Choice) -> str:
    """A choice as it is typed on the command line."""
    option = "--map" if choice.name == "label_map" else f"--{choice.name.replace('_', '-')}"
    if choice.value is None:
        return option
    typed = f"{choice.label}={choice.value}" if choice.name == "label_map" else choice.value
    return f"{option} {in_command(typed)}"


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

    def __init__(self, message: str, question: Question, code: Code) -> None:
        super().__init__(message, question.way_out, code)
        self.question = question

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.question, self.code)
