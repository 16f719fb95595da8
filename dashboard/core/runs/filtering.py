"""Finds the rows of a run that a filter lets pass."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.errors import listed
from dashboard.core.metrics.percent import out_of_range
from dashboard.core.runs.filters import Condition, Filter, filter_error
from dashboard.core.runs.rows import DOUBT, PROPERTY_FIELDS, SCORE_COLUMNS

_LABELS = ("true_label", "predicted_label")
_FLAGS = {"yes": True, "no": False, "true": True, "false": False}
_COMPARE = {"<": pc.less, "<=": pc.less_equal, ">": pc.greater, ">=": pc.greater_equal}
_STORED = (
    "index", "file", *_LABELS, "confidence", "status", DOUBT, *SCORE_COLUMNS,
    *(field.name for field in PROPERTY_FIELDS),
)  # fmt: skip
_DERIVED: dict[str, tuple[tuple[str, ...], Callable[..., pa.ChunkedArray]]] = {
    "correct": (_LABELS, lambda true, predicted: pc.equal(_cast(true), _cast(predicted))),
    "loss": (("true_probability",), lambda p: pc.negate(pc.ln(_clipped(p)))),  # infinite if the probability is 0
    "aspect": (("width", "height"), lambda width, height: pc.divide(pc.cast(width, pa.float64()), height)),
}
_MEASURED = frozenset({"aspect", *(field.name for field in PROPERTY_FIELDS)})
_PROBABILITIES = ("confidence", "margin", "true_probability")
OF_PROBABILITIES = frozenset({"confidence", "loss", *SCORE_COLUMNS})  # say nothing of predicted classes alone
_OF_ANSWERS = ("predicted_label", "correct", "confidence", "loss", DOUBT, *SCORE_COLUMNS)
CHOSEN_BY_ANSWERS = (
    "The filter chooses images by the model's answers, so accuracy, recall and the confused classes follow from that choice "
    "and do not say how good the model is."
)
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?")
TAG = "tag"
OWN_COLUMNS = (*_STORED, *_DERIVED, TAG)  # those that every run has


def by_answers(conditions: Filter) -> bool:
    """Whether a filter chooses images by what the model answered, which would make its errors look like a pattern."""
    return any(condition.column in _OF_ANSWERS for condition in conditions)


@dataclass(frozen=True)
class FilterSource:
    """Where the values of a filter come from."""

    read: Callable[[Sequence[str]], pa.Table]  # columns of all rows of the run
    class_names: Sequence[str]
    attributes: Sequence[str]  # the names of further columns of the dataset
    read_attribute: Callable[[str], pa.ChunkedArray]  # one of them, with a value for each row of the run
    tags: Mapping[str, Sequence[int]]  # the `index` of the rows with each tag

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a filter may name."""
        return (*OWN_COLUMNS, *self.attributes)


Kind = Literal["class", "flag", "number", "tag", "text"]


def kind_of(column: str, source: FilterSource) -> Kind:
    """How the values of a column are compared. Raises DatasetError if there is no such column."""
    if column == TAG:
        return "tag"
    if column in _LABELS:
        return "class"
    values = _values(column, source)
    if pa.types.is_boolean(values.type):
        return "flag"
    return "number" if _is_number(values.type) else "text"


def range_of(column: str, source: FilterSource) -> tuple[float, float] | None:
    """The least and the largest value of a column of numbers; None if it has no values. Raises DatasetError."""
    found = pc.min_max(_values(column, source)).as_py()
    return None if found["min"] is None else (float(found["min"]), float(found["max"]))


def passing(conditions: Filter, source: FilterSource) -> np.ndarray:
    """(N,) bool: the rows for which every condition holds.

    `!=` lets pass exactly the rows that `=` does not, so a missing value satisfies `COLUMN=` and `COLUMN!=VALUE`.

    Texts are equal if they look so: é is é, whether it is stored as one character or as e and an accent.

    Raises:
        DatasetError: a condition names an unknown column, an unknown class or tag, or does not fit its column.
    """
    masks = [_holds(condition, source) for condition in conditions]
    return pc.fill_null(reduce(pc.and_kleene, masks), False).to_numpy(zero_copy_only=False)


def _holds(condition: Condition, source: FilterSource) -> pa.ChunkedArray:
    if condition.column == TAG:
        return _tagged(condition, source)
    condition = replace(condition, value=unicodedata.normalize("NFC", condition.value))
    values = _values(condition.column, source)
    if not condition.value and condition.operator in ("=", "!="):
        missing = pc.is_null(values)
        return missing if condition.operator == "=" else pc.invert(missing)
    if condition.column in _MEASURED and len(values) and values.null_count == len(values):
        raise filter_error(
            f"No image of this evaluation has a known {condition.column}.",
            "It is measured when image files are evaluated here, so imported and older evaluations lack it. "
            "Filter by another column.",
        )
    if condition.column == DOUBT and len(values) and values.null_count == len(values):
        raise filter_error(
            "It is not known which images of this evaluation probably show none of the classes.",
            "Models without thresholds for it and older evaluations lack it. Evaluate the dataset again without the stored "
            "result (`--no-cache`), or filter by another column.",
        )
    if pa.types.is_boolean(values.type):
        if condition.operator not in ("=", "!="):
            raise filter_error(f"{condition.column} is yes or no.", f"Write {condition.column}=no.")
        return _equal(condition, values, [_flag(text, condition) for text in condition.alternatives])
    if _is_number(values.type):
        return _numbers_hold(condition, values)
    if condition.operator == "~":
        return pc.match_substring(_text(values), condition.value, ignore_case=True)
    if condition.operator in _COMPARE and _DATE.fullmatch(condition.value) and _are_dates(values):
        value = condition.value.replace("T", " ")
        # no more exact than the condition: an hour of a day is not after that day
        in_order = pc.utf8_slice_codeunits(pc.replace_substring(values, "T", " "), 0, len(value))
        return _COMPARE[condition.operator](in_order, value)
    if condition.operator in _COMPARE:
        raise filter_error(
            f"{condition.column} holds words, so {condition} cannot be compared.",
            "Use =, != or ~ (contains). Dates can be compared if all are written as 2026-01-31.",
        )
    texts = [condition.value] if _is_a_value(condition, values, source) else condition.alternatives
    if condition.column in _LABELS and (unknown := [text for text in texts if text not in _composed(source)]):
        raise filter_error(
            f"{listed(unknown)} is not a class of this evaluation.", f"Its classes: {listed(source.class_names, 30)}."
        )
    return _equal(condition, _text(values), texts)


