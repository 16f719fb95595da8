from __future__ import annotations

import sys

import pytest

from dashboard.core.datasets import Sample
from dashboard.core.datasets.sample_list import NumberedNames, PackedNames, SampleList, distinct_labels, label_counts


def test_packed_names_are_what_was_given() -> None:
    given = ["", "a.png", "ü 猫", "\udcff", "x" * 5000, ""]
    packed = PackedNames(given)
    assert list(packed) == given and packed[-1] == "" and packed[1:3] == given[1:3] and len(packed) == 6
    with pytest.raises(IndexError):
        packed[6]


def test_samples() -> None:
    samples = SampleList(PackedNames("abcd"), ["dog", None, "cat", "dog"])
    assert list(samples) == [Sample(0, "a", "dog"), Sample(1, "b", None), Sample(2, "c", "cat"), Sample(3, "d", "dog")]
    assert samples[1:3] == list(samples)[1:3] and samples[-1].index == 3
    assert samples.labels == ("dog", "cat") == distinct_labels(samples)
    assert label_counts(samples) == {"dog": 2, "cat": 1}
    assert samples.unlabelled.tolist() == [1]
    with pytest.raises(ValueError, match="2 names with 1 labels"):
        SampleList(["a", "b"], [None])


def test_labels_that_differ_in_the_form_of_accents_only_are_one() -> None:
    samples = SampleList("abc", ["caf\u00e9", "cafe\u0301", "1"])
    assert label_counts(samples) == {"caf\u00e9": 2, "1": 1}
    assert samples.renamed({"1": "the\u0301"}).labels == ("caf\u00e9", "th\u00e9")


def test_a_million_samples_are_small() -> None:
    samples = SampleList(NumberedNames(1_000_000, "row"), (str(i % 10) for i in range(1_000_000)))
    assert samples[999_999] == Sample(999_999, "row 999999", "9")
    assert sys.getsizeof(samples._codes) < 5_000_000
