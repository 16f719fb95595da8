"""What is chosen on the page Explain. Its address holds what differs from the default, so that a link shows the same."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.ui import resources
from dashboard.ui.address import page_entered, set_address, went_in_history, whole_address
from dashboard.ui.sidebar import EXPLAIN_LAYER_KEY, FIT_KEY, MODEL_KEY, forget_layers

MODEL, FIT, CLASS, LAYER, METHOD, TAB = "model", "fit", "class", "layer", "method", "tab"  # query parameters
TARGET_KEY, METHOD_KEY, TAB_KEY = "explain-target", "explain-method", "explain-tab"  # in the session
LAYERS_METHOD_KEY = "explain-layers-method"  # the tab Layers offers fewer methods
_KEYS = {
    MODEL: MODEL_KEY, FIT: FIT_KEY, CLASS: TARGET_KEY, LAYER: EXPLAIN_LAYER_KEY, METHOD: METHOD_KEY, TAB: TAB_KEY,
}  # fmt: skip


def take_over_choices() -> None:
    """Chooses what the address of Explain names. Call it before the sidebar is drawn.

    After the browser's Back or Forward, what the address does not name gets its default, unless the address is empty.
    """
    back = went_in_history() and bool(st.query_params)
    if not page_entered() and not back:
        return  # the address may be older than a choice that the reader has just made
    named = {name: st.query_params[name] for name in _KEYS if st.query_params.get(name)}
    if named.get(FIT) not in FIT_NAMES:
        named.pop(FIT, None)
    if MODEL in named and named[MODEL] != st.session_state.get(MODEL_KEY):
        forget_layers()
    if METHOD in named or back:
        st.session_state.pop(LAYERS_METHOD_KEY, None)
    for name, key in _KEYS.items():
        if name in named:
            st.session_state[key] = named[name]
        elif back:
            st.session_state.pop(key, None)


def model_and_fit() -> dict[str, str]:
    """The parameters for the model and the fit that are chosen in the sidebar, "" for the default."""
    model, fit = st.session_state.get(MODEL_KEY) or "", st.session_state.get(FIT_KEY)
    try:
        default = resources.get_services().registry.active().ref
    except DashboardError:  # there is no default
        default = ""
    return {MODEL: "" if model == default else model, FIT: fit if fit in FIT_NAMES else ""}


def put_choices_in_address(target: str, layer: str, method: str, tab: str) -> None:
    """Puts these choices into the address, "" for the default."""
    set_address({**whole_address(), CLASS: target, LAYER: layer, METHOD: method, TAB: tab})


def choices_in_address() -> dict[str, list[str]]:
    """The parameters of the address for class, layer, method and tab."""
    return {name: values for name, values in whole_address().items() if name in (CLASS, LAYER, METHOD, TAB)}
