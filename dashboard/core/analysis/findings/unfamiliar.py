"""Rule: many images are unlike those that the model knows: they show other things, or the classes in another way."""

from __future__ import annotations

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.errors import counted
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent
from dashboard.core.runs.rows import DOUBT

# times the usual share: new images of the same classes are doubted a little more often than those of the fit
_CLEARLY = 2.0
_NOT_KNOWN = (
    "it is not known which images probably show none of the classes: models without thresholds for it and older evaluations "
    "lack it"
)


def unfamiliar(evidence: Evidence) -> Search:
    """A far larger share of the images is doubted than of the images that the threshold was fitted on."""
    from scipy.stats import binom

    run, kept = evidence.run, evidence.run.manifest.familiarity_kept
    if kept is None:
        return Search(not_measured=_NOT_KNOWN)
    given = run.detail(run.evaluated, [DOUBT])[DOUBT].dropna().astype(bool)
    if given.empty:
        return Search(not_measured=_NOT_KNOWN)
    doubted, usual = given[given], 1 - kept
    share = proportion(len(doubted), len(given))
    if share.low < _CLEARLY * usual:
        return Search(1)
    finding = Finding(
        "unfamiliar",
        f"{len(doubted):,} of {counted(len(given), 'image')} ({in_words(share)}) seem to show none of the classes, or to show them "
        f"in another way than the model knows (blur, noise, another camera). Among the images that it knows, about "
        f"{percent(usual, 0)} are doubted like this.",
        share.value, share.low, share.high, share.n,
        "Look at them. Leave out those that show other things; if they do show the classes, do not rely on the model's "
        "confidence.",
        len(doubted) - usual * len(given), doubted.index.to_numpy(), ("status=ok", f"{DOUBT}=yes"),
    )  # fmt: skip
    return Search(1, [Candidate(finding, float(binom.sf(len(doubted) - 1, len(given), usual)))])
