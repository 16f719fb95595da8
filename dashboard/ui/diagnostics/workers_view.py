"""The worker processes as they are now."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.core.diagnostics.checks import MIB
from dashboard.core.diagnostics.worker_checks import state_in_words
from dashboard.core.engine.contract import WorkerStatus
from dashboard.ui.words import ago


def show_workers(workers: Sequence[WorkerStatus]) -> None:
    """A table with a row per worker."""
    table = pd.DataFrame(
        {
            "Worker": [w.slot + 1 for w in workers],
            "State": [state_in_words(w) for w in workers],
            "Process": [w.pid for w in workers],
            "Memory (MiB)": [None if w.memory_bytes is None else round(w.memory_bytes / MIB) for w in workers],
            "Restarts": [w.restarts for w in workers],
            "Tasks done": [w.tasks_done for w in workers],
            "Why it last ended": [_last_end(w) for w in workers],
        }
    )
    st.caption("Worker processes now")
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={"State": st.column_config.TextColumn(width=260)},  # else "busy: predicting" is cut
        key="workers",
        placeholder="-",
        alt="State of the worker processes",
    )


def _last_end(worker: WorkerStatus) -> str:
    if not worker.fault:
        return "never"
    return f"It {worker.fault}" + (f", {ago(worker.died_utc)}" if worker.died_utc else "")
