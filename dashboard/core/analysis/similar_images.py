"""The images of a run that are most similar to another image, by the cosine similarity of their embeddings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.errors import listed_and
from dashboard.core.runs.array_file import ArrayFile

PIECE_ROWS = 8192  # embeddings in memory at a time; a run may have a million


def similar_images(
    evaluated: pd.DataFrame,
    embeddings: np.ndarray | ArrayFile,
    query: np.ndarray,
    most: int,
    leave_out: int | None = None,
) -> pd.DataFrame:
    """The rows of the most similar images, best first, with an added column `similarity` in [-1, 1].

    Args:
        evaluated: `Run.evaluated`.
        embeddings: (N, d), one per row of `evaluated`; NaN if an image has none.
        query: (d,), the embedding of the image to compare with.
        most: maximum number of rows.
        leave_out: position of the row of the query image itself, if it is in the run.
    """
    similarity = cosine_similarity(embeddings, query)
    if leave_out is not None:
        similarity[leave_out] = np.nan
    known = np.flatnonzero(np.isfinite(similarity))
    order = known[np.argsort(-similarity[known], kind="stable")][:most]
    return evaluated.iloc[order].assign(similarity=similarity[order])


def usual_similarity(embeddings: np.ndarray | ArrayFile, query: np.ndarray) -> float:
    """The median similarity of embeddings (N, d) with a query (d,), in [-1, 1]; of a regular sample if there are many.

    At least one of them must have a similarity, see `cosine_similarity`.
    """
    return float(np.nanmedian(cosine_similarity(embeddings[:: -(-len(embeddings) // PIECE_ROWS)], query)))


def cosine_similarity(embeddings: np.ndarray | ArrayFile, query: np.ndarray) -> np.ndarray:
    """The cosine of each row of embeddings (N, d) with a query (d,): (N,) in [-1, 1]; NaN if a vector is 0 or NaN."""
    query = np.asarray(query, np.float64)
    similarity = np.empty(len(embeddings))
    for start in range(0, len(embeddings), PIECE_ROWS):
        piece = np.asarray(embeddings[start : start + PIECE_ROWS], np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            lengths = np.sqrt((piece**2).sum(axis=1)) * np.sqrt((query**2).sum())
            similarity[start : start + PIECE_ROWS] = np.clip(piece @ query / lengths, -1, 1)
    return similarity


def summary(similar: pd.DataFrame) -> str:
    """The labels of the most similar images, in one sentence."""
    labels = similar["true_label"].fillna(similar["predicted_label"]).astype(str)
    counts = [f"{count} {label}" for label, count in labels.value_counts().items()]
    listed = listed_and(counts)
    if similar["true_label"].isna().all():
        return f"The {len(similar)} most similar are predicted as: {listed}."
    wrong = int((similar["true_label"].notna() & (similar["true_label"] != similar["predicted_label"])).sum())
    agree = "all predicted as labelled" if not wrong else f"{wrong} predicted as another class"
    return f"The {len(similar)} most similar: {listed}; {agree}."
