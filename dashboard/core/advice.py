"""What to do about an error. It may hold choices of the user, which each face of the program says in its own words.

The command line names the option to type, and the HTTP API the field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

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
