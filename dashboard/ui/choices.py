"""What is chosen on Predict and Explain. Their addresses hold what differs from the default, so that a link shows the same."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.ui import resources
from dashboard.ui.address import page_entered, set_address, went_in_history, whole_address
from dashboard.ui.sidebar import EXPLAIN_LAYER_KEY, FIT_KEY, MAP_LAYER_KEY, MODEL_KEY, forget_layers
from dashboard.ui.threshold import DEFAULT_THRESHOLD, THRESHOLD_KEY
from dashboard.ui.words import plain

MODEL, FIT, THRESHOLD, CLASS, LAYER, METHOD, TAB = (  # query parameters
    "model", "fit", "threshold", "class", "layer", "method", "tab",
)  # fmt: skip
MAP_TARGET_KEY = "target"  # in the session, of Predict
TARGET_KEY, METHOD_KEY, TAB_KEY = "explain-target", "explain-method", "explain-tab"  # of Explain
LAYERS_METHOD_KEY = "explain-layers-method"  # the tab Layers offers fewer methods
_FOR_BOTH = {MODEL: MODEL_KEY, FIT: FIT_KEY, THRESHOLD: THRESHOLD_KEY}
_KEYS: dict[str, dict[str, str]] = {  # by page
    "": {**_FOR_BOTH, CLASS: MAP_TARGET_KEY, LAYER: MAP_LAYER_KEY},
    "explain": {**_FOR_BOTH, CLASS: TARGET_KEY, LAYER: EXPLAIN_LAYER_KEY, METHOD: METHOD_KEY, TAB: TAB_KEY},
}


def take_over_choices(page: str) -> None:
    """Chooses what the address of Predict or Explain names. Call it before the sidebar is drawn.

    After the browser's Back or Forward, what the address does not name gets its default, unless the address of Explain is empty.

    Args:
        page: the address of the page on the server, "" for Predict. Others have no such choices.
    """
    keys = _KEYS.get(page, {})
    back = went_in_history() and (not page or bool(st.query_params))
    if not keys or not (page_entered() or back):
        return  # the address may be older than a choice that the reader has just made
    named: dict[str, str | int] = {name: st.query_params[name] for name in keys if st.query_params.get(name)}
    if named.get(FIT) not in FIT_NAMES:
        named.pop(FIT, None)
    if THRESHOLD in named and (percent := _percent(st.query_params[THRESHOLD])) is not None:
        named[THRESHOLD] = percent
    else:
        named.pop(THRESHOLD, None)
    if MODEL in named and named[MODEL] != st.session_state.get(MODEL_KEY):
        forget_layers()
    if METHOD in named or back:
        st.session_state.pop(LAYERS_METHOD_KEY, None)
    for name, key in keys.items():
        if name in named:
            st.session_state[key] = named[name]
        elif back:
            st.session_state.pop(key, None)


def _percent(text: str) -> int | None:
    """A number from 0 to 100; None if the text is none."""
    return int(text) if text.isdecimal() and len(text) <= 3 and int(text) <= 100 else None


def choices_for_both() -> dict[str, str]:
    """The parameters for the model, the fit and the threshold, which Predict and Explain share, "" for the default."""
    model, fit = st.session_state.get(MODEL_KEY) or "", st.session_state.get(FIT_KEY)
    threshold = st.session_state.get(THRESHOLD_KEY, DEFAULT_THRESHOLD)
    try:
        default = resources.get_services().registry.active().ref
    except DashboardError:  # there is no default
        default = ""
    return {
        MODEL: "" if model == default else model,
        FIT: fit if fit in FIT_NAMES else "",
        THRESHOLD: "" if threshold == DEFAULT_THRESHOLD else str(threshold),
    }


def put_choices_in_address(target: str, layer: str, method: str = "", tab: str = "") -> None:
    """Puts these choices into the address, "" for the default."""
    set_address({**whole_address(), CLASS: target, LAYER: layer, METHOD: method, TAB: tab})


def say_that_it_is_unknown(what: str, wanted: str) -> None:
    """Says that the model lacks the class or layer that was chosen for another model, or that a link names."""
    st.info(f"The model has no {what} {plain(wanted)}. The default is shown.", icon=":material/info:")


def choices_in_address() -> dict[str, list[str]]:
    """The parameters of the address for class, layer, method and tab."""
    return {name: values for name, values in whole_address().items() if name in (CLASS, LAYER, METHOD, TAB)}
