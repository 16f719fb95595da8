from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.core.analysis.similar_images import similar_images, summary, usual_similarity

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
    assert found["index"].tolist() == [3, 4, 7]  # the image without an embedding is left out
    assert found["similarity"].tolist() == pytest.approx([1, 0.5**0.5, -1])


def test_the_usual_similarity_is_the_median_of_all_that_have_one() -> None:
    assert usual_similarity(EMBEDDINGS, np.array([5.0, 0])) == pytest.approx(0.5**0.5)
    many = np.repeat([[1.0, 0], [0, 1.0]], [20_001, 10_000], axis=0)  # a sample of them is enough
    assert usual_similarity(many, np.array([1.0, 0])) == 1 and usual_similarity(many, np.array([0, 1.0])) == 0


def test_no_more_are_given_than_asked_for() -> None:
    assert similar_images(EVALUATED, EMBEDDINGS, np.array([5.0, 0]), most=1)["index"].tolist() == [3]


def test_an_embedding_of_zeros_is_like_nothing() -> None:
    assert similar_images(EVALUATED, EMBEDDINGS, np.zeros(2), most=10).empty


def test_the_summary_counts_labels_and_mistakes() -> None:
    said = summary(EVALUATED)
    assert said == "The 4 most similar: 2 cat and 2 dog; 1 predicted as another class."
    assert summary(EVALUATED[2:3]) == "The 1 most similar are predicted as: 1 dog."
    assert summary(EVALUATED.head(1)) == "The 1 most similar: 1 cat; all predicted as labelled."


def nearest(embeddings: np.ndarray, index: int, most: int) -> pd.DataFrame:
    """The images most similar to the image at `index`, without this image."""
    rows = pd.DataFrame({"index": range(len(embeddings))})
    return similar_images(rows, embeddings, embeddings[index], most, leave_out=index)


def test_the_angle_counts_and_not_the_length() -> None:
    embeddings = np.array([[1.0, 0], [0, 5], [9, 1], [-1, 0], [1, 1]])
    found = nearest(embeddings, 0, 3)
    assert found["index"].tolist() == [2, 4, 1]
    assert found["similarity"].tolist()[1:] == pytest.approx([np.sqrt(0.5), 0])
    assert nearest(embeddings, 0, 99)["index"].tolist() == [2, 4, 1, 3]


def test_an_image_without_an_embedding_is_similar_to_none() -> None:
    embeddings = np.array([[1.0, 0], [np.nan, np.nan], [0, 0], [2, 1]], np.float32)
    assert nearest(embeddings, 0, 5)["index"].tolist() == [3]
    assert nearest(embeddings, 1, 5).empty and nearest(embeddings, 2, 5).empty


def test_equal_images_have_similarity_one() -> None:
    row = np.random.default_rng(0).random(300).astype(np.float32)
    other = nearest(np.stack([row, row]), 0, 1)
    assert other["index"].tolist() == [1]
    assert other["similarity"].iloc[0] == pytest.approx(1) and other["similarity"].iloc[0] <= 1


def test_a_large_file_of_embeddings_is_not_read_into_memory(tmp_path: Path) -> None:
    path, n, d = tmp_path / "embeddings.npy", 50_000, 256
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (n, d))
    stored[:] = np.random.default_rng(0).random((n, d), np.float32)
    stored.flush()
    mapped = np.load(path, mmap_mode="r")
    rows = pd.DataFrame({"index": np.arange(n)})
    tracemalloc.start()
    found = similar_images(rows, mapped, np.array(mapped[123]), 5, leave_out=123)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == 5 and 123 not in found["index"].tolist()
    wanted = mapped @ mapped[123] / (np.linalg.norm(mapped, axis=1) * np.linalg.norm(mapped[123]))
    assert found["similarity"].iloc[0] == pytest.approx(np.sort(wanted)[-2], abs=1e-5)
    assert peak < mapped.nbytes
