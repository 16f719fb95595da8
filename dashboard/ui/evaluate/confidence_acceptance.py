"""Accepting only predictions from a confidence on: what a threshold gives, and which one keeps the errors rare."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.risk_coverage import risk_coverage_chart
from dashboard.core.errors import DatasetError
from dashboard.core.metrics.guarantee import Guarantee, guarantee_on_halves
from dashboard.core.metrics.risk_coverage import RiskCoverage, risk_coverage
from dashboard.core.metrics.scores import Score
from dashboard.core.runs.run import Run, check_finished
from dashboard.services import Services
from dashboard.ui.errors import as_text
from dashboard.ui.evaluate.chosen_images import choose_images, labelled_only
from dashboard.ui.evaluate.share_metric import show_share
from dashboard.ui.filter_bar import set_filter
from dashboard.ui.session import remembered, rows_key

_THRESHOLD = "accept"  # in the address, with all digits
_SLIDER = "accept-slider"
_AT_FIRST, _DECIMALS = 0.9, 3  # of the slider
_NONE = "none is accepted"


def show_slider(run: Run) -> None:
    """Asks for a threshold of confidence, and shows how many predictions it accepts and how many of them are right."""
    run_id, curve = run.manifest.run_id, _curve(run)
    threshold = _ask_for_threshold()
    found = curve.at(threshold)
    below = curve.n - round(found.coverage.value * curve.n)
    with st.container(horizontal=True, vertical_alignment="bottom", key="accepted"):
        show_share(
            "Accepted", found.coverage, _NONE, "Share of the images whose prediction is accepted (coverage).", 130
        )
        show_share(
            "Accuracy of accepted", found.accuracy, _NONE, "Share of the accepted predictions that are right.", 190
        )
        st.button(
            f"Show {below:,} below the threshold", key="show-below", icon=":material/image_search:", disabled=not below,
            on_click=choose_images, args=(run_id, [f"confidence<{threshold!r}", *labelled_only(run)]),
            help="Shows the images that are not accepted, below on this page.",
        )  # fmt: skip
        others = [str(each) for each in run.conditions if each.column != "confidence"]
        st.button(
            "Filter to the accepted", key="filter-accepted", icon=":material/filter_alt:",
            disabled=found.accuracy is None, on_click=set_filter, args=(run_id, [*others, f"confidence>={threshold!r}"]),
            help="Makes the threshold the filter: all figures, charts and images are then about the accepted images.",
        )  # fmt: skip


def _ask_for_threshold() -> float:
    """Asks with a slider, and with a box that keeps all digits of a threshold that the slider cannot be set to."""
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with right:
        threshold = st.number_input(
            "Exact threshold", 0.0, 1.0, _AT_FIRST, 10**-_DECIMALS, format="%.9g", key=_THRESHOLD, bind="query-params",
            persist_state="session", help="The threshold with all its digits.",
        )  # fmt: skip
    st.session_state[_SLIDER] = round(threshold, _DECIMALS)
    with left:
        st.slider(
            "Confidence threshold: accept predictions at or above", 0.0, 1.0, step=10**-_DECIMALS, format=f"%.{_DECIMALS}f",
            key=_SLIDER, on_change=_take_slider,
        )  # fmt: skip
    return float(threshold)


def _take_slider() -> None:
    st.session_state[_THRESHOLD] = round(st.session_state[_SLIDER], _DECIMALS)


def show_acceptance(services: Services, run: Run) -> None:
    """Shows the errors among the accepted predictions for every threshold, and the threshold that keeps them rare."""
    curve, threshold = _curve(run), float(st.session_state[_THRESHOLD])
    found = curve.at(threshold)
    left, right = st.columns([7, 5], gap="large")
    with left:
        st.header(
            "Errors among the accepted predictions",
            anchor=False,
            help="The risk-coverage curve. The further to the right, the more predictions are accepted. The band is the "
            "95% interval, and the marked point is the confidence that is set above.",
        )
        st.altair_chart(
            risk_coverage_chart(
                curve.table(),
                found.coverage.value,
                None if found.accuracy is None else 1 - found.accuracy.value,
                f"from {threshold:.9g}",
                st.context.theme.type == "dark",
            ),
            width="stretch",
            key="risk-coverage-chart",
            alt="Share of wrong predictions among the accepted ones, by the share that is accepted",
        )
        _show_aurc(run)
    with right:
        _show_guarantee(run)


def _show_aurc(run: Run) -> None:
    score = remembered("scores", rows_key(run), "Computing intervals ...", lambda: run.scores)["aurc"]
    st.caption(
        f"Area under the curve (AURC): {score.value:.4f} ({_aurc_interval(score)}), lower is better. It is the "
        "mean error rate over all coverages."
    )


def _aurc_interval(score: Score) -> str:
    return f"{score.low:.4f}-{score.high:.4f}" if score.has_interval else "no interval"


def _show_guarantee(run: Run) -> None:
    st.header(
        "A threshold for a maximum error rate",
        anchor=False,
        help="The smallest threshold for which the limit is shown with 95% confidence (fixed-sequence testing with "
        "Clopper-Pearson limits). A random half of the labelled images chooses it, and the other half tests it. It holds for "
        "new images only if they are like the images of this evaluation.",
    )
    try:
        check_finished(run.manifest, run.state)
    except DatasetError as error:
        st.info(as_text(error), icon=":material/info:")
        return
    percent = st.number_input(
        "Maximum error rate of accepted predictions (%)", 0.1, 50.0, 2.0, 0.5, key="max-error", format="%.1f",
        persist_state="session",
    )  # fmt: skip
    found = remembered("guarantee", (rows_key(run), percent), "", lambda: _guarantee(run, percent / 100))
    if found.threshold is None or not found.holds:
        st.warning(found.in_words(), icon=":material/block:")
        return
    st.write(found.in_words())
    st.button("Use this threshold", key="use-guarantee", on_click=_use, args=(found.threshold,))


def _guarantee(run: Run, max_error: float) -> Guarantee:
    return guarantee_on_halves(run.labelled["confidence"].to_numpy(), run.answers.correct, max_error)


def _use(threshold: float) -> None:
    st.session_state[_THRESHOLD] = threshold


def _curve(run: Run) -> RiskCoverage:
    return remembered("risk-coverage", rows_key(run), "", lambda: _computed_curve(run))


def _computed_curve(run: Run) -> RiskCoverage:
    return risk_coverage(run.labelled["confidence"].to_numpy(), run.answers.correct)
