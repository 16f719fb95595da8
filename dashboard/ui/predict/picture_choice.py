"""Choosing the picture to predict: an upload, a sample, or the camera. The one that was chosen last counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from dashboard.ui.chosen_picture import CHOICES, CHOSEN, choose, forget, name_in_address, take_over_picture
from dashboard.ui.picture_pickers import clicked_sample, sample_files, stored_picture, upload_picture

_OF_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def choose_picture(samples_dir: Path, class_names: Sequence[str]) -> tuple[str, bytes] | None:
    """Name and content of the chosen picture; None if there is none yet. Offers samples of these classes, if there are any."""
    take_over_picture()
    choices = st.session_state.get(CHOICES, 0)
    # another key empties the upload when a sample or a photo takes its place
    upload = upload_picture(f"upload-{choices}" if choices else "upload", forget)
    picture: tuple[str, bytes] | None = upload or st.session_state.get(CHOSEN)
    files = sample_files(samples_dir, class_names)
    name_in_address(picture)
    # two places: the large samples leave their own at once, and not when the answer is complete
    before, after = st.empty(), st.empty()
    if picture is None:
        with before.container():
            if files:
                st.caption("No picture at hand? Take a sample.")
                _offer_samples(files)
            _offer_camera("")
        return None
    # another key for another picture folds the samples and the camera again after each choice
    with after.container(horizontal=True, gap="small", key="other-pictures"):
        if files:
            samples = st.expander(
                "Samples", icon=":material/photo_library:", on_change="rerun", key=f"samples-{choices}-{picture[0]}"
            )
            if samples.open:
                with samples:
                    _offer_samples(files)
        _offer_camera(f"{choices}-{picture[0]}")
    return picture


def _offer_samples(files: list[Path]) -> None:
    if clicked := clicked_sample(files):
        choose(*clicked)
        st.rerun()


def _offer_camera(instead_of: str) -> None:
    box = st.expander("Camera", icon=":material/photo_camera:", on_change="rerun", key=f"camera-{instead_of}")
    if box.open:  # only then the browser asks whether the camera may be used
        with box:
            if not _has_camera(st.context.url or ""):
                st.text(
                    "Browsers give pages the camera only over https. Take the photo with your device's own camera, then upload it."
                )
                return
            shot = st.camera_input("Take a picture", key=f"shot-{instead_of}")
            if shot and (picture := stored_picture(shot, "camera.jpg")):
                choose(*picture)
                st.rerun()


def _has_camera(url: str) -> bool:
    """Whether browsers give a page at this address the camera: over https, or from this machine itself."""
    address = urlsplit(url)
    return address.scheme != "http" or (address.hostname or "localhost") in _OF_THIS_MACHINE
