"""The table in which a user chooses the class that each label of a dataset means."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.core.labels.choices import LabelChoice, evaluates_something, meanings_for
from dashboard.ui.words import plain

ROWS_SHOWN = 12


def edit_labels(choices: Sequence[LabelChoice], model: str, class_names: Sequence[str], key: str) -> dict[str, str]:
    """Shows the table and returns the chosen label map; empty if every label is left out."""
    unknown = [choice.label for choice in choices if choice.meaning not in class_names]
    if len(unknown) == 1:
        what = f'"{plain(unknown[0][:80])}" is not a class of {plain(model)}. Choose its class.'
    else:
        what = f"{len(unknown)} labels are not classes of {plain(model)}. Choose a class for each."
    st.warning(what, icon=":material/label:")
    edited = st.data_editor(
        pd.DataFrame([(c.label, c.images, c.meaning) for c in choices], columns=["label", "images", "meaning"]),
        hide_index=True,
        disabled=["label", "images"],
        key=key,
        width=520,
        alt="What each label of the dataset means to the model",
        height=36 * (min(len(choices), ROWS_SHOWN) + 1),
        column_config={
            "label": "Label in the dataset",
            "images": st.column_config.NumberColumn("Images", format="localized"),
            "meaning": st.column_config.SelectboxColumn(
                "Means",
                options=meanings_for(class_names),
                required=True,
                help="A class of the model. Images without a label are predicted, but not compared.",
            ),
        },
    )
    meanings = dict(zip(edited["label"], edited["meaning"], strict=True))
    return meanings if evaluates_something(list(meanings.values())) else {}