def _are_dates(values: pa.ChunkedArray) -> bool:
    """True if every text is a date as in ISO 8601, perhaps with a time; in this form, texts are in the order of time."""
    return pa.types.is_string(values.type) and bool(
        pc.all(pc.match_substring_regex(values, f"^({_DATE.pattern})$"), min_count=0).as_py()
    )


def _is_a_value(condition: Condition, values: pa.ChunkedArray, source: FilterSource) -> bool:
    """True if the whole text is a value of the column, so that a bar in it does not separate two values."""
    if condition.column in _LABELS:
        return condition.value in _composed(source)
    return bool(pc.any(pc.equal(_text(values), condition.value)).as_py())


def _numbers_hold(condition: Condition, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if condition.operator == "~":
        raise filter_error(
            f"{condition.column} holds numbers, so {condition} cannot be looked for.", "Use =, !=, <, <=, > or >=."
        )
    texts = condition.alternatives if condition.operator in ("=", "!=") else [condition.value]
    wanted: list[float] = [_number(text, condition) for text in texts]
    if condition.column in _PROBABILITIES:
        for text, number in zip(texts, wanted, strict=True):
            if wrong := out_of_range(condition.column, number, "%" in text):
                raise filter_error(*wrong)
    if pa.types.is_integer(values.type) and all(map(_is_whole, texts)):
        wanted, values = list(map(int, texts)), pc.cast(values, pa.int64())  # exact, however large
    else:
        values = pc.cast(values, pa.float64(), safe=False)
    compare = _COMPARE.get(condition.operator)
    return compare(values, pa.scalar(wanted[0], values.type)) if compare else _equal(condition, values, wanted)


def _is_whole(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text)) and -(2**63) <= int(text) < 2**63


def _equal(condition: Condition, values: pa.ChunkedArray, wanted: Sequence[object]) -> pa.ChunkedArray:
    found = pc.is_in(values, pa.array(wanted, values.type))  # false for a missing value
    return found if condition.operator == "=" else pc.invert(found)


def _values(column: str, source: FilterSource) -> pa.ChunkedArray:
    if column in _STORED:
        return source.read([column])[column]
    if column in _DERIVED:
        needed, derive = _DERIVED[column]
        table = source.read(needed)
        return derive(*(table[name] for name in needed))
    if column in source.attributes:
        return source.read_attribute(column)
    raise filter_error(f"There is no column {column!r}.", f"The columns are {listed(source.columns, 40)}.")


def _tagged(condition: Condition, source: FilterSource) -> pa.ChunkedArray:
    if condition.operator not in ("=", "!="):
        raise filter_error(f"{condition} cannot be compared.", "Use tag=NAME or tag!=NAME.")
    index = source.read(["index"])["index"]
    wanted = source.tags if not condition.value else {condition.value} & {*source.tags} or condition.alternatives
    if unknown := [name for name in wanted if name not in source.tags]:
        raise filter_error(
            f"No image has the tag {listed(unknown)}.",
            f"The tags are {listed(sorted(source.tags))}." if source.tags else "Tag images first.",
        )
    marked = pa.array(sorted({i for name in wanted for i in source.tags[name]}), pa.int64())
    found = pc.is_in(index, marked)
    without = (condition.operator == "=") != bool(condition.value)
    return pc.invert(found) if without else found


def _clipped(probabilities: pa.ChunkedArray) -> pa.ChunkedArray:
    """Within [0, 1], which rounded probabilities of earlier imports may exceed a little; missing ones stay missing."""
    at_least_0 = pc.max_element_wise(probabilities, 0.0, skip_nulls=False)
    return pc.min_element_wise(at_least_0, 1.0, skip_nulls=False)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _cast(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(values, pa.string())


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text with composed accents."""
    text = _cast(values)
    is_ascii = pc.all(pc.string_is_ascii(text), min_count=0).as_py()  # then there is nothing to compose
    return text if is_ascii else pc.utf8_normalize(text, form="NFC")


def _composed(source: FilterSource) -> list[str]:
    """The names of the classes with composed accents."""
    return [unicodedata.normalize("NFC", name) for name in source.class_names]


def _number(text: str, condition: Condition) -> float:
    share = text.removesuffix("%")
    try:
        number = float(share) / (100 if share != text else 1)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise filter_error(
            f"{condition.column} holds numbers, and {text!r} is not a number.", f"Write {condition.column}<0.7 or so."
        )
    return number


def _flag(text: str, condition: Condition) -> bool:
    if text.lower() not in _FLAGS:
        raise filter_error(f"{condition.column} is yes or no, not {text!r}.", f"Write {condition.column}=no.")
    return _FLAGS[text.lower()]
