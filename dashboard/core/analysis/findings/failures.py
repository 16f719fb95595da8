"""Rule: images that could not be evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.runs.left_out import left_out_by_label, without_image

_LONGEST_REASON = 160  # characters


def unreadable(evidence: Evidence) -> Search:
    """Some images have no prediction, for another reason than their label. Missing files are no images."""
    run = evidence.run
    missing = without_image(run)
    others = left_out_by_label(run) | missing
    failed, n = run.failed[~others], len(run.table) - int(others.sum())
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
    if count := int(missing.sum()):
        statement += f". Besides, {counted(count, 'file')} named in a table {'is' if count == 1 else 'are'} missing"
    finding = Finding(
        "unreadable", f"{statement}.", share.value, share.low, share.high, share.n,
        "Repair or replace these files, and evaluate again.", len(failed), failed.index.to_numpy(), _where(run.failed, others),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def _where(failed: pd.DataFrame, others: np.ndarray) -> tuple[str, ...]:
    """The conditions that only unreadable images fulfil; empty if they cannot be told from the others so."""
    if not others.any():
        return ("status=failed",)
    apart = bool((failed["true_label"].notna().to_numpy() == ~others).all())
    return ("status=failed", "true_label!=") if apart else ()
