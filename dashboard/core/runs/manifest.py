"""The manifest of a run: dataset, model version and progress."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Literal

from dashboard.core.images.preprocessing import Fit
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.settings import CHUNK_SIZE


def new_run_id() -> str:
    """A new id that sorts by time and cannot be guessed."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


State = Literal["running", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class RunManifest:
    """What was evaluated, with which model version, and how far it got."""

    run_id: str
    created_utc: str  # ISO 8601
    dataset: str  # path on the server
    dataset_sha256: str
    model: str  # NAME@VERSION
    model_sha256: str
    class_names: tuple[str, ...]
    n_images: int
    fit: Fit | None = None  # how pictures were fitted; None: as in the model version
    unknown_labels: tuple[str, ...] = ()  # labels that are not a class of the model
    label_map: tuple[tuple[str, str], ...] = ()  # the label map for `match_labels`, as pairs
    notes: tuple[str, ...] = ()  # sentences about how the dataset was read
    imported: bool = False  # predictions made elsewhere: `dataset` is their file, and there are no images
    chunk_size: int = CHUNK_SIZE  # images a part
    key: str = ""  # equal for the same dataset, model version and labels, so for the same answers; "" if unknown
    state: State = "running"  # the lock of `RunOwner` says whether somebody works on it
    seconds: float = 0.0  # spent on it
    message: str = ""  # why it failed

    @property
    def dataset_name(self) -> str:
        """The name of the dataset without its folder."""
        return Path(self.dataset).name.removesuffix(".dataset.json")

    @cached_property
    def class_of(self) -> dict[str, str | None]:
        """The class of the model for each label; None: predicted, but not compared."""
        return {name: None if meant == NO_LABEL else meant for name, meant in self.label_map if meant != LEAVE_OUT}

    @cached_property
    def left_out(self) -> frozenset[str]:
        """The labels whose images the user left out."""
        return frozenset(name for name, meant in self.label_map if meant == LEAVE_OUT)
