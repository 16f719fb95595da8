"""How well the probability of each class tells its images from all others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.metrics.one_vs_rest import one_vs_rest
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.evaluate.confidence_one_class import show_one_class
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.table_height import table_height


def show_curves(services: Services, run: Run) -> None:
    """Shows AUROC and average precision of each class, and the curves and costs of one of them."""
    names = run.manifest.class_names
    table, used, of = remembered(
        "one-vs-rest", rows_key(run), "Computing AUROC of each class ...", lambda: _each_class(run), 4
    )
    if used < of:
        st.caption(f"From a random part, {used:,} of the {of:,} labelled images, to save memory.")
    if len(names) > 2:
        _show_classes(table, names)
    present = [i for i in range(len(names)) if table.loc[i, "positives"] and table.loc[i, "negatives"]]
    if not present:
        st.info("All images have the same label, so there is nothing to tell apart.", icon=":material/info:")
        return
    first = present[-1] if len(names) == 2 else int(np.nanargmin(table["average_precision"].to_numpy()))
    chosen = st.selectbox(
        "Class to find (positive)", present, index=present.index(first), format_func=lambda i: names[i],
        key=f"positive-{run.manifest.run_id}", persist_state="session", width=320,
        help="Images of this class are the positive ones, and all others are negative.",
    )  # fmt: skip
    class_id = first if chosen is None else int(chosen)
    show_one_class(run, class_id, table.loc[class_id])


def _each_class(run: Run) -> tuple[pd.DataFrame, int, int]:
    """The figures of each class, the number of images they come from, and the number of all labelled images."""
    rows = labelled_rows(run)
    return one_vs_rest(rows.values, rows.labels), len(rows.labels), rows.of


def _show_classes(table: pd.DataFrame, names: tuple[str, ...]) -> None:
    st.header(
        "Each class against all others",
        anchor=False,
        help="AUROC: how often an image of the class gets a higher probability for it than another image. Average precision: "
        "the mean precision over all recalls; guessing gives the share of the class.",
    )
    figures = {"auroc": "AUROC", "average_precision": "Average precision"}
    shown = pd.DataFrame({"class": list(names), "positives": table["positives"]})
    for name in figures:
        bounds = zip(table[f"{name}_low"], table[f"{name}_high"], strict=True)
        shown[name] = table[name]
        shown[f"{name}_interval"] = [f"{low:.4f}-{high:.4f}" if low == low else "" for low, high in bounds]
    st.dataframe(
        safe_for_spreadsheets(shown.sort_values("average_precision", kind="stable")),
        hide_index=True,
        key="one-vs-rest-table",
        height=table_height(len(shown), 10),
        alt="AUROC and average precision of each class with their intervals, the lowest average precision first",
        column_config={
            "class": "Class",
            "positives": st.column_config.NumberColumn("Images", format="localized"),
            **{name: st.column_config.NumberColumn(title, format="%.4f") for name, title in figures.items()},
            **{f"{name}_interval": "95% interval" for name in figures},
        },
    )
