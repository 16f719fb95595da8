"""Small pictures, and where they stand."""

from __future__ import annotations

import contextlib

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.datasets import Dataset
from dashboard.core.errors import ImageError
from dashboard.core.images import enlarge
from dashboard.core.run_images import still_there

TILE = 96  # pixels


def tile(dataset: Dataset, index: int, name: str) -> np.ndarray:
    """The image, enlarged; gray where it cannot be read or is not the one that was evaluated."""
    if still_there(dataset, index, name):
        with contextlib.suppress(ImageError):
            return enlarge(dataset.image(index, (TILE, TILE)), TILE)
    return np.full((TILE, TILE, 3), 127, np.uint8)


def four_a_row(count: int) -> list[DeltaGenerator]:
    """Places for `count` pictures, row by row: four beside each other, on a phone two."""
    places: list[DeltaGenerator] = []
    while len(places) < count:
        for half in st.columns(2, gap="medium"):
            with half:
                places += st.columns(2, gap="medium", wrap=False)
    return places[:count]
