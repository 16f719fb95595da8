"""One class against all others: its curves, and which threshold on its probability costs least."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.charts.binary_curves import cost_chart, precision_recall_chart, roc_chart
from dashboard.core.metrics.binary import BinaryCurve, BinaryMetrics, binary_curve
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.run import Run
from dashboard.ui.evaluate.share_metric import show_share
from dashboard.ui.session import remembered, rows_key
from dashboard.ui.words import plain

_THRESHOLD = "class-threshold"


def show_one_class(run: Run, class_id: int, figures: pd.Series) -> None:
    """Shows the curves of a class, and what a threshold on its probability gives and costs.

    Args:
        figures: the row of the class in `one_vs_rest`.
    """
    curve = remembered(
        "binary-curve", (rows_key(run), class_id), "Reading probabilities ...", lambda: _curve(run, class_id), 2
    )
    n = curve.positives + curve.negatives
    with st.container(horizontal=True, vertical_alignment="bottom", key="costs"):
        fp = st.number_input("Cost of a false positive", 0.0, value=1.0, step=1.0, key="cost-fp", width=200,
                             persist_state="session")  # fmt: skip
        fn = st.number_input("Cost of a false negative", 0.0, value=1.0, step=1.0, key="cost-fn", width=200,
                             persist_state="session")  # fmt: skip
        best, least = curve.cheapest(fp, fn)
        shown = curve.in_few_decimals(best)
        st.button(
            "Use the cheapest threshold", key="use-cheapest", on_click=_use, args=(float(shown),),
            help="The threshold with the least total cost on these images.",
        )  # fmt: skip
    st.markdown(
        f"Cheapest: {_rule(shown, run.manifest.class_names[class_id])}. This costs {least:,.6g} for {n:,} images "
        f"({least / n:.4g} for each). The threshold was chosen on these images, so expect a slightly higher cost on others."
    )
    threshold = st.slider(
        "Decision threshold on the probability of this class", 0.0, 1.0, 0.5, 0.001, format="%.9g", key=_THRESHOLD,
        persist_state="session",
    )  # fmt: skip
    here = curve.at(threshold)
    _show_figures(here, fp * here.false_positives + fn * here.false_negatives)
    _show_charts(curve, here, fp, fn, figures)


def _curve(run: Run, class_id: int) -> BinaryCurve:
    rows = labelled_rows(run)
    return binary_curve(rows.values[:, class_id], rows.labels == class_id)


def _rule(threshold: str, name: str) -> str:
    if float(threshold) > 1:
        return f'never predict "{plain(name)}"'
    return f'predict "{plain(name)}" if its probability is at least {threshold}'


def _use(threshold: float) -> None:
    st.session_state[_THRESHOLD] = min(1.0, threshold)  # all digits, though the slider moves in steps of 0.001


def _show_figures(here: BinaryMetrics, cost: float) -> None:
    with st.container(horizontal=True, key="binary-figures"):
        for label, share, explanation in (
            ("Recall", here.recall, "Share of the positive images that are found (sensitivity)."),
            ("Precision", here.precision, "Share of the images predicted as positive that are positive."),
            ("Specificity", here.specificity, "Share of the negative images that are not predicted as positive."),
        ):
            show_share(label, share, "no image", explanation, 150)
        st.metric("False positives", f"{here.false_positives:,}", width=150)
        st.metric("False negatives", f"{here.false_negatives:,}", width=150)
        st.metric("Cost", f"{cost:,.6g}", width=130)


def _show_charts(curve: BinaryCurve, here: BinaryMetrics, fp: float, fn: float, figures: pd.Series) -> None:
    table = curve.table(fp, fn)
    shares = {"false_positive_rate": here.false_positive_rate, "recall": here.recall, "precision": here.precision}
    point = pd.DataFrame([{"threshold": here.threshold, **{n: s.value if s else np.nan for n, s in shares.items()}}])
    prevalence = curve.positives / (curve.positives + curve.negatives)
    roc, precision_recall, cost = st.columns(3, gap="medium")
    with roc:
        st.header("ROC curve", anchor=False)
        st.caption(f"AUROC {_with_interval(figures, 'auroc')}")
        st.altair_chart(
            roc_chart(table, point), width="stretch", key="roc",
            alt="ROC curve: recall by false positive rate",
        )  # fmt: skip
    with precision_recall:
        st.header("Precision and recall", anchor=False)
        st.caption(f"Average precision {_with_interval(figures, 'average_precision')}")
        st.altair_chart(
            precision_recall_chart(table, point, prevalence), width="stretch", key="precision-recall",
            alt="Precision-recall curve",
        )  # fmt: skip
    with cost:
        st.header("Cost of all mistakes", anchor=False)
        st.caption("The line is the threshold that is set above.")
        st.altair_chart(
            cost_chart(table, here.threshold), width="stretch", key="cost", alt="Cost of all mistakes by threshold"
        )


def _with_interval(figures: pd.Series, name: str) -> str:
    return f"{figures[name]:.3f} ({figures[f'{name}_low']:.3f}-{figures[f'{name}_high']:.3f})"
