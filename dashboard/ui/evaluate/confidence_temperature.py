"""What a new temperature would do for the calibration, and the command that stores it."""

from __future__ import annotations

import streamlit as st

from dashboard.core.errors import DashboardError
from dashboard.core.evaluation.refit_preview import preview_refit
from dashboard.core.metrics.definitions import BY_NAME
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.run import Run
from dashboard.core.shell import as_called
from dashboard.services import Services
from dashboard.ui.doubtful_labels import suspect_labels
from dashboard.ui.errors import as_text, show_error
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.words import plain


def show_temperature(services: Services, run: Run) -> None:
    """Shows calibration with the present and with a new temperature on images that it was not fitted on."""
    st.header(
        "A new temperature",
        anchor=False,
        help="The temperature divides the outputs of the model before they become probabilities. Above 1 it makes the model "
        "less confident. Predicted classes and accuracy stay the same.",
    )
    try:
        preview = remembered(
            "refit", (rows_key(run), run.manifest), "Fitting a temperature ...",
            lambda: preview_refit(services.registry, run), 4,
        )  # fmt: skip
    except DashboardError as error:
        if error.code in ("too_few_images", "no_best_temperature"):
            st.info(as_text(error), icon=":material/info:")
        else:
            show_error(error, "No temperature was fitted.")
        return
    found = preview.refit
    with st.container(horizontal=True, key="refit"):
        _change("Temperature", f"{found.temperature:.3f}", f"now {found.temperature_before:.3f}")
        _change("Calibration error (ECE)", percent(found.after.ece), f"now {percent(found.before.ece)}")
        _change("Log loss", f"{found.after.nll:.4f}", f"now {found.before.nll:.4f}")
    st.markdown(f"**{plain(found.in_words())}**")
    part = f", a random part of {preview.of:,}" if found.n_fit + found.n_check < preview.of else ""
    st.caption(f"Fitted on {found.n_fit:,} labelled images and measured on {found.n_check:,} others{part}.")
    if note := BY_NAME["ece15"].chance_note(found.n_check):
        st.caption(f"The calibration error has {note}.")
    if preview.is_factor:
        st.caption(
            "This temperature is relative to the stored probabilities: 1 leaves them unchanged. If you can change the model, divide its "
            "logits by the new temperature."
        )
    if found.is_better and found.temperature > found.temperature_before:
        suspect_labels(run)
    if preview.command:
        st.markdown("This command stores the model with the new temperature as a new version:")
        st.code(as_called(preview.command), language="bash", wrap_lines=True)
    else:
        st.info(plain(preview.reason), icon=":material/info:")


def _change(label: str, after: str, before: str) -> None:
    st.metric(label, after, before, delta_color="off", delta_arrow="off", width=180)
