"""Where a picture comes from: an upload, one of the samples, another page, an image of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.core.errors import DatasetError, ImageError, listed
from dashboard.core.images import MAX_FILE_BYTES, SUFFIXES, decode_image, enlarge
from dashboard.core.run_images import RunImage, run_image
from dashboard.ui.components import EXPLAIN_LAYER_KEY, plain
from dashboard.ui.memory import stored_run
from dashboard.ui.resources import Services, get_kept_pictures

SAMPLES_SHOWN = 8
RUN, IMAGE, PICTURE = "run", "image", "picture"  # in the address
TARGET_KEY = "explain-target"  # what is asked about it, see `explain_head`
_KEPT = "picture-to-explain"  # its key in the address, and the picture
_IN_RUN = "run-image-to-explain"  # what the address says of an image of an evaluation


@dataclass(frozen=True)
class Picture:
    """An image file to explain."""

    name: str
    data: bytes
    from_run: RunImage | None = None


def hand_over(name: str, data: bytes, target: str | None, layer: str | None) -> None:
    """Opens the Explain page with this picture, about this class and layer where its model has them."""
    _keep(name, data)
    st.session_state[TARGET_KEY], st.session_state[EXPLAIN_LAYER_KEY] = target, layer
    st.switch_page("../pages/explain.py")


def link_to_run_image(run_id: str, index: int) -> None:
    """A link to the Explain page about an image of an evaluation, good for any session."""
    st.page_link("../pages/explain.py", label="Explain", query_params={RUN: run_id, IMAGE: str(index)})


def turn_to_run_image(run_id: str, index: int) -> None:
    """Makes the Explain page, from which it is called, be about another image of an evaluation."""
    st.query_params.from_dict({RUN: run_id, IMAGE: str(index)})


def picture_to_explain(services: Services) -> Picture | None:
    """The one that the address names, or the one that this session chose before.

    Raises:
        DatasetError, ImageError: the address names one that is not there.
    """
    if not {RUN, IMAGE, PICTURE} & set(st.query_params) and _IN_RUN in st.session_state:
        st.query_params.from_dict(st.session_state[_IN_RUN])  # it was shown before another page was visited
    if RUN not in st.query_params and IMAGE not in st.query_params:
        st.session_state.pop(_IN_RUN, None)
        return _kept_picture()
    if st.query_params.to_dict() != st.session_state.get(_IN_RUN):
        st.session_state[_IN_RUN] = st.query_params.to_dict()
        st.session_state[TARGET_KEY] = None  # the class that was asked about was that of another picture
    run_id, index = st.query_params.get(RUN, ""), st.query_params.get(IMAGE, "")
    if not index.isdecimal():
        raise DatasetError(f"{index!r} is no number of an image.", "Choose one on Batch evaluation.", "image_unknown")
    image = run_image(stored_run(services, run_id), int(index))
    return Picture(image.name, image.data, image)


def _keep(name: str, data: bytes) -> None:
    st.session_state[_KEPT] = get_kept_pictures().keep(name, data), Picture(name, data)
    st.session_state[TARGET_KEY] = None
    st.session_state.pop(_IN_RUN, None)


def _kept_picture() -> Picture | None:
    """The one that was chosen on a page, which is in the address from then on: it survives a reload."""
    kept_key, picture = st.session_state.get(_KEPT, ("", None))
    key = st.query_params.get(PICTURE, kept_key)
    if key != kept_key:
        found = get_kept_pictures().get(key)
        if found is None:
            raise ImageError("This picture is not kept any more.", "Choose it again.", "picture_gone")
        picture = Picture(*found)
        st.session_state[_KEPT] = key, picture
    if key:
        st.query_params[PICTURE] = key
    return picture


def forget_picture() -> None:
    """Lets another one be chosen."""
    st.query_params.clear()
    for key in (_KEPT, _IN_RUN):
        st.session_state.pop(key, None)


def choose_picture(samples_dir: Path) -> None:
    """Lets one be uploaded or taken from the samples, and keeps it for `picture_to_explain`."""
    picture = upload_picture("explain-upload")
    if picture is None:
        st.caption("Nothing at hand? Take a sample. Images of an evaluation carry a link to this page.")
        clicked = clicked_sample(sample_files(samples_dir))
        picture = (clicked.name, clicked.read_bytes()) if clicked else None
    if picture:
        _keep(*picture)
        st.rerun()


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
