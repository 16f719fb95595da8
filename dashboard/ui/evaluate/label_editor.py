"""The tables in which a user chooses the class that each label of a dataset means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard.core.errors import counted, listed
from dashboard.core.labels.choices import Decision, LabelChoice, LabelChoices, decide, meanings_for
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.match_notes import spelled_differently
from dashboard.ui.table_height import table_height
from dashboard.ui.words import plain

ROWS_SHOWN = 12
_KEPT = "-kept"  # after the key of the tables: what was chosen in them
_IN_WORDS = {"": "Not decided yet", LEAVE_OUT: "Leave the images out", NO_LABEL: "Predict, but do not compare"}


def edit_labels(choices: LabelChoices, model: str, class_names: Sequence[str], key: str) -> Decision:
    """Shows the labels that match no class, each to be chosen, and folded those that match. Returns what was chosen.

    Args:
        key: of the dataset and the model. A class that was chosen for a label is kept when another answer changes the labels.
    """
    kept = key + _KEPT
    key = f"{key}-{hash(tuple(choice.label for choice in choices.unmatched))}"  # the tables store edits by row number
    meanings: dict[str, str | None] = {}
    others = ""
    if choices.unmatched:
        st.warning(_summary(choices, model), icon=":material/label:")
        if choices.reasons:
            st.caption(plain(" ".join(choices.reasons)))
        taken: dict[str, str] = st.session_state.get(f"{key}-suggested", {})
        rows = [replace(choice, meaning=taken.get(choice.label, "")) for choice in choices.unmatched]
        table_key = f"{key}-suggested-table" if taken else key
        meanings |= _table(rows, class_names, table_key, kept, "What each label that matches no class means")
        if choices.suggestions and not taken:
            st.button(
                "Use the suggestions", key=f"{key}-suggest", icon=":material/check:", on_click=_use_suggestions,
                args=(key, choices.suggestions | {label: meant for label, meant in meanings.items() if meant}),
            )  # fmt: skip
        others = (
            st.selectbox(
                "Labels without a choice",
                list(_IN_WORDS),
                format_func=_IN_WORDS.__getitem__,
                key=f"{key}-others",
                persist_state="session",
                width=360,
            )
            or ""
        )
    if choices.matched:
        if respelled := spelled_differently({choice.label: choice.meaning for choice in choices.matched}):
            st.caption(plain(f"Matched automatically: {listed(respelled)}. Change this below if it is wrong."))
        images = sum(choice.images for choice in choices.matched)
        title = f"{len(choices.matched):,} labels match ({images:,} images)"
        with st.expander(title if len(choices.matched) > 1 else f"1 label matches ({images:,} images)"):
            meanings |= _table(choices.matched, class_names, f"{key}-matched", kept, "What the labels that match mean")
    decision = decide(choices, meanings, others)
    if decision.missing:
        count = len(decision.missing)
        missing = f"{count:,} labels have no class yet." if count > 1 else "1 label has no class yet."
        st.caption(f"{missing} Choices are kept until the page is loaded again.")
    elif decision.nothing_left:
        st.caption(
            f"All images would be left out, and none evaluated. Choose a class for a label, or “{_IN_WORDS[NO_LABEL]}”."
        )
    return decision


def remember_meanings(key: str, meanings: Mapping[str, str]) -> None:
    """Fills the tables that `edit_labels` shows with this key."""
    st.session_state[key + _KEPT] = dict(meanings)


def _summary(choices: LabelChoices, model: str) -> str:
    unmatched, images = choices.unmatched, counted(choices.images_unmatched, "image")
    if len(unmatched) == 1:
        return f'"{plain(unmatched[0].label[:80])}" ({images}) is not a class of {plain(model)}. Choose its class, or leave its images out.'
    return f"{len(unmatched):,} labels ({images}) are not classes of {plain(model)}. Choose a class for each, or leave their images out."


def _use_suggestions(key: str, meanings: dict[str, str]) -> None:
    """Fills the table of unmatched labels, which gets another key, since Streamlit keeps the old one as it was."""
    st.session_state[f"{key}-suggested"] = meanings


def _table(
    choices: Sequence[LabelChoice], class_names: Sequence[str], key: str, kept: str, alt: str
) -> dict[str, str | None]:
    """Shows a table of labels and returns the meaning of each; None where nothing is chosen.

    Streamlit forgets what was chosen in a table when another page is opened. So the session keeps it, under the key `kept`.
    """
    first = f"{key}-first"
    if key not in st.session_state:  # the table is new on the page
        st.session_state[first] = st.session_state.get(kept, {})
    before = st.session_state.get(first, {})
    rows = [(c.label, c.images, c.hint, before.get(c.label, c.meaning) or None) for c in choices]
    hints = any(choice.hint for choice in choices)
    edited = st.data_editor(
        pd.DataFrame(rows, columns=["label", "images", "hint", "meaning"]),
        hide_index=True,
        disabled=["label", "images", "hint"],
        column_order=["label", "images", *(["hint"] if hints else []), "meaning"],
        key=key,
        width=620,
        alt=alt,
        placeholder="choose",
        height=table_height(len(choices), ROWS_SHOWN),
        column_config={
            "label": "Label in the dataset",
            "images": st.column_config.NumberColumn("Images", format="localized"),
            "hint": st.column_config.TextColumn(
                "Suggestion",
                help="Its name in WordNet, or a class that is spelled alike. Not used unless you choose it.",
            ),
            "meaning": st.column_config.SelectboxColumn(
                "Class",
                options=meanings_for(class_names),
                format_func=lambda meaning: _IN_WORDS.get(str(meaning), str(meaning)),
                help="A class of the model, or what is done with the images instead.",
            ),
        },
    )
    chosen = (None if pd.isna(meaning) else str(meaning) for meaning in edited["meaning"])
    meanings = dict(zip(edited["label"], chosen, strict=True))
    proposed = {choice.label: choice.meaning or None for choice in choices}
    others = {label: meant for label, meant in st.session_state.get(kept, {}).items() if label not in proposed}
    changed = {label: meant for label, meant in meanings.items() if meant != proposed[label]}
    st.session_state[kept] = others | changed
    return meanings
