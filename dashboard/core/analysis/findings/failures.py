"""Rule: images that could not be evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.left_out import left_out_by_label

_LONGEST_REASON = 160  # characters


def unreadable(evidence: Evidence) -> Search:
    """Some images have no prediction, for another reason than their label."""
    run = evidence.run
    by_label = left_out_by_label(run)
    failed, n = run.failed[~by_label], len(run.table) - int(by_label.sum())
    if failed.empty:
        return Search()
    reasons = run.detail(failed, ["reason"])["reason"].fillna("").value_counts()
    reason, times = str(reasons.index[0]).strip()[:_LONGEST_REASON], int(reasons.iloc[0])
    share = proportion(len(failed), n)
    statement = f"{len(failed):,} of {counted(n, 'image')} could not be evaluated ({in_words(share)})"
    if len(failed) == 1:
        statement = f"{statement}, {run.detail(failed, ['file'])['file'].iloc[0]}"
    if reason:
        often = "" if times == len(failed) else f", most often ({counted(times, 'time')}) for this reason"
        statement = f"{statement}{often}: {reason.rstrip('.')}"
    finding = Finding(
        "unreadable", f"{statement}.", share.value, share.low, share.high, share.n,
        "Repair or replace these files, and evaluate again.", len(failed), failed.index.to_numpy(), _where(run.failed, by_label),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def _where(failed: pd.DataFrame, by_label: np.ndarray) -> tuple[str, ...]:
    """The conditions that only unreadable images fulfil; empty if they cannot be told from the others so."""
    if not by_label.any():
        return ("status=failed",)
    apart = bool((failed["true_label"].notna().to_numpy() == ~by_label).all())
    return ("status=failed", "true_label!=") if apart else ()
