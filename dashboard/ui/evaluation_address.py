"""How the addresses of Batch evaluation and Explain name the images that are shown, and the view that shows them."""

from __future__ import annotations

import streamlit as st

UPLOAD = "upload"  # the folder, among the uploads, of a dataset that the page asks about
WHERE = "where"  # the conditions of the filter
SHOW = "show"  # which of the filtered images the gallery shows: conditions
VIEW = "view"  # which view of the evaluation is open
SORT = "sort"  # the order of the gallery
TICKED = "ticked"  # the selected images, such as 3,17, if they are few; on Explain: those whose maps were shown, in their order
IN_VIEW = "in_view"  # on Explain: the view to return to. Streamlit lets only a widget of Batch evaluation set VIEW.
LABELS_VIEW = "Labels"  # the name of the view of doubtful labels
MOST_DIGITS = 18  # of an index that tables can hold
MOST_TICKED = 50  # a longer address is not sent whole by every program


def ticked_in_address() -> list[int]:
    """The `index` of each image that TICKED names; one that is no number is left out."""
    named = st.query_params.get(TICKED, "").split(",")[:MOST_TICKED]
    return [int(index) for index in named if index.isdecimal() and len(index) < MOST_DIGITS]
