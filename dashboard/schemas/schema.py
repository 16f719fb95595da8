"""The base class of all JSON records."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from dashboard.core.shell import as_called

Sentence = Annotated[str, AfterValidator(as_called)]  # its commands name the program as it was started


class Schema(BaseModel):
    """A JSON record. Every field is always present; a field without a value is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def as_json(self) -> Any:
        """The record as lists, dictionaries, strings, numbers and None."""
        return self.model_dump(mode="json")

    def to_text(self) -> str:
        """The JSON text, indented."""
        return self.model_dump_json(indent=2)
