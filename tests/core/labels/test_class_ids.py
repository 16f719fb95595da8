"""Labels that are numbers: where counting begins."""

from __future__ import annotations

import pytest

from dashboard.core.errors import DatasetError
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_ids import read_class_ids
from dashboard.core.labels.matching import match_labels


def test_zero_says_that_counting_begins_there() -> None:
    found = read_class_ids(["0", "9"], CLASS_NAMES)
    assert found.class_of == {"0": "airplane", "9": "truck"} and found.question is None and "from 0" in found.note


def test_all_numbers_from_one_count_from_one() -> None:
    found = read_class_ids([str(i) for i in range(1, 11)], CLASS_NAMES)
    assert found.class_of["1"] == "airplane" and found.class_of["10"] == "truck" and found.question is None
    assert "counted from 1, since they are exactly 1 to 10" in found.note


@pytest.mark.parametrize(
    "labels, answers",
    [
        (
            ["1", "2", "9"],
            {"0": "1 is automobile, 2 is bird, 9 is truck", "1": "1 is airplane, 2 is automobile, 9 is ship"},
        ),
        (
            [str(i) for i in range(1, 10)],
            {
                "0": "1 is automobile, 2 is bird, 3 is cat and so on",
                "1": "1 is airplane, 2 is automobile, 3 is bird and so on",
            },
        ),
        (["3"], {"0": "3 is cat", "1": "3 is bird"}),
        (["2", "10"], {"1": "2 is automobile, 10 is truck"}),
    ],
)
def test_without_zero_the_user_is_asked(labels: list[str], answers: dict[str, str]) -> None:
    found = read_class_ids(labels, CLASS_NAMES)
    assert found.class_of == {} and found.question and found.question.chosen is None
    assert {answer.value: answer.meaning for answer in found.question.answers} == answers


def test_numbers_that_are_too_large_are_no_class_ids() -> None:
    for labels in (["0", "10"], ["1", "11"], ["11", "12"]):
        assert read_class_ids(labels, CLASS_NAMES) == read_class_ids(["500"], CLASS_NAMES)


def test_the_user_says_where_counting_begins() -> None:
    for first, meant in ((0, "deer"), (1, "cat")):
        mapping = match_labels(["4", "-1"], CLASS_NAMES, first_id=first)
        assert mapping.class_of == {"4": meant, "-1": None} and mapping.question is None
        assert f"counted from {first}, as chosen" in mapping.notes[0]
    for labels, first in ((["0", "1"], 1), (["10"], 0)):
        with pytest.raises(DatasetError, match="do not count from") as refused:
            match_labels(labels, CLASS_NAMES, first_id=first)
        assert refused.value.code == "label_map"
    with pytest.raises(DatasetError, match="are not class ids: cat"):
        match_labels(["cat"], CLASS_NAMES, first_id=1)


def test_uncertain_numbers_match_nothing_until_the_user_says_so() -> None:
    mapping = match_labels(["1", "4"], CLASS_NAMES)
    assert mapping.unknown == ("1", "4") and mapping.class_of == {} and mapping.question
    given = match_labels(["1", "4"], CLASS_NAMES, {"1": "airplane", "4": "cat"})
    assert given.class_of == {"1": "airplane", "4": "cat"} and given.question is None
