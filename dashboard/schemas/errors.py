"""JSON of an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from dashboard.core.errors import DashboardError
from dashboard.core.questions import Question, UndecidedError
from dashboard.schemas.schema import Schema, Sentence

if TYPE_CHECKING:  # an error must be told even if NumPy is broken
    from dashboard.core.models.prediction import Failure


class ErrorRecord(Schema):
    """What went wrong."""

    code: str = Field(description="stable name of the kind of error, for programs")
    message: Sentence = Field(description="what happened and why")
    fix: Sentence = Field(description="what to do about it; may be empty")

    @classmethod
    def of(cls, error: DashboardError | Failure) -> ErrorRecord:
        """The record of an error."""
        return cls(code=error.code, message=error.message, fix=error.fix)


class AnswerRecord(Schema):
    """One possible answer to a question."""

    value: str = Field(description="what to give with the option or field")
    meaning: str


class QuestionRecord(Schema):
    """What the user has to decide before the work can be done."""

    option: str = Field(description="the option of the command line that answers it, such as --split")
    field: str = Field(description="the field of the HTTP API that answers it, such as split")
    asks: str
    answers: list[AnswerRecord]

    @classmethod
    def of(cls, question: Question) -> QuestionRecord:
        """The record of a question."""
        answers = [AnswerRecord(value=each.value, meaning=each.meaning) for each in question.answers]
        return cls(option=question.option, field=question.topic, asks=question.asks, answers=answers)


class ErrorAnswer(Schema):
    """The output of a command that failed."""

    error: ErrorRecord
    question: QuestionRecord | None = Field(description="null unless the command failed for want of an answer")

    @classmethod
    def of(cls, error: DashboardError) -> ErrorAnswer:
        """The answer of a command that this error ended."""
        asked = QuestionRecord.of(error.question) if isinstance(error, UndecidedError) else None
        return cls(error=ErrorRecord.of(error), question=asked)


class FailedImage(Schema):
    """An image that could not be predicted or explained."""

    file: str = Field(description="name of the image file, as given")
    error: ErrorRecord
