"""Rule: images that could not be evaluated."""

from __future__ import annotations

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion

_LONGEST_REASON = 160  # characters


def unreadable(evidence: Evidence) -> Search:
    """Some images have no prediction."""
    run = evidence.run
    failed = run.failed
    if failed.empty:
        return Search()
    reasons = run.detail(failed, ["reason"])["reason"].fillna("").value_counts()
    reason, times = str(reasons.index[0]).strip()[:_LONGEST_REASON], int(reasons.iloc[0])
    share = proportion(len(failed), len(run.table))
    statement = f"{len(failed):,} of {counted(len(run.table), 'image')} could not be evaluated ({in_words(share)})"
    if reason:
        often = "" if times == len(failed) else f", most often ({counted(times, 'time')}) for this reason"
        statement = f"{statement}{often}: {reason.rstrip('.')}"
    finding = Finding(
        "unreadable", f"{statement}.", share.value, share.low, share.high, share.n,
        "Repair or replace these files, and evaluate again.", len(failed), failed.index.to_numpy(), ("status=failed",),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])
