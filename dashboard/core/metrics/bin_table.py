"""The bins of a reliability diagram as a table, with the conditions that choose their images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.metrics.calibration import Reliability


def bin_table(reliability: Reliability, confidence: np.ndarray) -> pd.DataFrame:
    """One row for each bin that holds images, the least confident first.

    Args:
        confidence: (N,), of the images in the bins.

    Returns:
        The columns are `bin` (number, from 1), `from` and `to` (edges as text: the bin holds the images with
        from < confidence <= to), `low` and `high` (the edges as numbers), `images`, `confidence` (mean), `accuracy`,
        `accuracy_low`, `accuracy_high` (95% Wilson interval) and `gap` (confidence minus accuracy).
    """
    upper = reliability.upper
    edges = ["0", *_edge_texts(upper, reliability.images, confidence)]
    low, high = reliability.accuracy_bounds
    table = pd.DataFrame(
        {
            "bin": np.arange(1, len(upper) + 1),
            "from": edges[:-1],
            "to": edges[1:],
            "low": np.append(0.0, upper[:-1]),
            "high": upper,
            "images": reliability.images,
            "confidence": reliability.confidence,
            "accuracy": reliability.accuracy,
            "accuracy_low": low,
            "accuracy_high": high,
            "gap": reliability.confidence - reliability.accuracy,
        }
    )
    return table[table["images"] > 0].reset_index(drop=True)


def _edge_texts(upper: np.ndarray, images: np.ndarray, confidence: np.ndarray) -> list[str]:
    """The upper edge of each bin with the fewest decimals that leave the same images below it."""
    ordered, below = np.sort(confidence), np.cumsum(images)
    texts = []
    for edge, count in zip(upper, below, strict=True):
        rounded = (f"{edge:.{decimals}f}".rstrip("0").rstrip(".") for decimals in range(2, 17))
        fits = (text for text in rounded if np.searchsorted(ordered, float(text), "right") == count)
        texts.append(next(fits, repr(float(edge))))
    return texts
