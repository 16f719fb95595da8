"""The images whose label may be wrong: one rule for all pages, that of `label_issues`."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.labels import instead_of_overconfidence
from dashboard.core.analysis.label_issues import is_quick
from dashboard.core.errors import DashboardError
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui.session import is_remembered, remembered, rows_key

_SHELF = "label-issues"


def label_issues_of(services: Services, run: Run) -> pd.DataFrame:
    """See `label_issues`. Raises WorkerError if no worker can do it; DatasetError if the run cannot be read."""
    return remembered(_SHELF, _key(run), "Comparing labels ...", lambda: services.analysis.label_issues(run))


def doubtful_labels(services: Services, run: Run) -> frozenset[int]:
    """The `index` of each image of the run whose label may be wrong.

    Empty while the run goes on, if no worker can compare the labels, and for a large run until its view Labels was opened.
    """
    return _doubtful_labels(services, run) or frozenset()


def count_doubtful(services: Services, run: Run) -> int | None:
    """How many labels of the run may be wrong; None where `doubtful_labels` cannot tell."""
    doubtful = _doubtful_labels(services, run)
    return None if doubtful is None else len(doubtful)


def _doubtful_labels(services: Services, run: Run) -> frozenset[int] | None:
    if run.labelled.empty:
        return frozenset()
    if run.manifest.state == "running" or not (is_quick(run) or is_remembered(_SHELF, _key(run))):
        return None
    try:
        return frozenset(map(int, label_issues_of(services, run)["index"]))
    except DashboardError:
        return None


def suspect_labels(run: Run) -> None:
    """Says so if wrong labels may be what makes the model look overconfident."""
    perhaps = remembered(
        "instead-of-overconfidence", rows_key(run), "", lambda: instead_of_overconfidence(Evidence(run))
    )
    if perhaps:
        st.warning(f"{perhaps} First look at the doubtful labels (Labels).", icon=":material/label:")


def _key(run: Run) -> tuple[object, ...]:
    return rows_key(run), run.manifest.state
