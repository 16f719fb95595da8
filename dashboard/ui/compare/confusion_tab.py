"""How the confusion matrices differ, and the images behind a cell."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from dashboard.charts.confusion import CELL
from dashboard.charts.confusion_difference import confusion_difference_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.core.analysis.comparison import Comparison, Outcomes
from dashboard.core.metrics.confusion import confused_classes
from dashboard.services import Services
from dashboard.ui.address import put_in_address, texts_in_address
from dashboard.ui.compare.changes_view import ImageList, show_side_by_side
from dashboard.ui.compare_address import OF_CELL, A, B


def show_confusion_difference(services: Services, comparison: Comparison) -> None:
    """Shows the chart with all classes, or those whose cells differ most, and the images of the cell that was clicked.

    Raises:
        DatasetError: a run is gone.
    """
    difference, names = comparison.confusion_difference, comparison.class_names
    if not difference.any():
        st.caption("Both confusion matrices are the same.")
        return
    classes = confused_classes(np.abs(difference), len(names) if len(names) <= MOST_CLASSES else OF_MANY)
    unit = "images" if comparison.outcomes else "share of the true class"
    st.caption(
        f"B minus A ({unit}) in each cell of the confusion matrix. Blue is better in B: more on the diagonal, or fewer "
        "mistakes. Orange is worse." + (" Click a cell to see its images." if comparison.outcomes else "")
    )
    key = f"compare-cell-{comparison.a.manifest.run_id}-{comparison.b.manifest.run_id}"
    st.altair_chart(
        confusion_difference_chart(difference, names, classes, st.context.theme.type == "dark"),
        width="stretch",
        key=f"{key}-chart",
        on_select=partial(_take_clicked, key) if comparison.outcomes else "ignore",
        alt="Difference of the confusion matrices: one row per true class, one column per predicted class, B minus A",
    )
    if len(classes) < len(names):
        st.caption(f"The {len(classes)} classes whose cells differ most, of {len(names):,}.")
    cell = texts_in_address(OF_CELL, key)
    if comparison.outcomes and len(cell) == 2:
        _show_cell(services, comparison, comparison.outcomes, *cell)


def _take_clicked(key: str) -> None:
    """Puts the labels of the cell that was clicked into the address; none if the selection was cleared."""
    picked = st.session_state[f"{key}-chart"].get("selection", {}).get(CELL) or []
    put_in_address(OF_CELL, key, [picked[0]["true_label"], picked[0]["predicted_label"]] if picked else [])


def _show_cell(services: Services, comparison: Comparison, outcomes: Outcomes, true: str, predicted: str) -> None:
    only_a, only_b = outcomes.in_cell(true, predicted)
    what = f"Labelled {true}, predicted as {predicted}"
    show_side_by_side(
        services,
        comparison,
        ImageList(A, f"{what} only by A", only_a),
        ImageList(B, f"{what} only by B", only_b),
    )
