"""Choosing the picture to explain: an upload or a sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard.ui.picture_address import keep_picture
from dashboard.ui.picture_pickers import clicked_sample, sample_files, upload_picture


def choose_picture(samples_dir: Path, class_names: Sequence[str]) -> None:
    """Lets the user upload a picture or take a sample of these classes, and keeps it for `picture_to_explain`."""
    picture = upload_picture("explain-upload")
    if picture is None:
        files = sample_files(samples_dir, class_names)
        take = "No picture at hand? Take a sample. " if files else ""
        st.caption(f"{take}The images of an evaluation have a link to this page, too.")
        picture = clicked_sample(files) if files else None
    if picture:
        keep_picture(*picture)
        st.rerun()
