"""Images that a model sees alike: those whose embeddings point the same way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Neighbour:
    """One of the most similar images."""

    index: int  # row of the embeddings
    similarity: float  # cosine, in [-1, 1]


def nearest(embeddings: np.ndarray, index: int, count: int) -> list[Neighbour]:
    """The images most similar to one of them, the most similar first, without itself.

    Args:
        embeddings: (N, d); rows that are not finite are left out.
        index: row of the image to compare with.
        count: how many at most.

    Returns:
        At most `count`; none where that image has no embedding.
    """
    rows = embeddings.astype(np.float64)
    lengths = np.sqrt((rows**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity = rows @ rows[index] / (lengths * lengths[index])
    known = np.flatnonzero(np.isfinite(similarity))
    known = known[known != index]
    order = known[np.argsort(-similarity[known], kind="stable")][:count]
    return [Neighbour(int(i), float(np.clip(similarity[i], -1, 1))) for i in order]
