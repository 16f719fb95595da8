from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard.core.analysis.similar_images import similar_images, summary

EVALUATED = pd.DataFrame(
    {
        "index": [3, 4, 7, 9],
        "true_label": ["cat", "dog", None, "cat"],
        "predicted_label": ["cat", "cat", "dog", "cat"],
    }
)
EMBEDDINGS = np.array([[2, 0], [1, 1], [-1, 0], [np.nan, np.nan]], np.float32)


def test_the_most_similar_come_first_whatever_their_length() -> None:
    found = similar_images(EVALUATED, EMBEDDINGS, np.array([5.0, 0]), most=10)
    assert found["index"].tolist() == [3, 4, 7]  # the one without an embedding is left out
    assert found["similarity"].tolist() == pytest.approx([1, 0.5**0.5, -1])


def test_no_more_are_given_than_asked_for() -> None:
    assert similar_images(EVALUATED, EMBEDDINGS, np.array([5.0, 0]), most=1)["index"].tolist() == [3]


def test_an_embedding_of_zeros_is_like_nothing() -> None:
    assert similar_images(EVALUATED, EMBEDDINGS, np.zeros(2), most=10).empty


def test_the_summary_counts_labels_and_mistakes() -> None:
    said = summary(EVALUATED)
    assert said == "The 4 most similar: 2 cat and 2 dog; 1 taken for something else."
    assert summary(EVALUATED[2:3]) == "The 1 most similar are taken for: 1 dog."
    assert summary(EVALUATED.head(1)) == "The 1 most similar: 1 cat; no mistake among them."
