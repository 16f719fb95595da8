"""The manifest of a run: dataset, model version and progress."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dashboard.core.images.preprocessing import Fit, Resample
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL, class_names_fault
from dashboard.core.metrics.intervals import Proportion
from dashboard.core.settings import CHUNK_SIZE


def new_run_id() -> str:
    """An id that sorts by time and cannot be guessed."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def _is_a_time(text: str) -> str:
    if not 1 < datetime.fromisoformat(text).year < 9999:  # else another time zone has no such year
        raise ValueError("it is not a time")
    return text


def _is_a_path(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("it is not a path")
    return text


def _are_classes(names: tuple[str, ...]) -> tuple[str, ...]:
    if fault := class_names_fault(names) if names else "are missing":
        raise ValueError(f"the class names {fault}")
    return names


State = Literal["running", "finished", "cancelled", "failed"]
ToldState = State | Literal["paused", "interrupted"]  # see `RunFolder.state`
MOST_SECONDS = 10**9
# The start of the workers, TensorFlow and the model takes several seconds. In shorter runs it would be most of the time.
LEAST_SECONDS_OF_SPEED = 30
_Count = Annotated[int, Field(ge=0, le=10**10)]
_Side = Annotated[int, Field(ge=1, le=4096)]
_Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class RunManifest:
    """Which dataset was evaluated, by which model version, and in which state the run is.

    The limits in the types are checked when a manifest is read from a file.
    """

    run_id: str
    created_utc: Annotated[str, AfterValidator(_is_a_time)]  # ISO 8601
    dataset: Annotated[str, AfterValidator(_is_a_path)]  # path on the server
    dataset_sha256: str
    model: str  # NAME@VERSION
    model_sha256: str
    class_names: Annotated[tuple[str, ...], AfterValidator(_are_classes)]
    n_images: _Count  # number of rows, also of those without an image
    fit: Fit | None = None  # how pictures were fitted to the model input; None: as the model version says
    unknown_labels: tuple[str, ...] = ()  # labels of the dataset that are not classes of the model
    label_map: tuple[tuple[str, str], ...] = ()  # meaning of the other labels; `match_labels` accepts it as a dict
    notes: tuple[str, ...] = ()  # how the dataset was read, in sentences
    imported: bool = False  # True: predictions of another program, `dataset` is their file, there are no images
    chunk_size: Annotated[int, Field(ge=1, le=10**6)] = CHUNK_SIZE  # images per part
    key: str = ""  # equal for runs that give the same answers, see `run_key`; "" if unknown
    state: State = "running"  # "running" may also be paused or interrupted, see `RunFolder.state`
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)] = 0.0  # evaluation time
    message: str = ""  # why the run failed
    user: str = ""  # who started it, see `core.access.visitor`; "" if unknown
    labels: str = ""  # path of the file of true labels of imported predictions; "" if there is none
    arrays: str = ""  # which arrays of imported predictions the user chose, such as PROBS,LABELS
    n_without_image: _Count = 0  # of `n_images`: rows of a table of labels that match no image
    familiarity_kept: _Share | None = None  # as `Familiarity.kept` of the version; None if it has no thresholds
    recorded_accuracy: Proportion | None = None  # of the version on its test images; None if it records none
    input_size: tuple[_Side, _Side] | None = None  # height and width of the model input in pixels; None if unknown
    resample: Resample = "lanczos"  # how pictures of another size were resized; runs of earlier builds: always so

    @property
    def images_per_second(self) -> float | None:
        """The speed of the evaluation with its start; None if it is unfinished, imported, or too short to tell."""
        if self.imported or self.state != "finished" or self.seconds < LEAST_SECONDS_OF_SPEED:
            return None
        return round(self.n_real_images / self.seconds, 1)

    @property
    def n_real_images(self) -> int:
        """The number of images, without the rows of a table that have none."""
        return max(0, self.n_images - self.n_without_image)

    @property
    def dataset_name(self) -> str:
        """The name of the dataset without its folder."""
        return Path(self.dataset).name.removesuffix(".dataset.json")

    @cached_property
    def class_of(self) -> dict[str, str | None]:
        """The class of each evaluated label, with composed accents as datasets give it; None if it is not compared."""
        return {
            unicodedata.normalize("NFC", name): None if meant == NO_LABEL else meant
            for name, meant in self.label_map
            if meant != LEAVE_OUT
        }

    @cached_property
    def left_out(self) -> frozenset[str]:
        """The labels whose images are left out, as the user chose."""
        names = [name for name, meant in self.label_map if meant == LEAVE_OUT]
        # rows of old runs have both forms
        return frozenset((*names, *(unicodedata.normalize("NFC", name) for name in names)))
