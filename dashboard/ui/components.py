"""Pieces that several pages show in the same way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard.core.errors import DashboardError, DatasetError, ImageError
from dashboard.core.preprocessing import Fit
from dashboard.core.registry import ModelVersion
from dashboard.ui.resources import get_services

MODEL_KEY = "model"
FIT_KEY = "fit"
MAP_LAYER_KEY, EXPLAIN_LAYER_KEY = "layer", "explain-layer"
AS_TRAINED = "as-trained"
FIT_WORDS: dict[str, str] = {"stretch": "Stretch", "center-crop": "Crop the centre", "pad": "Pad with black"}
WIDEST_METRIC = 16  # characters
_COMMAND = re.compile(r"`([^`]+)`")


def plain(text: str) -> str:
    """User text where Streamlit would read Markdown: every special character escaped.

    Addresses, e-mail addresses and icons are found after that is undone, or before: they are broken by a character
    that has no width.
    """
    unlinked = re.sub(r":(?=//|[a-z])|@(?=[\w-]+\.)|www(?=\.)", "\\g<0>\N{WORD JOINER}", text, flags=re.IGNORECASE)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:&])", r"\\\1", unlinked)


def show_predicted_class(label: str) -> None:
    """The answer in large letters; a long one on several lines, where a metric would cut it."""
    if len(label) <= WIDEST_METRIC:
        st.metric("Predicted class", plain(label))
    else:
        st.caption("Predicted class")
        st.subheader(plain(label), anchor=False)


def show_error(error: DashboardError, title: str) -> None:
    """What happened, why, what to do; commands to be copied."""
    with st.container(border=True):
        st.error(plain(title), icon=":material/error:")
        st.text(error.message)
        if error.fix:
            st.text(error.fix.replace("`", ""))
            for command in _COMMAND.findall(error.fix):
                st.code(command, language="bash")
        if not isinstance(error, (ImageError, DatasetError)):
            st.page_link("../pages/diagnostics.py", label="Open Diagnostics", icon=":material/stethoscope:")


def choose_model() -> None:
    """The model version in use, chosen once in the sidebar."""
    versions = get_services().registry.versions()
    if not versions:
        st.caption("No usable model")
        return
    accuracy = {v.ref: v.accuracy for v in versions}
    fault = ""
    if st.session_state.get(MODEL_KEY) not in accuracy:
        try:
            st.session_state[MODEL_KEY] = get_services().registry.active().ref
        except DashboardError as error:  # nothing is chosen in its place silently
            st.session_state[MODEL_KEY] = None
            fault = error.message
    chosen = st.selectbox(
        "Model",
        list(accuracy),
        index=None if fault else 0,  # without a choice it could be cleared
        key=MODEL_KEY,
        persist_state="session",
        placeholder="Choose one",
        help="Used on every page.",
        on_change=_forget_layers,
    )
    if chosen is None:
        st.caption(plain(fault or "No model is chosen."))
    else:
        stated = accuracy[chosen]
        st.caption(f"{stated:.1%} on its test images" if stated else "Accuracy not measured")
        choose_fit(next(v for v in versions if v.ref == chosen).preprocessing.fit)


def _forget_layers() -> None:
    """Another model may have a layer of the same name elsewhere."""
    for key in (MAP_LAYER_KEY, EXPLAIN_LAYER_KEY):
        st.session_state.pop(key, None)


def choose_fit(of_version: Fit) -> None:
    """How pictures of another shape become square, when it is not to be as the version says."""
    st.selectbox(
        "Pictures of another shape",
        [AS_TRAINED, *FIT_WORDS],
        format_func=lambda fit: f"{FIT_WORDS[of_version]}, as trained" if fit == AS_TRAINED else FIT_WORDS[fit],
        key=FIT_KEY,
        persist_state="session",
        help="What happens to a picture whose proportions are not the model's.",
    )


def model_in_use() -> ModelVersion:
    """The version chosen in the sidebar, with the fit chosen there. Raises ModelError when none is usable."""
    version = get_services().registry.get(st.session_state.get(MODEL_KEY) or "")
    fit = st.session_state.get(FIT_KEY)
    return version.fitting(fit) if fit in FIT_WORDS else version


def local_time(utc_iso: str) -> str:
    """A UTC time stamp in the reader's own time zone."""
    try:
        zone: tzinfo = ZoneInfo(st.context.timezone or "")
    except (ValueError, KeyError, OSError):  # not known here; the offset is today's, half a year ago it was another
        zone = timezone(timedelta(minutes=-(st.context.timezone_offset or 0)))
    return f"{datetime.fromisoformat(utc_iso).astimezone(zone):%d %b %Y, %H:%M}"


def told_apart(titles: Mapping[str, str]) -> dict[str, str]:
    """Titles by id, each with the end of its id where others are called the same: a select box goes by what it shows."""
    often = Counter(titles.values())
    return {key: title if often[title] == 1 else f"{title} ({key[-4:]})" for key, title in titles.items()}


def duration(seconds: float) -> str:
    """'8 s', '3 min 20 s', '1 h 5 min'."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    return f"{total // 3600} h {total % 3600 // 60} min"
