"""Choosing a picture: an upload or a sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.core.errors import ImageError, listed
from dashboard.core.images.decoding import KINDS, MAX_FILE_BYTES, SUFFIXES, decode_image
from dashboard.core.images.drawing import enlarge
from dashboard.ui.uploaded_files import content_of
from dashboard.ui.words import plain

SAMPLES_SHOWN = 8


def sample_files(samples_dir: Path) -> list[Path]:
    """One sample per class, at most SAMPLES_SHOWN of them."""
    by_class = [sorted(folder.glob("*.png")) for folder in sorted(samples_dir.glob("*/"))]
    return [files[0] for files in by_class if files][:SAMPLES_SHOWN]


def upload_picture(key: str) -> tuple[str, bytes] | None:
    """Name and content of the uploaded image file, before it is decoded; None when there is none."""
    types = sorted(suffix[1:] for suffix in SUFFIXES)
    upload = st.file_uploader(KINDS, type=types, key=key, max_upload_size=MAX_FILE_BYTES // 2**20)
    return (upload.name, content_of(upload)) if upload else None


def clicked_sample(files: list[Path]) -> Path | None:
    """Shows the samples, each with a button. The sample whose button was just clicked, or None."""
    clicked = None
    unreadable = []
    with st.container(horizontal=True, gap="small", key="samples"):
        for path in files:
            try:
                thumbnail = _thumbnail(path)
            except (OSError, ImageError):
                unreadable.append(path.name)
                continue
            with st.container(width=84, gap="xsmall"):
                st.image(thumbnail, width=80, alt=f"Sample of class {path.parent.name}")
                if st.button(
                    plain(path.parent.name), key=f"sample-{path.parent.name}", width="stretch", type="tertiary"
                ):
                    clicked = path
    if unreadable:
        st.caption(plain(f"Samples that cannot be read: {listed(unreadable)}"))
    return clicked


@st.cache_data(show_spinner=False)
def _thumbnail(path: Path) -> np.ndarray:
    return enlarge(decode_image(path.read_bytes()).pixels, 96)
