"""One prediction as the history keeps it, and which of them a question is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.errors import DatabaseError
from dashboard.core.images.preprocessing import Fit
from dashboard.core.models.prediction import Prediction, most_probable
from dashboard.core.models.version import ModelVersion

Source = Literal["page", "api", "command", "evaluation"]
SOURCES: tuple[Source, ...] = get_args(Source)
TOP = 3  # classes that an entry names


@dataclass(frozen=True)
class Entry:
    """A prediction. The evaluations' are read from their runs, all others are stored one by one."""

    prediction_id: str  # 32 hex digits that sort by time; RUN_ID:INDEX for an image of an evaluation
    time_utc: datetime  # of an evaluation: when it began
    source: Source
    user: str  # "" if unknown
    file: str  # name of the image, as given; may be ""
    model_name: str
    model_version: str
    model_sha256: str
    image_sha256: str  # "" until the record is written, and if the image of an evaluation is gone
    label: str  # the predicted class
    confidence: float  # its probability, in [0, 1]
    top3: tuple[tuple[str, float], ...]  # labels and probabilities, the most probable first
    doubt: bool | None = None  # True: probably none of the classes; None: not known
    doubt_energy: float | None = None  # see `models.familiarity.Doubt`
    doubt_msp: float | None = None
    latency_ms: float | None = None  # None if not measured
    fit: Fit | None = None  # how the picture was fitted to the model's input; None if not known
    image: bytes | None = field(default=None, repr=False)  # the image file, of an entry that is to be recorded

    @classmethod
    def of(
        cls,
        version: ModelVersion,
        prediction: Prediction,
        image: bytes,
        source: Source,
        user: str = "",
        file: str = "",
        latency_ms: float | None = None,
    ) -> Entry:
        """The entry of a prediction that was just made.

        Args:
            image: the image file. Its hash is computed when the entry is written.
            latency_ms: how long the user waited.
        """
        now = now_utc()
        doubt = version.familiarity and version.familiarity.doubts(prediction.logits, prediction.pred_probs)
        return cls(
            prediction_id=new_id(now),
            time_utc=now,
            source=source,
            user=user,
            file=file,
            model_name=version.name,
            model_version=version.version,
            model_sha256=version.sha256,
            image_sha256="",
            label=version.class_names[prediction.class_id],
            confidence=prediction.confidence,
            top3=most_probable(version.class_names, prediction.pred_probs, TOP),
            doubt=doubt.unknown if doubt else None,
            doubt_energy=doubt.energy if doubt else None,
            doubt_msp=doubt.msp if doubt else None,
            latency_ms=latency_ms,
            fit=version.preprocessing.fit,
            image=image,
        )


@dataclass(frozen=True)
class HistoryFilter:
    """Which predictions are meant: those that pass all conditions. None passes every prediction."""

    from_utc: datetime | None = None  # inclusive
    until_utc: datetime | None = None  # exclusive
    source: Source | None = None
    user: str | None = None
    model: str | None = None  # NAME or NAME@VERSION
    label: str | None = None  # the predicted class
    least_confidence: float | None = None  # inclusive
    most_confidence: float | None = None  # inclusive
    doubt: bool | None = None  # never passes a prediction whose doubt is not known
    image_sha256: str | None = None  # not searched in evaluations

    @property
    def left_out(self) -> str:
        """What this filter does not search, in a sentence; "" if it searches everything."""
        if self.image_sha256 is None:
            return ""
        return "Evaluations are not searched, because they do not store the hashes of their images."


@dataclass(frozen=True)
class Page:
    """Some predictions, the newest first."""

    entries: tuple[Entry, ...]
    next_cursor: str | None  # for the next page; None after the last one
    not_searched: str = ""  # what could not be searched, in a sentence; "" if everything was
    damaged: tuple[DatabaseError, ...] = ()  # why other predictions of the page cannot be read

    @property
    def note(self) -> str:
        """What is missing on the page, in words; "" if nothing is."""
        fix = self.damaged[0].fix if self.damaged else ""
        return " ".join(filter(None, (self.not_searched, *(error.message for error in self.damaged), fix)))
