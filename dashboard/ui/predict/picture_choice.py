"""Choosing the picture to predict: an upload, the camera, or a sample."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.ui.picture_pickers import clicked_sample, sample_files, upload_picture
from dashboard.ui.uploaded_files import content_of


def choose_picture(samples_dir: Path) -> tuple[str, bytes] | None:
    """Name and content of the chosen picture; None if there is none yet."""
    source = st.segmented_control(
        "Picture from",
        ["Upload", "Camera", "Sample"],
        default="Upload",
        required=True,
        key="source",
        persist_state="session",
    )
    if source == "Camera":
        shot = st.camera_input("Take a picture", key="camera")
        return ("camera.jpg", content_of(shot)) if shot else None
    if source == "Upload":
        if upload := upload_picture("upload"):
            st.session_state.pop("sample", None)  # otherwise the old sample would come back when the upload is removed
            return upload
        st.caption("No picture at hand? Take a sample.")
    return _choose_sample(samples_dir)


def _choose_sample(samples_dir: Path) -> tuple[str, bytes] | None:
    files = sample_files(samples_dir)
    if clicked := clicked_sample(files):
        st.session_state["sample"] = str(clicked)
    chosen = Path(st.session_state.get("sample", ""))
    return (chosen.name, chosen.read_bytes()) if chosen in files else None
