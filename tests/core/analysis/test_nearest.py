from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.analysis.similar_images import nearest


def test_the_angle_counts_and_not_the_length() -> None:
    embeddings = np.array([[1.0, 0], [0, 5], [9, 1], [-1, 0], [1, 1]])
    found = nearest(embeddings, 0, 3)
    assert [n.index for n in found] == [2, 4, 1]
    assert found[1].similarity == pytest.approx(np.sqrt(0.5)) and found[2].similarity == pytest.approx(0)
    assert [n.index for n in nearest(embeddings, 0, 99)] == [2, 4, 1, 3]


def test_what_has_no_embedding_is_no_neighbour() -> None:
    embeddings = np.array([[1.0, 0], [np.nan, np.nan], [0, 0], [2, 1]], np.float32)
    assert [n.index for n in nearest(embeddings, 0, 5)] == [3]
    assert nearest(embeddings, 1, 5) == [] and nearest(embeddings, 2, 5) == []


def test_equal_images_have_similarity_one() -> None:
    row = np.random.default_rng(0).random(300).astype(np.float32)
    [other] = nearest(np.stack([row, row]), 0, 1)
    assert other.index == 1 and other.similarity == pytest.approx(1) and other.similarity <= 1
