"""The view of labels that may be wrong, with the label that the model suggests."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.core.analysis.label_issues import MAY_LACK, issues_csv, issues_in_words
from dashboard.core.errors import DashboardError, counted
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.core.runs.filtering import by_answers
from dashboard.core.runs.images import RunPictures
from dashboard.core.runs.run import HOW_TO_GET_PROBABILITIES, NO_PROBABILITIES, Run
from dashboard.reports.provenance import file_stem
from dashboard.services import Services
from dashboard.ui.contact_sheet import SheetItem
from dashboard.ui.doubtful_labels import label_issues_of
from dashboard.ui.download import offer_file
from dashboard.ui.errors import show_error
from dashboard.ui.evaluate.selection import selected_images
from dashboard.ui.evaluate.sheet_page import show_sheet_page
from dashboard.ui.words import in_percents

_MOST_ROWS = 10_000  # of the table
_LEAST_ACCURACY = 0.5  # below it, the answers of the model say little about the labels
_COLUMNS = {"file": "File", "label": "Label", "suggested_label": "Suggested label", "confidence": "Confidence"}


def show_labels(services: Services, run: Run) -> None:
    """Shows the images whose label may be wrong, the most doubtful first, and offers them as CSV."""
    st.header(
        "Possible label errors",
        anchor=False,
        help="Images for which the model is more confident of another class than it usually is for images of that class "
        "(confident learning, by cleanlab). For a class without labelled images, it must be as confident as it is on average "
        "where its answer agrees with the label. This only works on images that the model was not trained on.",
    )
    if not run.has_probabilities:
        st.info(f"{NO_PROBABILITIES} {HOW_TO_GET_PROBABILITIES}", icon=":material/info:")
        return
    try:
        issues = label_issues_of(services, run)
    except DashboardError as error:
        show_error(error, "The labels could not be compared.")
        return
    if issues.empty:
        st.info(f"No label stands out as wrong. {MAY_LACK}", icon=":material/check:")
        return
    st.caption(
        f"{issues_in_words(len(issues), len(run.labelled))}, the most doubtful first. Look before you change one: the model "
        f"may be wrong instead. {MAY_LACK}"
    )
    evaluation = run.evaluation()
    if evaluation and evaluation.accuracy.value < _LEAST_ACCURACY and not by_answers(run.conditions):
        st.warning(
            f"Only {percent(evaluation.accuracy.value)} of the model's answers agree with the labels. Either many labels are "
            "wrong, or the model does not recognise these images: look at the findings in the view Overview first.",
            icon=":material/warning:",
        )
    pictures = None
    if not run.manifest.imported:
        try:
            pictures = RunPictures(services.runs, run.manifest)
        except DashboardError as error:
            show_error(error, "The images of this evaluation are no longer on the server.")
    if pictures:
        show_sheet_page(services, run, pictures, issues, _item, "labels")
    _offer_csv(run, issues)
    shown = issues.head(_MOST_ROWS)
    if len(shown) < len(issues):
        st.caption(f"The table has the first {len(shown):,}. The CSV file has all {len(issues):,}.")
    st.dataframe(
        in_percents(safe_for_spreadsheets(shown[[*_COLUMNS]]), ["confidence"]),
        hide_index=True,
        key="label-issues-table",
        alt="Files whose label may be wrong, with the suggested label",
        column_config={
            **_COLUMNS, "confidence": st.column_config.NumberColumn("Confidence", help="Of the suggested label."),
        },
    )  # fmt: skip


def _item(row: dict[Hashable, Any]) -> SheetItem:
    text = f"labelled {row['label']}"
    note = f"{row['suggested_label']}? {percent(row['confidence'])}"
    return SheetItem(int(row["index"]), text, note, "doubt", f"{text}, suggested {row['suggested_label']}")


def _offer_csv(run: Run, issues: pd.DataFrame) -> None:
    ticked = issues[issues["index"].isin(selected_images(run.manifest.run_id))]
    chosen = issues if ticked.empty else ticked
    offer_file(
        f"{counted(len(issues), 'label')} as CSV" if ticked.empty else f"{len(ticked):,} selected as CSV",
        lambda: issues_csv(run, chosen),
        f"{file_stem(run.manifest)}-label-issues.csv",
        "text/csv",
        "download-label-issues",
        st.container(),
    )
