"""The picture that the Explain page shows, and how the page's address identifies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.runs.images import RunImage, run_image
from dashboard.services import Services
from dashboard.ui import resources
from dashboard.ui.address import set_address, whole_address
from dashboard.ui.choices import CLASS, TARGET_KEY, choices_for_both, choices_in_address
from dashboard.ui.compare_address import COMPARED, ONLY
from dashboard.ui.evaluation_address import IN_VIEW, MOST_DIGITS, SHOW, SORT, TICKED, WHERE
from dashboard.ui.navigation import PAGES
from dashboard.ui.session import stored_run
from dashboard.ui.sidebar import EXPLAIN_LAYER_KEY

RUN, IMAGE, PICTURE = "run", "image", "picture"  # query parameters of the address
REOPENED = "picture-reopened"  # in the session: the key of the picture that an address named
# Query parameters: the list that an image was chosen from
_OF_LIST = (WHERE, SHOW, SORT, IN_VIEW, TICKED, COMPARED, ONLY)
_KEPT = "picture-to-explain"  # (key in the address, picture)
_PREDICTED = "picture-predicted"  # key of the picture that Predict showed last
_IN_RUN = "run-image-to-explain"  # query parameters that name an image of an evaluation


@dataclass(frozen=True)
class Picture:
    """An image file to explain."""

    name: str
    data: bytes
    from_run: RunImage | None = None


def hand_over(name: str, data: bytes, target: str | None, layer: str | None) -> None:
    """Opens the Explain page with this picture, and with this class and layer if the model has them."""
    keep_picture(name, data)
    st.session_state[TARGET_KEY], st.session_state[EXPLAIN_LAYER_KEY] = target, layer
    st.switch_page(PAGES / "explain.py", query_params={PICTURE: st.session_state[_KEPT][0]})


def open_run_image(run_id: str, index: int, list_parameters: Mapping[str, str | Sequence[str]] | None = None) -> None:
    """Opens the Explain page with an image of an evaluation.

    Args:
        list_parameters: how the address names the list that it was chosen from, so that a reload and others find the same
            list: WHERE, SHOW, SORT, IN_VIEW, TICKED, COMPARED and ONLY. None if it was chosen from no list.
    """
    st.session_state[TARGET_KEY] = None  # the class was chosen for another picture
    st.switch_page(PAGES / "explain.py", query_params={RUN: run_id, IMAGE: str(index), **(list_parameters or {})})


def turn_to_run_image(run_id: str, index: int) -> None:
    """Turns the Explain page to another image of an evaluation."""
    st.session_state[TARGET_KEY] = None  # the class was chosen for another picture
    stays = whole_address()
    if stays.get(RUN) != [run_id]:
        stays = {name: values for name, values in stays.items() if name not in _OF_LIST}
    set_address({**stays, RUN: run_id, IMAGE: str(index), PICTURE: "", CLASS: ""})


def run_image_in_address() -> tuple[str, int | None]:
    """The id of the evaluation that the address names, "" for none, and the index of its image, if that is a number."""
    index = st.query_params.get(IMAGE, "")
    return st.query_params.get(RUN, ""), int(index) if index.isdecimal() and len(index) < MOST_DIGITS else None


def picture_to_explain(services: Services) -> Picture | None:
    """The picture that the address names, or else the one that this session showed last.

    Raises:
        DatasetError, ImageError: the address names a picture that does not exist.
    """
    if not {RUN, IMAGE, PICTURE} & set(st.query_params) and _IN_RUN in st.session_state:
        set_address(st.session_state[_IN_RUN])  # the user comes back from another page
    if RUN not in st.query_params and IMAGE not in st.query_params:
        st.session_state.pop(_IN_RUN, None)
        return _kept_picture()
    st.session_state[_IN_RUN] = {name: st.query_params.get_all(name) for name in (RUN, IMAGE, *_OF_LIST)}
    _put_in_address(st.session_state[_IN_RUN])
    run_id, index = run_image_in_address()
    if index is None:
        named = st.query_params.get(IMAGE)
        told = (
            f"{named!r} is not the number of an image." if named else "The address names no image of this evaluation."
        )
        raise DatasetError(told, "Choose one on Batch evaluation.", "image_unknown")
    image = run_image(stored_run(services, run_id), index)
    return Picture(image.name, image.data, image)


def keep_picture(name: str, data: bytes) -> None:
    """Keeps a picture for the Explain page to show."""
    st.session_state[_KEPT] = resources.get_services().pictures.keep(name, data), Picture(name, data)
    st.session_state[TARGET_KEY] = None
    st.session_state.pop(_IN_RUN, None)


def keep_predicted(name: str, data: bytes) -> None:
    """Makes Explain show this picture, which Predict shows, unless Explain was given another one since."""
    key = resources.get_services().pictures.keep(name, data)
    if st.session_state.get(_PREDICTED) != key:
        st.session_state[_PREDICTED] = key
        keep_picture(name, data)


def _kept_picture() -> Picture | None:
    """The picture that was uploaded or chosen. Its key goes into the address, so that a reload finds it again."""
    kept_key, picture = st.session_state.get(_KEPT, ("", None))
    key = st.query_params.get(PICTURE, kept_key)
    if key != kept_key:
        found = resources.get_services().pictures.get(key)
        if found is None:
            raise ImageError("This picture is no longer stored.", "Choose it again.", "picture_gone")
        picture = Picture(*found)
        st.session_state[_KEPT] = key, picture
        st.session_state[REOPENED] = key
    if key:
        _put_in_address({PICTURE: key})
    return picture


def _put_in_address(picture: Mapping[str, str | Sequence[str]]) -> None:
    """Puts these parameters into the address, with the choices that hold for every picture."""
    set_address({**picture, **choices_for_both(), **choices_in_address()})


def forget_picture() -> None:
    """Clears the picture, so that another one can be chosen."""
    st.query_params.clear()
    for key in (_KEPT, _IN_RUN):
        st.session_state.pop(key, None)
