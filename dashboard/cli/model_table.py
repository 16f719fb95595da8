"""The README's table of models: measurements of our models beside published networks of similar cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboard.core.models.facts import ModelFacts
from dashboard.core.models.version import ModelVersion

HEADER = (
    "| model | accuracy | on unseen images | ECE | MFLOP | parameters | images per second |",
    "|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class PublishedModel:
    """The figures of a published network, from its authors' repository, on all 10,000 test images of CIFAR-10."""

    name: str
    accuracy: float
    mflop: float  # a multiply-add counts as two operations
    parameters: float  # in millions


ZOO = (  # https://github.com/chenyaofo/pytorch-cifar-models
    PublishedModel("ResNet-20", 0.9260, 82, 0.27),
    PublishedModel("MobileNetV2-x0.5", 0.9288, 56, 0.70),
    PublishedModel("ShuffleNetV2-x1.0", 0.9298, 90, 1.26),
    PublishedModel("MobileNetV2-x0.75", 0.9372, 119, 1.37),
    PublishedModel("ResNet-56", 0.9437, 252, 0.86),
    PublishedModel("RepVGG-A0", 0.9439, 978, 7.84),
    PublishedModel("RepVGG-A2", 0.9498, 3700, 26.82),
)


def markdown_table(versions: Sequence[ModelVersion], facts: Mapping[str, ModelFacts]) -> Iterator[str]:
    """Lines of a Markdown table: the measured versions among `versions`, then the published models.

    Args:
        facts: by NAME@VERSION, as a worker measured them; the table shows the speed.
    """
    yield from HEADER
    for version in versions:
        if "accuracy" in version.metrics:
            yield _row(version, facts[version.ref])
    for model in ZOO:
        yield f"| {model.name} | {model.accuracy:.2%} | | | {model.mflop:,.0f} | {model.parameters:.2f} M | |"


def _row(version: ModelVersion, facts: ModelFacts) -> str:
    m = version.metrics
    unseen = m.get("unseen", {})
    ece = (unseen or m).get("ece15")  # not stated for the old images of a recalibrated version
    of_unseen = f"{_accuracy(unseen) if unseen else ''} | {'' if ece is None else f'{ece:.1%}'}"
    cost = f"{m['flops'] / 1e6:,.0f} | {m['parameters'] / 1e6:.2f} M"
    speed = f"{facts.images_per_second:,.0f} ({facts.precision})"
    return f"| **{version.ref}** | {_accuracy(m)} | {of_unseen} | {cost} | {speed} |"


def _accuracy(metrics: Mapping[str, Any]) -> str:
    low, high = (f"{100 * bound:.1f}" for bound in metrics["accuracy_ci95"])
    share = 100 * Decimal(str(metrics["accuracy"]))  # decimal, so that 92.675 is not rounded down
    return f"{share:.2f}% ({low}-{high})"
