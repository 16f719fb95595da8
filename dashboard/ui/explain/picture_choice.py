"""Choosing the picture to explain: an upload or a sample."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.ui.picture_address import keep_picture
from dashboard.ui.picture_pickers import clicked_sample, sample_files, upload_picture


def choose_picture(samples_dir: Path) -> None:
    """Lets the user upload a picture or take a sample, and keeps it for `picture_to_explain`."""
    picture = upload_picture("explain-upload")
    if picture is None:
        st.caption("No picture at hand? Take a sample. The images of an evaluation have a link to this page, too.")
        clicked = clicked_sample(sample_files(samples_dir))
        picture = (clicked.name, clicked.read_bytes()) if clicked else None
    if picture:
        keep_picture(*picture)
        st.rerun()
