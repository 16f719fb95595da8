"""Diagnostics: one status line, then what fails with its fix, then what passes, folded."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.core.background import BackgroundTask
from dashboard.core.diagnostics.checks import TITLES, Check, Report, report_as_text
from dashboard.core.diagnostics.model_checks import ACCURACY, LATENCY
from dashboard.ui.resources import get_services
from dashboard.ui.words import local_time, plain

ICONS = {
    "ok": ":material/check_circle:",
    "warning": ":material/warning:",
    "error": ":material/error:",
    "skipped": ":material/do_not_disturb_on:",
}
POLL_S = 0.5
WORKERS_POLL_S = 3.0
MIB = 2**20
LONG_COMMAND = 80  # characters


@st.fragment(run_every=POLL_S)
def show_progress(diagnosis: BackgroundTask[Report]) -> None:
    state = diagnosis.state
    if not state.active:
        st.rerun()
    with st.container(key="checking", horizontal=True, vertical_alignment="center"):
        st.badge("Checking", icon=":material/hourglass_top:")
        st.text(f"{state.doing} ...")


def show_status_line(report: Report) -> None:
    show = {"ok": st.success, "warning": st.warning, "error": st.error}[report.status]
    with st.container(key=f"status-{report.status}"):
        show(f"**{plain(report.headline)}**", icon=ICONS[report.status])


def show_metrics(report: Report) -> None:
    of_model = f"model.{report.active_model}"
    tested, loaded = report.check(f"{of_model}.self_test"), report.check(f"{of_model}.load")
    memory = sum(worker.memory_bytes or 0 for worker in get_services().engine.workers())
    accuracy, latency, memory_column = st.columns(3)
    accuracy.metric(
        "Accuracy on samples",
        (tested.detail(ACCURACY).partition(" ")[0] if tested else "") or "Not tested",
        help="Share of the labelled sample images in data/samples that the model in use by default gets right.",
    )
    latency.metric(
        "Median latency",
        (loaded.detail(LATENCY) if loaded else "") or "Not measured",
        help="Time for one image once the model is loaded, measured inside a worker.",
    )
    memory_column.metric(
        "Memory of workers",
        f"{memory / MIB:,.0f} MiB" if memory else "None running",
        help="Resident memory of all worker processes, TensorFlow and loaded models included.",
    )


def show_group(title: str, checks: tuple[Check, ...]) -> None:
    wrong = [check for check in checks if check.status in ("error", "warning")]
    fine = [check for check in checks if check.status not in ("error", "warning")]
    st.subheader(title, anchor=False)
    for number, check in enumerate(wrong):
        show_wrong(check, number)
    if not fine:
        return
    with st.expander(folded_label(fine), icon=ICONS[fine[0].status], key=f"passed-{fine[0].group}"):
        rows = [
            row for check in fine for row in ((check.status, check.summary, ""), *(("", *d) for d in check.details))
        ]
        table = pd.DataFrame(rows, columns=["Status", "Check", "Value"])
        if (table["Value"] == "").all():
            table = table.drop(columns="Value")
        widths = {"Status": 70, "Check": 430, "Value": 430}  # pixels
        columns = {name: st.column_config.TextColumn(width=width) for name, width in widths.items()}
        st.dataframe(
            table, hide_index=True, width="stretch", height="content", column_config=columns,
            alt=f"Checks that passed: {title}",
        )  # fmt: skip


def folded_label(fine: list[Check]) -> str:
    if len(fine) == 1:
        return plain(fine[0].summary)
    counts = {word: sum((c.status == "skipped") == (word == "skipped") for c in fine) for word in ("passed", "skipped")}
    return ", ".join(f"{n} {word}" for word, n in counts.items() if n)


def show_wrong(check: Check, number: int) -> None:
    key = f"{check.group}-{number}-{check.id}"  # an id may come twice
    with st.container(border=True, key=f"check-{key}"):
        st.badge(
            check.status.capitalize(), icon=ICONS[check.status], color="red" if check.status == "error" else "orange"
        )
        st.text(check.summary)
        if check.fix:
            st.text(fix_in_words(check))
        for command in check.commands:
            st.code(command, language="bash", wrap_lines=True)
        if check.details:
            with st.expander("Details", key=f"details-{key}"):
                st.text("\n".join(f"{name}: {value}" for name, value in check.details))


def fix_in_words(check: Check) -> str:
    """The fix as prose; a long command stands below only, where it can be copied."""
    text = check.fix
    for command in check.commands:
        if len(command) > LONG_COMMAND:
            text = text.replace(f"`{command}`", "the command below")
    return text.replace("`", "")


@st.fragment(run_every=WORKERS_POLL_S)
def show_workers() -> None:
    workers = get_services().engine.workers()
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


def show_report_text(report: Report) -> None:
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


diagnosis = get_services().diagnosis
st.title("Diagnostics", anchor=False)
if diagnosis.state.result is None:
    diagnosis.start()
running = diagnosis.state.active
report = diagnosis.state.result

if report:
    show_status_line(report)
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Check again", icon=":material/refresh:", disabled=running, key="check-again"):
        diagnosis.start()
        st.rerun()
    if report:
        st.caption(f"Checked {local_time(report.created_utc)}", help=f"{report.created_utc} (UTC)")
if running:
    show_progress(diagnosis)
if report:
    show_metrics(report)
    for group, title in TITLES.items():
        show_group(title, report.of(group))
        if group == "workers":
            show_workers()
    show_report_text(report)
