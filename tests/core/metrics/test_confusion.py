"""The choice of the classes of a large confusion matrix."""

from __future__ import annotations

import numpy as np

from dashboard.core.metrics.confusion import confused_classes

CONFUSION = np.array(
    [
        [90, 0, 0, 0, 0],
        [0, 10, 0, 7, 0],
        [0, 0, 20, 0, 2],
        [1, 0, 0, 30, 0],
        [0, 0, 0, 3, 0],
    ]
)


def test_classes_of_the_pairs_that_are_confused_most_often() -> None:
    assert confused_classes(CONFUSION, 2).tolist() == [1, 3]
    assert confused_classes(CONFUSION, 3).tolist() == [1, 3, 4]


def test_all_where_there_are_no_more() -> None:
    assert confused_classes(CONFUSION, 5).tolist() == confused_classes(CONFUSION, 9).tolist() == [0, 1, 2, 3, 4]


def test_where_nothing_is_confused_the_first_ones() -> None:
    assert confused_classes(np.eye(5, dtype=int), 3).tolist() == [0, 1, 2]


def test_around_one_class_those_that_it_is_confused_with() -> None:
    assert confused_classes(CONFUSION, 9, around=3).tolist() == [0, 1, 3, 4]
    assert confused_classes(CONFUSION, 3, around=3).tolist() == [1, 3, 4]
    assert confused_classes(CONFUSION, 9, around=2).tolist() == [2, 4]


def test_the_counts_stay_as_they_are() -> None:
    before = CONFUSION.copy()
    confused_classes(CONFUSION, 3)
    assert np.array_equal(CONFUSION, before)


def test_where_nothing_is_confused_the_classes_of_most_images() -> None:
    counts = np.zeros(1000, int)
    counts[[340, 207, 281]] = 5, 50, 20
    assert confused_classes(np.diag(counts), 2).tolist() == [207, 281]
    assert confused_classes(np.diag(counts), 20).tolist() == [207, 281, 340], "none that has no image"
