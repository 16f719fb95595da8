"""The current state of the worker processes, independent of the last report."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.diagnostics.checks import MIB
from dashboard.core.engine.contract import Engine

POLL_S = 3.0


@st.fragment(run_every=POLL_S)
def show_workers(engine: Engine) -> None:
    """The worker processes as they are now."""
    workers = engine.workers()
    table = pd.DataFrame(
        {
            "Worker": [w.slot + 1 for w in workers],
            "State": [w.state for w in workers],
            "Process": [w.pid for w in workers],
            "Memory (MiB)": [None if w.memory_bytes is None else round(w.memory_bytes / MIB) for w in workers],
            "Restarts": [w.restarts for w in workers],
            "Tasks done": [w.tasks_done for w in workers],
            "Last fault": [w.fault or "none" for w in workers],
        }
    )
    st.caption("Worker processes now")
    st.dataframe(table, hide_index=True, width="stretch", key="workers", alt="State of the worker processes")
