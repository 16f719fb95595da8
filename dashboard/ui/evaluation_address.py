"""How the addresses of Batch evaluation and Explain name the images that are shown, and the view that shows them."""

from __future__ import annotations

UPLOAD = "upload"  # the folder, among the uploads, of a dataset that the page asks about
WHERE = "where"  # the conditions of the filter
SHOW = "show"  # which of the filtered images the gallery shows: conditions
VIEW = "view"  # which view of the evaluation is open
SORT = "sort"  # the order of the gallery
TICKED = "ticked"  # the selected images, such as 3,17, if they are few
IN_VIEW = "in_view"  # on Explain: the view to return to. Streamlit lets only a widget of Batch evaluation set VIEW.
