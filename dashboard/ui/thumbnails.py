"""How large pictures are shown, and how thumbnails are laid out."""

from __future__ import annotations

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.core.images.drawing import with_edge

TILE = 96  # pixels of a thumbnail's side
SMALL_SIDE, LARGE_SIDE = 320, 512  # pixels of the longer side of a small and of a large picture
# A tall picture that fills the width of its place would be much higher than the screen. On the whole screen, Streamlit sets
# a maximum of its own.
PICTURES_FIT = (
    f"[data-testid=stImageContainer] img:not([style*=max-height]) {{ max-height: min({LARGE_SIDE}px, 80vh); object-fit: contain; "
    "object-position: left top }"
)


def on_page(picture: np.ndarray) -> np.ndarray:
    """The picture as it is shown: with a thin frame if it would otherwise have no visible edge."""
    return with_edge(picture, st.context.theme.type == "dark")


def show_wide(place: DeltaGenerator, picture: np.ndarray, key: str, caption: str, alt: str) -> None:
    """Shows a picture (H, W, 3) uint8 that fills the width of its place.

    The browser keeps the room for it before it has loaded. Otherwise a button below would move away under a click.
    """
    height, width = picture.shape[:2]
    with place.container(key=key):
        st.html(f"<style>.st-key-{key} img {{ aspect-ratio: {width} / {height}; object-position: top }}</style>")
        st.image(picture, caption=caption, width="stretch", alt=alt)


def four_a_row(count: int) -> list[DeltaGenerator]:
    """Makes places for `count` pictures, row by row: four per row, or two on a phone."""
    places: list[DeltaGenerator] = []
    while len(places) < count:
        for half in st.columns(2, gap="medium"):
            with half:
                places += st.columns(2, gap="medium", wrap=False)
    return places[:count]
