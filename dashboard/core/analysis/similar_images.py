"""The images of a run that a model sees most like another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


def similar_images(evaluated: pd.DataFrame, embeddings: np.ndarray, query: np.ndarray, most: int) -> pd.DataFrame:
    """Rows of a run, the most similar first, with a column `similarity`: the cosine of the embeddings, in [-1, 1].

    Args:
        evaluated: `Run.evaluated`.
        embeddings: (N, d), one for each of these rows; NaN where there is none.
        query: (d,), of the image to compare with.
    """
    found = nearest(np.vstack([embeddings, query]), len(embeddings), most)
    rows = evaluated.iloc[[neighbour.index for neighbour in found]]
    return rows.assign(similarity=[neighbour.similarity for neighbour in found])


def summary(similar: pd.DataFrame) -> str:
    """What most of them are, in one sentence."""
    labels = similar["true_label"].fillna(similar["predicted_label"]).astype(str)
    counts = [f"{count} {label}" for label, count in labels.value_counts().items()]
    listed = counts[0] if len(counts) == 1 else f"{', '.join(counts[:-1])} and {counts[-1]}"
    if similar["true_label"].isna().all():
        return f"The {len(similar)} most similar are taken for: {listed}."
    wrong = int((similar["true_label"].notna() & (similar["true_label"] != similar["predicted_label"])).sum())
    mistakes = "no mistake among them" if not wrong else f"{wrong} taken for something else"
    return f"The {len(similar)} most similar: {listed}; {mistakes}."


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
