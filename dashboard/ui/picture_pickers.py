"""Choosing a picture: an upload or a sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.core.errors import DatasetError, ImageError, listed
from dashboard.core.files import folders_in, read_whole, readable_name
from dashboard.core.images.decoding import KINDS, decode_image
from dashboard.core.images.drawing import centred
from dashboard.core.images.file_size import MAX_FILE_BYTES
from dashboard.core.labels.matching import match_labels
from dashboard.ui.contact_sheet import SheetItem, show_sheet
from dashboard.ui.errors import show_error
from dashboard.ui.uploaded_files import content_of
from dashboard.ui.words import plain

SAMPLES_SHOWN = 24
SIDE = 72  # least width of a sample, in pixels
_TILE = 96  # pixels of a sample in the file that the browser gets
SHEET_KEY = "samples"
_SHOWN = "shown-samples"  # their files, in the order on the page


def sample_files(samples_dir: Path, class_names: Sequence[str]) -> list[Path]:
    """One sample for each of these classes, at most SAMPLES_SHOWN of them. Without classes: of whatever there is."""
    folders = sorted(folders_in(samples_dir))
    if class_names:
        known = _known(tuple(folder.name for folder in folders), tuple(class_names))
        folders = [folder for folder in folders if folder.name in known]
    by_class = [sorted(folder.glob("*.png")) for folder in folders]
    return [files[0] for files in by_class if files][:SAMPLES_SHOWN]


@lru_cache(maxsize=32)
def _known(labels: tuple[str, ...], class_names: tuple[str, ...]) -> frozenset[str]:
    """The labels that match a class. Kept, because a page asks in each run, and many classes take time."""
    return frozenset(match_labels(labels, class_names).class_of)


def upload_picture(key: str, on_change: Callable[[], None] | None = None) -> tuple[str, bytes] | None:
    """Name and content of the uploaded image file, before it is decoded; None when there is none."""
    # of any type, because decoding says better than the browser why a file is no image
    upload = st.file_uploader(KINDS, key=key, max_upload_size=MAX_FILE_BYTES // 2**20, on_change=on_change)
    return stored_picture(upload, upload.name) if upload else None


def stored_picture(upload: UploadedFile, name: str) -> tuple[str, bytes] | None:
    """Name and content of an upload. If it could not be stored: None, and the page says why."""
    try:
        return name, content_of(upload)
    except DatasetError as error:
        show_error(error, "The picture was not uploaded.")
        return None


def clicked_sample(files: list[Path]) -> tuple[str, bytes] | None:
    """Shows the samples. A click anywhere on one chooses it. If its file cannot be read any more, a line says why.

    Returns:
        What the sample that was just clicked is called, such as "sample ship", and its content; None if none was clicked.
    """
    tiles, readable, unreadable = [], [], []
    for path in files:
        try:
            tiles.append(_thumbnail(os.fsencode(path)))
            readable.append(path)
        except (OSError, ImageError):
            unreadable.append(readable_name(path.name))
    clicked, before = None, st.session_state.get(_SHOWN, readable)
    st.session_state[_SHOWN] = readable
    if readable:
        labels = [readable_name(path.parent.name) for path in readable]
        items = [SheetItem(place, label, "", "", f"Sample: {label}") for place, label in enumerate(labels)]
        clicked = show_sheet(np.stack(tiles), items, (), SHEET_KEY, "Samples", side=SIDE, selects=False)
    if unreadable:
        st.caption(plain(f"Samples that cannot be read: {listed(unreadable)}"))
    if clicked is None:
        return None
    sample = before[clicked]  # what was clicked; files may have come or gone since
    label = readable_name(sample.parent.name)
    try:
        return f"sample {label}", read_whole(sample, MAX_FILE_BYTES)  # nobody has seen its file name
    except OSError as error:
        told = f"The sample {label}/{readable_name(sample.name)} cannot be read: {error.strerror or error}."
        st.error(plain(told), icon=":material/error:")
        return None


@st.cache_data(show_spinner=False)
def _thumbnail(path: bytes) -> np.ndarray:
    """The small picture of a sample. Its path is in bytes, because the name need not be UTF-8, which the cache expects of text."""
    return centred(decode_image(read_whole(Path(os.fsdecode(path)), MAX_FILE_BYTES)).pixels, _TILE)
