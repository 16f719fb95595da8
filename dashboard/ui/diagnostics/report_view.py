"""The report of a diagnosis: one line, three figures, a section per group of checks, and the whole report as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from dashboard.core.diagnostics.checks import MIB, Check, Report
from dashboard.core.diagnostics.model_checks import ACCURACY, LATENCY
from dashboard.core.diagnostics.report_text import report_as_text
from dashboard.core.engine.contract import WorkerStatus
from dashboard.core.shell import as_called
from dashboard.ui.errors import without_last_command
from dashboard.ui.words import ago, plain, without_backticks

ICONS = {
    "ok": ":material/check_circle:",
    "warning": ":material/warning:",
    "error": ":material/error:",
    "skipped": ":material/do_not_disturb_on:",
    "checking": ":material/hourglass_top:",
}
LONG_COMMAND = 80  # characters


def show_status_line(report: Report) -> None:
    """The report in one line."""
    status = "checking" if report.checking and report.status != "error" else report.status
    show = {"ok": st.success, "warning": st.warning, "error": st.error, "checking": st.info}[status]
    with st.container(key=f"status-{status}"):
        show(f"**{plain(report.headline)}**", icon=ICONS[status])


def show_metrics(report: Report, workers: Sequence[WorkerStatus]) -> None:
    """Accuracy and latency of the active model, and the memory of all workers."""
    of_model = f"model.{report.active_model}"
    tested, loaded = report.check(f"{of_model}.self_test"), report.check(f"{of_model}.load")
    memory = sum(worker.memory_bytes or 0 for worker in workers)
    accuracy, latency, memory_column = st.columns(3)
    accuracy.metric(
        "Accuracy on samples",
        (tested.detail(ACCURACY).partition(" ")[0] if tested else "") or _missing(tested, "Not tested"),
        help="Share of the labelled sample images that the active model predicts correctly.",
    )
    latency.metric(
        "Median latency",
        (loaded.detail(LATENCY) if loaded else "") or _missing(loaded, "Not measured"),
        help="Time for one image once the model is loaded, measured inside a worker.",
    )
    memory_column.metric(
        "Memory of workers",
        f"{memory / MIB:,.0f} MiB" if memory else "None running",
        help="Resident memory of all worker processes, TensorFlow and loaded models included. What they share counts "
        "once for each, so together they take less.",
    )


def show_group(title: str, checks: tuple[Check, ...]) -> None:
    """A group of checks: first those that are not ok, with their fix, then the others, folded. Nothing for none."""
    if not checks:
        return
    wrong = [check for check in checks if check.status in ("error", "warning")]
    fine = [check for check in checks if check.status in ("ok", "skipped")]
    st.header(title, anchor=False)
    for number, check in enumerate(wrong):
        _show_wrong(check, number)
    for check in checks:
        if check.status == "checking":
            st.caption(f"{ICONS['checking']} {plain(check.summary)}")
    if not fine:
        return
    with st.expander(_folded_label(fine), icon=ICONS[fine[0].status], key=f"passed-{fine[0].group}"):
        rows = [
            row
            for check in fine
            for row in ((check.status, check.summary, f"checked {_age(check)}"), *(("", *d) for d in check.details))
        ]
        table = pd.DataFrame(rows, columns=["Status", "Check", "Value"])
        value = 480 if table["Value"].str.len().max() > 40 else 230  # pixels: a SHA-256 fits
        widths = {"Status": 70, "Check": 860 - value, "Value": value}  # together they fit on a window of 1440
        columns = {name: st.column_config.TextColumn(width=width) for name, width in widths.items()}
        st.dataframe(
            table, hide_index=True, width="stretch", height="content", column_config=columns,
            alt=f"Checks that passed: {title}",
        )  # fmt: skip


def show_report_text(report: Report) -> None:
    """The whole report, to be copied or downloaded."""
    text = report_as_text(report)
    with st.expander("Report as text, to copy or download", icon=":material/content_copy:", key="report-text"):
        st.download_button(
            "Download report",
            text,
            file_name="diagnostics.txt",
            mime="text/plain",
            icon=":material/download:",
            on_click="ignore",
            key="download-report",
        )
        st.code(text, language=None, height=400)


def _folded_label(fine: list[Check]) -> str:
    if len(fine) == 1:
        return plain(fine[0].summary)
    counts = {word: sum((c.status == "skipped") == (word == "skipped") for c in fine) for word in ("passed", "skipped")}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n)


def _show_wrong(check: Check, number: int) -> None:
    key = f"{check.group}-{number}-{check.id}"  # an id may come twice
    with st.container(border=True, key=f"check-{key}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            color: Literal["red", "orange"] = "red" if check.status == "error" else "orange"
            st.badge(check.status.capitalize(), icon=ICONS[check.status], color=color)
            st.caption(f"Checked {_age(check)}")
        st.text(check.summary)
        if check.fix:
            st.text(as_called(_fix_in_words(check)))
        for command in check.commands:
            st.code(as_called(command), language="bash", wrap_lines=True)
        if check.details:
            with st.expander("Details", key=f"details-{key}"):
                st.text("\n".join(f"{name}: {value}" for name, value in check.details))


def _age(check: Check) -> str:
    return ago(check.checked_utc) if check.checked_utc else "now"


def _missing(check: Check | None, otherwise: str) -> str:
    return "Checking ..." if check and check.status == "checking" else otherwise


def _fix_in_words(check: Check) -> str:
    """The fix as text. A long command, or one at the end, is shown below only, where it can be copied."""
    text = without_last_command(check.fix)
    for command in check.commands:
        if len(command) > LONG_COMMAND:
            text = text.replace(f"`{command}`", "the command below")
    return without_backticks(text)
