"""What a user says about one prediction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.core.errors import counted
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.core.metrics.intervals import Proportion

BIASED = (
    "People mostly report predictions that catch their eye, so this is not the accuracy on all images; an evaluation of "
    "labelled images measures that."
)


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
    doubt: bool | None = None  # True: the answer was "probably none of the classes"; None: not known

    @property
    def verdict(self) -> str:
        """What was said about the prediction, in a word or two."""
        return NONE_OF_THESE if self.agrees_on_none else "right" if self.is_right else "wrong"

    @property
    def agrees_on_none(self) -> bool:
        """True if the user and the model both say that the image shows none of the classes: neither right nor wrong."""
        return bool(self.doubt) and self.true_label == NONE_OF_THESE


@dataclass(frozen=True)
class FeedbackAccuracy:
    """The share of predictions that were called right, of those that were called right or wrong.

    The last word on each prediction counts.
    """

    right: Proportion | None  # with its 95% Wilson interval; None if none was called right or wrong
    agreed_on_none: int  # predictions as `Opinion.agrees_on_none`, which are counted apart
    disputed: int  # images with different answers
    caution: str = BIASED

    @property
    def notes(self) -> str:
        """What is not counted, what contradicts itself, and the caution, in sentences."""
        said = []
        if self.agreed_on_none:
            said.append(
                f"Not counted: {counted(self.agreed_on_none, 'prediction')} for which user and model both say that the image "
                "shows none of the classes."
            )
        if self.disputed:
            said.append(f"There are different answers about {counted(self.disputed, 'image')}.")
        return " ".join([*said, self.caution])
