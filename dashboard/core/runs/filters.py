"""A filter of the rows of a run: conditions that must all hold. It is data, so it can stand in an address or a file.

A condition as text is COLUMN, an operator, and a value: `true_label=cat`, `confidence<0.7`, `file~holiday`.
`a|b` after = or != stands for either value, unless a value is called `a|b`; `\\|` is a bar inside a value. Nothing after =
means that the value is missing. != lets pass all rows that = does not, also those without a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from dashboard.core.errors import DatasetError

Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]  # ~ is "contains", whatever the case of letters
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>|~")
_BAR = re.compile(r"(?<!\\)\|")
_SAID = {"true_label": "labelled", "predicted_label": "predicted as", "tag": "tagged"}
_NAMED = {
    "true_label": "a label",
    "predicted_label": "a prediction",
    "tag": "tags",
    "file": "file name",
    "file_size": "file size",
}
_ANSWERS = {
    "correct=yes": "right",
    "correct=no": "wrong",
    "status=ok": "all images",
    "status=failed": "not evaluated",
    "doubt=yes": "probably none of the classes",
    "doubt=no": "not doubtful",
}
EXAMPLES = "true_label=cat, predicted_label!=dog, correct=no, confidence<0.7, file~holiday or tag=unclear"


@dataclass(frozen=True)
class Condition:
    """What the value of one column must be."""

    column: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The values of which one must be there, for = and !=."""
        return tuple(part.strip().replace(r"\|", "|") for part in _BAR.split(self.value))


Filter = tuple[Condition, ...]  # all must hold; an empty one lets every row pass


def parse_condition(text: str) -> Condition:
    """The condition that the text means. Raises DatasetError if it is not a condition."""
    text = text.strip()
    found = _OPERATOR.search(text, 1)
    column = text[: found.start()].rstrip() if found else ""
    if not found or column[-1] in "!<>~" or not _is_text(text):  # "a! =b" would be read as a!=b the next time
        raise filter_error(f"{text!r} is not a condition.", f"Write a column, an operator and a value: {EXAMPLES}.")
    return Condition(column, cast(Operator, found[0]), text[found.end() :].lstrip())


def _is_text(text: str) -> bool:
    """False for text with half characters, which stand for bytes that are not UTF-8."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def parse_filter(texts: Sequence[str]) -> Filter:
    """The filter of some conditions as text. Raises DatasetError if one is not a condition."""
    return tuple(dict.fromkeys(parse_condition(text) for text in texts))


def any_of(column: str, values: Iterable[str]) -> Condition:
    """The condition that the column has one of these values."""
    return Condition(column, "=", "|".join(value.replace("|", r"\|") for value in values))


def as_texts(conditions: Filter) -> list[str]:
    """The conditions as text, which `parse_filter` reads."""
    return [str(condition) for condition in conditions]


def in_words(conditions: Filter) -> str:
    """The filter as a reader would say it, such as "labelled dog, predicted as cat"; "all images" if it is empty."""
    return ", ".join(map(_words, conditions)) or "all images"


def _words(condition: Condition) -> str:
    column, operator = condition.column, condition.operator
    value = " or ".join(condition.alternatives) if operator in ("=", "!=") else condition.value
    if column in _SAID and operator in ("=", "!=") and value:
        return f"{'not ' * (operator == '!=')}{_SAID[column]} {value}"
    if str(condition) in _ANSWERS:
        return _ANSWERS[str(condition)]
    if operator == "=" and not value:
        return f"without {_NAMED.get(column, column)}"
    if operator == "!=" and not value:
        return f"with {_NAMED.get(column, column)}"
    said = "contains" if operator == "~" else {"=": "is", "!=": "is not", "<=": "\N{LESS-THAN OR EQUAL TO}",
                                               ">=": "\N{GREATER-THAN OR EQUAL TO}"}.get(operator, operator)  # fmt: skip
    return f"{_NAMED.get(column, column)} {said} {value}"


def filter_error(message: str, fix: str) -> DatasetError:
    """The error for a filter that cannot be used."""
    return DatasetError(message, fix, "filter")
