"""The sidebar: the model version in use, and how pictures are made to fit."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.images.preprocessing import Fit
from dashboard.core.models.version import ModelVersion
from dashboard.ui import resources
from dashboard.ui.words import plain

MODEL_KEY = "model"
FIT_KEY = "fit"
MAP_LAYER_KEY, EXPLAIN_LAYER_KEY = "layer", "explain-layer"
AS_TRAINED = "as-trained"
FIT_WORDS: dict[str, str] = {"stretch": "Stretch", "center-crop": "Crop the centre", "pad": "Pad with black"}


def choose_model() -> None:
    """Shows the choice of the model version that all pages use."""
    versions = resources.get_services().registry.versions()
    if not versions:
        st.caption("No usable model")
        return
    by_ref = {v.ref: v for v in versions}
    fault = ""
    if st.session_state.get(MODEL_KEY) not in by_ref:
        try:
            st.session_state[MODEL_KEY] = resources.get_services().registry.active().ref
        except DashboardError as error:  # do not silently use another version instead
            st.session_state[MODEL_KEY] = None
            fault = error.message
    chosen = st.selectbox(
        "Model",
        list(by_ref),
        index=None if fault else 0,  # with None, the user could clear the choice
        key=MODEL_KEY,
        persist_state="session",
        placeholder="Choose one",
        help="Used on every page.",
        on_change=_forget_layers,
    )
    if chosen is None:
        st.caption(plain(fault or "No model is chosen."))
    else:
        st.caption(_accuracy(by_ref[chosen]))
        choose_fit(by_ref[chosen].preprocessing.fit)


def _accuracy(version: ModelVersion) -> str:
    if interval := version.accuracy_interval:
        return f"{interval} on {interval.n:,} test images"
    return f"{version.accuracy:.1%} on its test images" if version.accuracy else "Accuracy not measured"


def _forget_layers() -> None:
    """Forgets the chosen layers: another model may have a layer of the same name at another depth."""
    for key in (MAP_LAYER_KEY, EXPLAIN_LAYER_KEY):
        st.session_state.pop(key, None)


def choose_fit(of_version: Fit) -> None:
    """Shows the choice of how a picture with other proportions is made to fit."""
    st.selectbox(
        "If the picture is not square",
        [AS_TRAINED, *FIT_WORDS],
        format_func=lambda fit: f"{FIT_WORDS[of_version]}, as trained" if fit == AS_TRAINED else FIT_WORDS[fit],
        key=FIT_KEY,
        persist_state="session",
        help="How a picture with other proportions than the model's input is made to fit.",
    )


def model_in_use() -> ModelVersion:
    """The version and the fit that are chosen in the sidebar. Raises ModelError when no version can be used."""
    version = resources.get_services().registry.get(st.session_state.get(MODEL_KEY) or "")
    fit = st.session_state.get(FIT_KEY)
    return version.fitting(fit) if fit in FIT_WORDS else version
