"""How to add a model. A page never takes one: only whoever runs the dashboard decides which files are loaded."""

from __future__ import annotations

import streamlit as st

from dashboard.core.shell import as_called

COMMAND = "python -m dashboard models add MODEL.keras --name NAME --class-names labels.txt"


def show_how_to_add() -> None:
    """The command that adds a model, folded."""
    with st.expander("Add a model", icon=":material/add:", key="add-model"):
        st.markdown(
            "Run this where the dashboard runs, with a `.keras` or `.h5` file, a SavedModel folder, or the ZIP of Teachable "
            "Machine. It tries the model in a process of its own, says what it found, and asks for what it cannot know."
        )
        st.code(as_called(COMMAND), language="bash", wrap_lines=True)
        st.markdown(
            "A model file does not tell how pictures were resized in training. Add `--resample bilinear` if it was trained with "
            "`image_dataset_from_directory`, `--resample nearest` if with `load_img` or `ImageDataGenerator`. "
            "Otherwise pictures of another size are resized with Lanczos, antialiased."
        )
        st.caption(
            "Models cannot be uploaded here: a model file can hold code, so the person who runs the dashboard adds it."
        )
