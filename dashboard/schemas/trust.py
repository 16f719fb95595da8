"""JSON of how far the predictions of a run can be relied on."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from dashboard.core.metrics.guarantee import Guarantee
from dashboard.core.metrics.intervals import Proportion
from dashboard.core.metrics.prediction_sets import PredictionSets
from dashboard.core.runs.filters import as_texts
from dashboard.core.runs.run import Run
from dashboard.schemas.schema import Schema, Sentence


class GuaranteeRecord(Schema):
    """The least confidence from which on few predictions are wrong. Null values if there is no such confidence."""

    run_id: str
    where: list[str] = Field(description="the conditions of the filter")
    max_error: float = Field(description="the greatest share of errors among the accepted predictions, in (0, 1)")
    threshold: float | None = Field(description="accept predictions with at least this confidence")
    coverage: float | None = Field(description="share of the test images that are accepted")
    coverage_ci95: list[float] | None = Field(description="lower and upper end of its 95% Wilson interval")
    risk: float | None = Field(description="share of errors among the accepted test images; null if none is accepted")
    risk_ci95: list[float] | None = Field(description="lower and upper end of its 95% Wilson interval")
    n_calibration: int = Field(
        description="number of images that the threshold was chosen on: a random half of the labelled rows"
    )
    n_test: int = Field(description="number of images that coverage and risk were measured on: the other half")
    reason: Sentence = Field(description="why there is no threshold; empty if there is one")
    holds: bool = Field(
        description="false if there is no threshold, or if its errors on the test images are significantly above max_error"
    )

    @classmethod
    def of(cls, run: Run, found: Guarantee) -> GuaranteeRecord:
        """The record of a guarantee for the rows of a run."""
        return cls(
            run_id=run.manifest.run_id,
            where=as_texts(run.conditions),
            max_error=found.max_error,
            threshold=found.threshold,
            coverage=found.coverage and found.coverage.value,
            coverage_ci95=found.coverage and _interval(found.coverage),
            risk=found.risk and found.risk.value,
            risk_ci95=found.risk and _interval(found.risk),
            n_calibration=found.n_calibration,
            n_test=found.n_test,
            reason=found.reason,
            holds=found.holds,
        )


class ClassSetsRecord(Schema):
    """The prediction sets of the images of one class."""

    label: str
    quantile: float = Field(description="the class is in a set if 1 - its probability is at most this")
    n_test: int = Field(description="number of test images with this label")
    coverage: float | None = Field(description="share of them whose set holds the class; null without test images")
    coverage_ci95: list[float] | None = Field(description="lower and upper end of its 95% Wilson interval")


class SetsRecord(Schema):
    """How prediction sets did on the test images."""

    quantile: float = Field(description="the largest quantile of the classes")
    coverage: float = Field(description="share of the sets that hold the true class")
    coverage_ci95: list[float] = Field(description="lower and upper end of its 95% Wilson interval")
    mean_size: float = Field(description="mean number of classes in a set")
    single: float = Field(description="share of the sets with exactly one class")
    empty: float = Field(description="share of the sets without a class")
    rules_out_nothing: bool = Field(description="true if every set holds every class")
    holds: bool = Field(description="false if the sets hold the true class significantly less often than asked")
    classes: list[ClassSetsRecord]

    @classmethod
    def of_sets(cls, sets: PredictionSets, class_names: tuple[str, ...]) -> SetsRecord:
        """The record of prediction sets."""
        of_class = zip(class_names, sets.quantiles, *sets.class_coverage(), strict=True)
        return cls(
            quantile=sets.quantile,
            coverage=sets.coverage.value,
            coverage_ci95=_interval(sets.coverage),
            mean_size=sets.mean_size,
            single=sets.single.value,
            empty=sets.empty.value,
            rules_out_nothing=sets.rules_out_nothing,
            holds=sets.holds,
            classes=[
                ClassSetsRecord(
                    label=name,
                    quantile=float(quantile),
                    n_test=int(images),
                    coverage=_number(share),
                    coverage_ci95=[float(low), float(high)] if images else None,
                )
                for name, quantile, images, share, low, high in of_class
            ],
        )


class PredictionSetsRecord(Schema):
    """Prediction sets of a run: a random half of the labelled rows calibrates, the others are the test images."""

    run_id: str
    where: list[str] = Field(description="the conditions of the filter")
    confidence: float = Field(description="the share of sets that should hold the true class")
    n_calibration: int
    n_test: int
    n_labelled: int = Field(description="number of labelled rows; of very many, only a random part is used")
    marginal: SetsRecord = Field(description="the confidence is meant for all images together")
    by_class: SetsRecord = Field(description="the confidence is meant for the images of each class")


def _interval(share: Proportion) -> list[float]:
    return [share.low, share.high]


def _number(value: np.floating) -> float | None:
    return None if math.isnan(value) else float(value)
