"""The comparison of two: the verdict, then metrics, images, confusion and confidence."""

from __future__ import annotations

import math
from collections.abc import Callable

import streamlit as st

from dashboard.core.analysis.comparison import Comparison, Outcomes
from dashboard.core.analysis.comparison_words import verdict
from dashboard.core.errors import counted
from dashboard.core.metrics.percent import percent, range_in_percent, rounded
from dashboard.services import Services
from dashboard.ui.compare.changes_view import show_changes
from dashboard.ui.compare.choice import FIRST_TAB, TAB_KEY
from dashboard.ui.compare.confidence_tab import show_confidence
from dashboard.ui.compare.confusion_tab import show_confusion_difference
from dashboard.ui.compare.metrics_view import show_metrics
from dashboard.ui.compare_address import CONFUSION_TAB, IMAGES_TAB
from dashboard.ui.tab_title import name_tab
from dashboard.ui.words import plain

MCNEMAR = (
    "p is from McNemar's exact test: how likely a difference at least as large would be if both were equally good. It "
    "only counts images that one of the two gets right and the other wrong."
)


def show_comparison(services: Services, comparison: Comparison) -> None:
    """Shows everything about the two; only the open tab is drawn."""
    a, b = comparison.a.manifest, comparison.b.manifest
    name_tab(f"{a.model} against {b.model}", " and ".join(dict.fromkeys((a.dataset_name, b.dataset_name))), "Compare")
    st.header(plain(verdict(comparison)), anchor=False, help=MCNEMAR if comparison.outcomes else None)
    images = counted(comparison.n, "image")
    if not comparison.outcomes:
        images = f"{counted(comparison.a.n, 'image')} of A and {comparison.b.n:,} of B"
    st.caption(plain(" ".join((f"Compared over {images} with a label.", *comparison.notes))))
    tabs: dict[str, Callable[[], None]] = {FIRST_TAB: lambda: show_metrics(comparison)}
    if outcomes := comparison.outcomes:
        _show_outcomes(outcomes)
        tabs[IMAGES_TAB] = lambda: show_changes(services, comparison, outcomes)
    tabs[CONFUSION_TAB] = lambda: show_confusion_difference(services, comparison)
    tabs["Calibration"] = lambda: show_confidence(comparison)
    if st.session_state.get(TAB_KEY) not in tabs:  # a link may name a tab that this comparison lacks
        st.session_state.pop(TAB_KEY, None)
    for place, draw in zip(st.tabs(list(tabs), on_change="rerun", key=TAB_KEY), tabs.values(), strict=True):
        if place.open:
            with place:
                draw()


def _show_outcomes(outcomes: Outcomes) -> None:
    with st.container(horizontal=True, key="outcomes"):
        for label, count, explanation in (
            ("Both right", outcomes.both_right, "Images that both get right."),
            ("Only A right", outcomes.only_a_right, "Images that A gets right and B wrong."),
            ("Only B right", outcomes.only_b_right, "Images that B gets right and A wrong."),
            ("Both wrong", outcomes.both_wrong, "Images that both get wrong."),
        ):
            st.metric(label, f"{count:,}", width=150, help=explanation)
        same = outcomes.same_class
        kappa = "not defined" if math.isnan(outcomes.kappa) else f"{rounded(outcomes.kappa, 3)}"
        st.metric(
            "Same class predicted",
            percent(same.value),
            f"{range_in_percent(same.low, same.high)}%",
            delta_color="off",
            delta_arrow="off",
            width=190,
            help=f"With its 95% Wilson interval. Cohen's kappa between the two predictions: {kappa}.",
        )
