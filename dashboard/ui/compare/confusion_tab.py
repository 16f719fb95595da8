"""How the confusion matrices differ."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.charts.confusion_difference import confusion_difference_chart
from dashboard.charts.palette import MOST_CLASSES, OF_MANY
from dashboard.core.analysis.comparison import Comparison
from dashboard.core.metrics.confusion import confused_classes


def show_confusion_difference(comparison: Comparison) -> None:
    """Shows the chart with all classes, or those whose cells differ most."""
    difference, names = comparison.confusion_difference, comparison.class_names
    if not difference.any():
        st.caption("Both confusion matrices are the same.")
        return
    classes = confused_classes(np.abs(difference), len(names) if len(names) <= MOST_CLASSES else OF_MANY)
    unit = "images" if comparison.outcomes else "share of the true class"
    st.caption(
        f"B minus A ({unit}) in each cell of the confusion matrix. Blue is better in B: more on the diagonal, or fewer "
        "mistakes. Orange is worse."
    )
    st.altair_chart(
        confusion_difference_chart(difference, names, classes, st.context.theme.type == "dark"),
        width="stretch",
        alt="Difference of the confusion matrices: one row per true class, one column per predicted class, B minus A",
    )
    if len(classes) < len(names):
        st.caption(f"The {len(classes)} classes whose cells differ most, of {len(names):,}.")
