"""The images whose label may be wrong: one rule for all pages, that of `label_issues`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.labels import instead_of_overconfidence
from dashboard.core.analysis.label_issues import is_quick
from dashboard.core.errors import DashboardError
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.session import is_remembered, remembered, rows_key, stored_run

_SHELF = "label-issues"
WHAT_DOUBT_MEANS = (
    "A label with a question mark may be wrong: the model is more confident of another class than it usually is for images "
    "of that class."
)


def label_issues_of(services: Services, run: Run) -> pd.DataFrame:
    """See `label_issues`. Raises WorkerError if no worker can do it; DatasetError if the run cannot be read."""
    whole = _whole(services, run)  # so that it is done once, whatever filters are chosen
    found = remembered(_SHELF, _key(whole), "Comparing labels ...", lambda: services.analysis.label_issues(whole))
    found = found[found.index.isin(run.table.index)]
    return found.assign(rank=np.arange(1, len(found) + 1))


def doubtful_labels(services: Services, run: Run) -> frozenset[int]:
    """The `index` of each image of the run whose label may be wrong.

    Empty while the run goes on, if no worker can compare the labels, and for a large run until its view Labels was opened;
    see `unknown_doubt`.
    """
    return _doubtful_labels(services, run) or frozenset()


def count_doubtful(services: Services, run: Run) -> int | None:
    """How many labels of the run may be wrong; None where `doubtful_labels` cannot tell."""
    doubtful = _doubtful_labels(services, run)
    return None if doubtful is None else len(doubtful)


def unknown_doubt(services: Services, run: Run) -> str:
    """Where labels differ from predictions: a sentence that says why `doubtful_labels` cannot tell; "" if it can."""
    if _doubtful_labels(services, run) is not None:
        return ""
    if run.manifest.state == "running":
        return "Which labels may be wrong is looked for when the evaluation has finished."
    if _is_left_to_the_view(services, run):
        return (
            "Which labels may be wrong is only looked for when you open the view Labels of the evaluation, because there "
            "are many."
        )
    return "Which labels may be wrong could not be found out."


def _doubtful_labels(services: Services, run: Run) -> frozenset[int] | None:
    try:
        if run.labelled.empty or not run.has_probabilities:
            return frozenset()
        if run.manifest.state == "running" or _is_left_to_the_view(services, run):
            return None
        return frozenset(map(int, label_issues_of(services, run)["index"]))
    except DashboardError:
        return None


def _is_left_to_the_view(services: Services, run: Run) -> bool:
    whole = _whole(services, run)
    return not (is_quick(whole) or is_remembered(_SHELF, _key(whole)))


def _whole(services: Services, run: Run) -> Run:
    """The run without its filter."""
    return stored_run(services, run.manifest.run_id) if run.conditions else run


def marked(labels: pd.Series, doubtful: np.ndarray) -> pd.Series:
    """The labels of a table. Those that are doubtful (N,) bool have a question mark, as below a picture."""
    return labels.astype(object).mask(doubtful, labels.astype(str) + "?")


def suspect_labels(run: Run) -> None:
    """Says so if wrong labels may be what makes the model look overconfident."""
    perhaps = remembered(
        "instead-of-overconfidence", rows_key(run), "", lambda: instead_of_overconfidence(Evidence(run))
    )
    if perhaps:
        st.warning(f"{perhaps} First look at the doubtful labels (Labels).", icon=":material/label:")


def _key(run: Run) -> tuple[object, ...]:
    return rows_key(run), run.manifest.state
