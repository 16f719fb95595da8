"""The sidebar: the model version in use, and how pictures are made to fit."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.images.preprocessing import FIT_NAMES, Fit, Preprocessing
from dashboard.core.metrics.percent import percent
from dashboard.core.models.health import FAULTS, OTHER_FAULT, in_a_word
from dashboard.core.models.version import BrokenVersion, ModelVersion
from dashboard.ui import resources
from dashboard.ui.words import plain

MODEL_KEY = "model"
FIT_KEY = "fit"
MAP_LAYER_KEY, EXPLAIN_LAYER_KEY = "layer", "explain-layer"
DEFAULT_FIT = "default"


def choose_model() -> None:
    """Shows the choice of the model version that all pages use, and marks those that cannot be used."""
    services = resources.get_services()
    by_ref = {entry.ref: entry for entry in services.registry.entries()}
    if not by_ref:
        st.caption("There is no model")
        return
    versions = [entry for entry in by_ref.values() if isinstance(entry, ModelVersion)]
    # asked before the faults: a fault that is found in between would otherwise never show
    all_known = services.health.known(versions)
    faults = {ref: _fault(entry) for ref, entry in by_ref.items()}
    chosen = _without_mark(st.session_state.get(MODEL_KEY))
    not_chosen = ""
    if chosen is None:
        try:
            chosen = services.registry.active().ref
        except DashboardError as error:  # do not silently use another version instead
            not_chosen = error.message
    elif chosen not in by_ref:  # a link names it, or it was removed: another one is not used instead
        faults[chosen] = ModelError(f"There is no model {chosen!r}.", code="model_unknown")
    if st.session_state.get(MODEL_KEY) != chosen:
        st.session_state[MODEL_KEY] = chosen
    st.selectbox(
        "Model",
        list(faults),
        format_func=lambda ref: ref + _mark(faults.get(ref)),
        # None only if nothing can be chosen for the user: with None, the choice could be cleared
        index=None if chosen is None else list(faults).index(chosen),
        key=MODEL_KEY,
        persist_state="session",
        placeholder="Choose one",
        help="For new predictions and evaluations. An evaluation keeps the model that made it.",
        on_change=forget_layers,
    )
    if chosen is None:
        st.caption(plain(not_chosen))
    elif fault := faults[chosen]:
        st.caption(f":material/error: {plain(fault.message)}")
    elif isinstance(version := by_ref[chosen], ModelVersion):
        st.caption(_accuracy(version))
        choose_fit(version.preprocessing)
    if not all_known:
        _watch_files(versions, [])


def _fault(entry: ModelVersion | BrokenVersion) -> ModelError | None:
    return entry.error if isinstance(entry, BrokenVersion) else resources.get_services().health.fault(entry)


def _mark(fault: ModelError | None) -> str:
    return f" - {in_a_word(fault)}" if fault else ""


def _without_mark(value: str | None) -> str | None:
    """The version's name. The select box returns the text of an option that has another mark by now."""
    for word in (*FAULTS.values(), OTHER_FAULT):
        value = value.removesuffix(f" - {word}") if value else None
    return value


@st.fragment(run_every=resources.POLL_S)
def _watch_files(versions: Sequence[ModelVersion], looked: list[bool]) -> None:
    """Waits until the files of the models have been read, then shows the page with what was found.

    Args:
        looked: empty in the run of the whole page, which must go on: a rerun would lose the click that it answers.
    """
    if looked and resources.get_services().health.known(versions):
        st.rerun()
    looked.append(True)


def _accuracy(version: ModelVersion) -> str:
    if interval := version.accuracy_interval:
        return f"Accuracy {interval} on {interval.n:,} test images"
    return f"Accuracy {percent(version.accuracy)} on its test images" if version.accuracy else "Accuracy not measured"


def forget_layers() -> None:
    """Forgets the chosen layers: another model may have a layer of the same name at another depth."""
    for key in (MAP_LAYER_KEY, EXPLAIN_LAYER_KEY):
        st.session_state.pop(key, None)


def choose_fit(recipe: Preprocessing) -> None:
    """Shows the choice of how a picture with other proportions than the input of this recipe is made to fit."""
    of_version: Fit = recipe.fit
    st.selectbox(
        "If the picture is not square" if recipe.height == recipe.width else "If the picture has other proportions",
        [DEFAULT_FIT, *FIT_NAMES],
        format_func=lambda fit: f"{FIT_NAMES[of_version]} (default)" if fit == DEFAULT_FIT else FIT_NAMES[fit],
        key=FIT_KEY,
        persist_state="session",
        help="A picture with other proportions than the model's input is stretched, cropped to its centre, or padded with black.",
    )


def model_in_use() -> ModelVersion:
    """The version and the fit that are chosen in the sidebar. Raises ModelError when no version can be used."""
    version = resources.get_services().registry.get(st.session_state.get(MODEL_KEY) or "")
    fit = st.session_state.get(FIT_KEY)
    return version.fitting(fit) if fit in FIT_NAMES else version


def classes_in_use() -> tuple[str, ...]:
    """The classes of the version that is chosen in the sidebar; none when no version can be used."""
    try:
        return model_in_use().class_names
    except ModelError:  # told elsewhere
        return ()


def another_can_be_used() -> bool:
    """True if the user can choose a version that is not known to be damaged."""
    services = resources.get_services()
    return any(services.health.fault(version) is None for version in services.registry.versions())


def fault_of_model() -> DashboardError | None:
    """Why the chosen version cannot be used; None if it can, or while its file is being read."""
    try:
        return resources.get_services().health.fault(model_in_use())
    except DashboardError as error:
        return error
