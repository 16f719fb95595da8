"""Where a picture comes from: an upload, or one of the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.core.images import MAX_FILE_BYTES, SUFFIXES, decode_image, enlarge
from dashboard.ui.components import plain

SAMPLES_SHOWN = 8


def sample_files(samples_dir: Path) -> list[Path]:
    """One picture of each class, as far as they are shown."""
    by_class = [sorted(folder.glob("*.png")) for folder in sorted(samples_dir.glob("*/"))]
    return [files[0] for files in by_class if files][:SAMPLES_SHOWN]


def upload_picture(key: str) -> tuple[str, bytes] | None:
    """Name and content of an uploaded image file, not decoded yet."""
    types = sorted(suffix[1:] for suffix in SUFFIXES)
    upload = st.file_uploader(
        "PNG, JPEG, WebP, BMP, GIF or TIFF", type=types, key=key, max_upload_size=MAX_FILE_BYTES // 2**20
    )
    return (upload.name, upload.getvalue()) if upload else None


def clicked_sample(files: list[Path]) -> Path | None:
    """Shows the samples with a button each; the one whose button was clicked just now."""
    clicked = None
    with st.container(horizontal=True, gap="small", key="samples"):
        for path in files:
            with st.container(width=84, gap="xsmall"):
                st.image(_thumbnail(path), width=80, alt=f"Sample of class {path.parent.name}")
                if st.button(
                    plain(path.parent.name), key=f"sample-{path.parent.name}", width="stretch", type="tertiary"
                ):
                    clicked = path
    return clicked


@st.cache_data(show_spinner=False)
def _thumbnail(path: Path) -> np.ndarray:
    return enlarge(decode_image(path.read_bytes()).pixels, 96)
