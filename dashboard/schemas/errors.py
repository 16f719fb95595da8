"""JSON of an error."""

from __future__ import annotations

from pydantic import Field

from dashboard.core.errors import DashboardError
from dashboard.core.models.prediction import Failure
from dashboard.schemas.schema import Schema


class ErrorRecord(Schema):
    """What went wrong."""

    code: str = Field(description="stable name of the kind of error, for programs")
    message: str = Field(description="what happened and why")
    fix: str = Field(description="what to do about it; may be empty")

    @classmethod
    def of(cls, error: DashboardError | Failure) -> ErrorRecord:
        """The record of an error."""
        return cls(code=error.code, message=error.message, fix=error.fix)


class ErrorAnswer(Schema):
    """The output of a command that failed."""

    error: ErrorRecord


class FailedImage(Schema):
    """An image that could not be predicted or explained."""

    file: str = Field(description="name of the image file, as given")
    error: ErrorRecord
