"""The splits in an .npz with arrays such as x_train, y_train, x_test and y_test."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.core.datasets.columns import IMAGE_KEYS, LABEL_KEYS, column_among
from dashboard.core.datasets.split_names import in_order, told_apart, word_of_split


@dataclass(frozen=True)
class ArraysOfSplit:
    """The arrays of one split, by key."""

    images: str
    labels: str | None


def arrays_by_split(keys: Sequence[str]) -> dict[str, ArraysOfSplit]:
    """The arrays of each split, see `in_order`; {} if there are not at least two splits with images."""
    by_word: dict[str, dict[str, str]] = defaultdict(dict)
    for key in keys:
        words = re.split(r"[\W_]+", key)
        for i, word in enumerate(words):
            if found := word_of_split(word):
                by_word[found]["_".join(words[:i] + words[i + 1 :])] = key
                break
    arrays = {}
    of_split = {split: by_word[word] for word, split in told_apart(by_word).items()}
    for split in in_order(of_split):
        bare = of_split[split]
        images, labels = column_among(list(bare), IMAGE_KEYS), column_among(list(bare), LABEL_KEYS)
        if images is not None:
            arrays[split] = ArraysOfSplit(bare[images], None if labels is None else bare[labels])
    return arrays if len(arrays) > 1 else {}
