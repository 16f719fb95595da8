"""JSON of predictions in the history, and of feedback on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from dashboard.core.database.faults import left_out
from dashboard.core.errors import DatabaseError
from dashboard.core.feedback.exporting import feedback_on
from dashboard.core.history.entry import Entry, Page
from dashboard.core.history.exporting import FeedbackOn, as_record
from dashboard.core.images.preprocessing import Fit
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.schemas.models import ModelName
from dashboard.schemas.predictions import LabelProbability
from dashboard.schemas.schema import Schema
from dashboard.schemas.scores import ScoreRecord

if TYPE_CHECKING:
    from dashboard.core.feedback.opinion import FeedbackAccuracy, Opinion


class HistoryRecord(Schema):
    """A prediction in the history."""

    prediction_id: str
    time_utc: str = Field(description="ISO 8601; of an evaluation: when it began")
    source: str = Field(description="page, api, command or evaluation")
    user: str = Field(description="empty if unknown")
    file: str = Field(description="name of the image, as given; may be empty")
    model: ModelName
    model_sha256: str
    image_sha256: str = Field(description="empty if the image of an evaluation is gone")
    predicted_label: str
    confidence: float = Field(description="calibrated probability of the predicted class, in [0, 1]")
    top3: list[LabelProbability]
    doubt: bool | None = Field(
        description="true if the image probably shows none of the classes; null if not known, such as for a version without thresholds"
    )
    doubt_energy: float | None
    doubt_msp: float | None
    latency_ms: float | None = Field(description="how long the user waited; null if not measured")
    fit: Fit | None = Field(
        description="how a picture with other proportions was made to fit the model's input; null if not known"
    )
    feedback: str | None = Field(
        description=f"the last word on it: right, wrong or {NONE_OF_THESE}; null if nobody said anything"
    )
    true_label: str | None = Field(description="as the feedback says; null if it names none")
    note: str | None = Field(description="of the feedback; null without feedback")

    @classmethod
    def of(cls, entry: Entry, feedback_on: FeedbackOn) -> HistoryRecord:
        """The record of a prediction, with what users said about it."""
        return cls(**as_record(entry), **feedback_on(entry))


class HistoryPage(Schema):
    """Predictions, the newest first."""

    predictions: list[HistoryRecord]
    next_cursor: str | None = Field(description="for the next page; null after the last one")
    note: str = Field(
        description="what could not be searched, and which records are damaged; empty if nothing is missing"
    )

    @classmethod
    def of(cls, page: Page, words: Sequence[Opinion], user: str, damaged: Sequence[DatabaseError]) -> HistoryPage:
        """A page of the history.

        Args:
            words: the feedback on its predictions, and `user` who asks, as for `feedback_on`.
            damaged: the records of feedback that cannot be read.
        """
        said = feedback_on(words, user)
        records = [HistoryRecord.of(entry, said) for entry in page.entries]
        note = " ".join(filter(None, (page.note, left_out(damaged))))
        return cls(predictions=records, next_cursor=page.next_cursor, note=note)


class HistoryExportRecord(Schema):
    """A file that was written."""

    file: str
    written: int = Field(description="number of predictions, images or rows")
    missing: int = Field(description="number of images that are not at hand")
    disputed: int = Field(
        0, description="of feedback: number of images left out because there are different answers about them"
    )
    note: str = Field(description="how many records are left out because they are damaged; empty if none is")


class HistoryDeletionRecord(Schema):
    """What was deleted."""

    deleted: int = Field(description="number of predictions")


class FeedbackRecord(Schema):
    """A user's word on a prediction."""

    feedback_id: str
    time_utc: str = Field(description="ISO 8601")
    prediction_id: str = Field(description="RUN_ID:INDEX for an image of an evaluation")
    user: str = Field(description="empty if unknown")
    is_right: bool
    true_label: str | None = Field(description="null if the predicted label is wrong and the true one not known")
    note: str
    predicted_label: str
    confidence: float
    model: ModelName
    file: str
    image_sha256: str

    @classmethod
    def of(cls, opinion: Opinion) -> FeedbackRecord:
        """The record of an opinion."""
        return cls(
            feedback_id=opinion.feedback_id,
            time_utc=opinion.time_utc.isoformat(timespec="seconds"),
            prediction_id=opinion.subject,
            user=opinion.user,
            is_right=opinion.is_right,
            true_label=opinion.true_label,
            note=opinion.note,
            predicted_label=opinion.predicted_label,
            confidence=opinion.confidence,
            model=ModelName(name=opinion.model_name, version=opinion.model_version),
            file=opinion.file,
            image_sha256=opinion.image_sha256,
        )


class FeedbackSummary(Schema):
    """What users say about predictions."""

    accuracy: ScoreRecord | None = Field(
        description="share called right, with its 95% Wilson interval; null: none was called right or wrong"
    )
    agreed_on_none: int = Field(
        description="number of predictions for which user and model both say that the image shows none of the classes; they are "
        "neither right nor wrong in `accuracy`"
    )
    disputed: int = Field(
        description="number of images about which there are different answers, also across predictions of the same image; "
        "exports leave them out"
    )
    caution: str = Field(description="what the accuracy does not say")
    feedback: list[FeedbackRecord] = Field(description="the last word of each user on each prediction, newest first")
    note: str = Field(
        description="how many records are left out, also of `accuracy`, because they are damaged; empty if none is"
    )

    @classmethod
    def of_all(cls, accuracy: FeedbackAccuracy | None, opinions: list[Opinion], note: str) -> FeedbackSummary:
        """The summary of opinions."""
        return cls(
            accuracy=ScoreRecord.of(accuracy.right) if accuracy and accuracy.right else None,
            agreed_on_none=accuracy.agreed_on_none if accuracy else 0,
            disputed=accuracy.disputed if accuracy else 0,
            caution=accuracy.caution if accuracy else "",
            feedback=[FeedbackRecord.of(opinion) for opinion in opinions],
            note=note,
        )
