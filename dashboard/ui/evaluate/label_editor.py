"""The table in which a user says what the labels of a dataset mean to the model."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.core.labels.choices import LabelChoice, evaluates_something, meanings_for
from dashboard.ui.words import plain

ROWS_SHOWN = 12


def edit_labels(choices: Sequence[LabelChoice], model: str, class_names: Sequence[str], key: str) -> dict[str, str]:
    """Shows the table; returns what each label means now, empty where nothing would be evaluated."""
    unknown = sum(choice.meaning not in class_names for choice in choices)
    what = "1 label is" if unknown == 1 else f"{unknown} labels are"
    st.warning(f"{what} no class of {plain(model)}. Say what each means; nothing is guessed.", icon=":material/label:")
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
                help="A class of the model. Without a label, images are predicted, but not compared.",
            ),
        },
    )
    meanings = dict(zip(edited["label"], edited["meaning"], strict=True))
    return meanings if evaluates_something(list(meanings.values())) else {}
