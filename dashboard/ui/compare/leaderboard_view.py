"""More than two evaluations, ranked."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.analysis.comparison_words import behind_in_words, p_in_words
from dashboard.core.analysis.leaderboard import Leaderboard
from dashboard.core.errors import counted
from dashboard.core.evaluation.model_names import ModelNames
from dashboard.core.metrics.definitions import BY_NAME, METRICS
from dashboard.core.runs.export import safe_for_spreadsheets
from dashboard.services import Services
from dashboard.ui.words import plain


def choose_metric() -> str:
    """Offers the metrics and returns the name of the one that ranks."""
    return str(
        st.selectbox(
            "Rank by",
            [metric.name for metric in METRICS],
            format_func=lambda name: BY_NAME[name].title,
            key="rank-by",
            persist_state="session",
            width=300,
        )
    )


def show_leaderboard(services: Services, board: Leaderboard) -> None:
    """Shows the best in one sentence, and all in a table."""
    names = ModelNames(services.registry)
    metric, best = BY_NAME[board.metric], board.ranked[0]
    first = best.scores[metric.name].value
    beside = sum(each.may_be_best for each in board.ranked) - 1
    rest = f"{counted(beside, 'other')} may be just as good." if beside else "All others are worse."
    st.header(
        plain(f"{names.of(best.manifest)} is first by {metric.title}, {metric.text(first)}. {rest}"),
        anchor=False,
    )
    st.caption(plain(" ".join((f"Compared over {counted(board.n, 'image')} with a label.", *board.notes))))
    rows = []
    for place, each in enumerate(board.ranked, start=1):
        score = each.scores[metric.name]
        row = {
            "Place": place,
            "Model": names.of(each.manifest),
            "Dataset": each.manifest.dataset_name,
            metric.title: metric.text(score.value),
            "95% interval": metric.interval(score.low, score.high, score.n),
            "Difference to the best": behind_in_words(metric, first, score.value, each.difference),
            "May be the best": "yes" if each.may_be_best else "no",
        }
        if board.metric == "accuracy":
            row["McNemar's test"] = "" if each.p is None else p_in_words(each.p)
        rows.append(row)
    table = pd.DataFrame(rows)
    st.dataframe(
        table.assign(**safe_for_spreadsheets(table[["Model", "Dataset"]])),
        hide_index=True,
        column_config={
            "May be the best": st.column_config.TextColumn(
                help="Yes if the difference to the first is not significant. For accuracy, this is McNemar's test with Holm's "
                "correction. For other metrics, the interval of the difference contains 0."
            )
        },
        alt="Evaluations with their metric, its 95% interval and the difference to the best",
    )
