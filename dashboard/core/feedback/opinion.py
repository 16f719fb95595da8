"""What a user says about one prediction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.core.metrics.intervals import Proportion

BIASED = (
    "People mostly report predictions that catch their eye, so this is not the accuracy on all images; an evaluation of "
    "labelled images measures that."
)

NONE_OF_THESE = "none of these"  # as a true label: the image shows none of the model's classes


@dataclass(frozen=True)
class Opinion:
    """A user's word on a prediction. What follows `note` is copied from the prediction."""

    feedback_id: str
    time_utc: datetime
    subject: str  # id of the prediction: of the history, or RUN_ID:INDEX for an image of an evaluation
    user: str  # "" if unknown
    is_right: bool
    true_label: str | None  # None: the predicted label is wrong, and the true one is not known
    note: str
    predicted_label: str
    confidence: float  # in [0, 1]
    model_name: str
    model_version: str
    file: str  # name of the image; may be ""
    image_sha256: str  # "" if not known


@dataclass(frozen=True)
class FeedbackAccuracy:
    """The share of predictions that were called right, of those that somebody spoke about."""

    right: Proportion  # with its 95% Wilson interval
    disputed: int  # predictions of images about which users disagree; the last word on each prediction counts
    caution: str = BIASED
