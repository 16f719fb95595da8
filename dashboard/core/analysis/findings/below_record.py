"""Rule: the model is right far less often than on its own test images."""

from __future__ import annotations

from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.finding import Candidate, Finding, Search, in_words
from dashboard.core.metrics.intervals import proportion
from dashboard.core.metrics.percent import percent

_LEAST_GAP = 0.1  # between the accuracies; more images of difficult classes may explain a smaller one


def below_record(evidence: Evidence) -> Search:
    """The accuracy over all classes is far below the one that the model version records, beyond both intervals."""
    from scipy.stats import fisher_exact

    n, recorded = evidence.n, evidence.run.manifest.recorded_accuracy
    if recorded is None:
        return Search(not_measured="the model records no accuracy")
    if evidence.run.conditions or not evidence.images.all():  # some images or classes may be more difficult than all
        return Search(
            not_measured="the recorded accuracy is about all images and all classes, and some are missing here"
        )
    accuracy = proportion(n - evidence.errors, n)
    if accuracy.high >= recorded.low or recorded.value - accuracy.value < _LEAST_GAP:
        return Search(1)
    before = round(recorded.value * recorded.n)
    table = [[n - evidence.errors, evidence.errors], [before, recorded.n - before]]
    finding = Finding(
        "below_record",
        f"{n - evidence.errors:,} of {n:,} answers are right ({in_words(accuracy)}), well below the model's recorded accuracy "
        f"({percent(recorded.value)} on its test set).",
        accuracy.value, accuracy.low, accuracy.high, n,
        "Compare the scaling of pixels with that in training (see Diagnostics), and look whether these pictures differ from "
        "those of the test set (blur, noise, another camera) or have wrong labels.",
        (recorded.value - accuracy.value) * n, evidence.positions[~evidence.correct], ("correct=no",),
    )  # fmt: skip
    return Search(1, [Candidate(finding, float(fisher_exact(table, "less").pvalue))])
