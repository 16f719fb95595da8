"""The view of how far confidence can be trusted: a threshold to try out, and one part of the evidence at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard.core.runs.run import HOW_TO_GET_PROBABILITIES, NO_PROBABILITIES, Run
from dashboard.services import Services
from dashboard.ui.evaluate.confidence_acceptance import show_acceptance, show_slider
from dashboard.ui.evaluate.confidence_calibration import show_calibration
from dashboard.ui.evaluate.confidence_curves import show_curves
from dashboard.ui.evaluate.confidence_sets import show_prediction_sets
from dashboard.ui.evaluate.confidence_temperature import show_temperature
from dashboard.ui.evaluate.images_view import show_images
from dashboard.ui.one_at_a_time import choose_one

_PARTS: Mapping[str, Callable[[Services, Run], None]] = {
    "Calibration": show_calibration,
    "Acceptance": show_acceptance,
    "Prediction sets": show_prediction_sets,
    "Temperature": show_temperature,
    "Curves": show_curves,
}


def show_confidence(services: Services, run: Run) -> None:
    """Shows the threshold and what it accepts, the chosen part, and the chosen images. The run has labelled rows."""
    if not run.has_probabilities:
        st.info(f"{NO_PROBABILITIES} {HOW_TO_GET_PROBABILITIES}", icon=":material/info:")
        return
    show_slider(run)
    _PARTS[choose_one("Part", _PARTS, key="part")](services, run)
    show_images(services, run)
