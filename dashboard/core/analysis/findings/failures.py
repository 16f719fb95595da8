"""Rule: images that could not be evaluated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.left_out import left_out_by_label, without_image

_LONGEST_REASON = 160  # characters
_REASONS_NAMED = 3


def unreadable(evidence: Evidence) -> Search:
    """Some images have no prediction, for another reason than their label. Missing files are no images."""
    run = evidence.run
    missing = without_image(run)
    others = left_out_by_label(run) | missing
    failed, n = run.failed[~others], len(run.table) - int(others.sum())
    if failed.empty:
        return Search()
    told = run.detail(failed, ["reason"])["reason"].fillna("").str.strip()
    told = told.str.split(r"\.\s", n=1, regex=True).str[0].str.rstrip(".")  # not what to do about it
    reasons = told.value_counts(sort=False).sort_values(ascending=False, kind="stable")  # else ties change places
    share = proportion(len(failed), n)
    statement = f"{len(failed):,} of {counted(n, 'image')} could not be evaluated ({percent(share.value)})"
    if len(failed) == 1:
        statement = f"{statement}, {run.detail(failed, ['file'])['file'].iloc[0]}"
    if reasons.index[0] or len(reasons) > 1:
        statement += f": {_in_words(reasons)}"
    if count := int(missing.sum()):
        statement += f". Besides, {counted(count, 'file')} named in a table {'is' if count == 1 else 'are'} missing"
    finding = Finding(
        "unreadable", f"{statement}.", share.value, share.low, share.high, share.n,
        "Do what the view Files advises for each, then evaluate again.", len(failed), failed.index.to_numpy(), _where(run.failed, others),
    )  # fmt: skip
    return Search(1, [Candidate(finding)])


def _in_words(reasons: pd.Series) -> str:
    """The most frequent reasons with their counts, from counts by reason, the highest first."""
    texts = [str(reason)[:_LONGEST_REASON].rstrip(".") or "no reason is known" for reason in reasons.index]
    if len(texts) == 1:
        return texts[0]
    named = [
        f"{text} ({counted(int(count), 'image')})"
        for text, count in zip(texts[:_REASONS_NAMED], reasons.iloc[:_REASONS_NAMED], strict=True)
    ]
    if rest := int(reasons.iloc[_REASONS_NAMED:].sum()):
        named.append(f"other reasons ({counted(rest, 'image')})")
    return "; ".join(named)


def _where(failed: pd.DataFrame, others: np.ndarray) -> tuple[str, ...]:
    """The conditions that only unreadable images fulfil; empty if they cannot be told from the others so."""
    if not others.any():
        return ("status=failed",)
    apart = bool((failed["true_label"].notna().to_numpy() == ~others).all())
    return ("status=failed", "true_label!=") if apart else ()
