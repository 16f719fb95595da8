"""A share of images as a large figure with its interval."""

from __future__ import annotations

import streamlit as st

from dashboard.core.metrics.intervals import Proportion
from dashboard.core.metrics.percent import percent, range_in_percent


def show_share(label: str, share: Proportion | None, none: str, explanation: str, width: int) -> None:
    """Shows the share in percent.

    Args:
        none: text in place of the interval if there is no image to take a share of.
        width: pixels.
    """
    interval = f"{range_in_percent(share.low, share.high)}%" if share else none
    st.metric(
        label, percent(share.value) if share else "-", interval, delta_color="off", delta_arrow="off", width=width,
        help=f"{explanation} With its 95% Wilson interval.",
    )  # fmt: skip
