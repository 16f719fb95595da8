"""What was evaluated, by what, how far."""

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
    """A name that sorts by time and cannot be guessed."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


State = Literal["running", "finished", "cancelled", "failed"]


@dataclass(frozen=True)
class RunManifest:
    """What was evaluated, by what, and how far it got."""

    run_id: str
    created_utc: str  # ISO 8601
    dataset: str  # path on the server
    dataset_sha256: str
    model: str  # NAME@VERSION
    model_sha256: str
    class_names: tuple[str, ...]
    n_images: int
    fit: Fit | None = None  # how pictures were made to fit; None: as the model version says
    unknown_labels: tuple[str, ...] = ()  # names in the dataset that mean none of the model's classes
    label_map: tuple[tuple[str, str], ...] = ()  # what the others meant; as a dict, what `match_labels` takes
    notes: tuple[str, ...] = ()  # how the dataset was read, in sentences
    imported: bool = False  # predictions made elsewhere: `dataset` is their file, and there are no images
    chunk_size: int = CHUNK_SIZE  # images a part
    key: str = ""  # equal where dataset, model version and labels are: the same answers; "" where unknown
    state: State = "running"  # whether somebody works on it is told by its owner
    seconds: float = 0.0  # spent on it
    message: str = ""  # why it failed

    @property
    def dataset_name(self) -> str:
        """Without its folder."""
        return Path(self.dataset).name.removesuffix(".dataset.json")

    @cached_property
    def class_of(self) -> dict[str, str | None]:
        """Class of the model by name in the dataset, of those that are evaluated; None: compared with nothing."""
        return {name: None if meant == NO_LABEL else meant for name, meant in self.label_map if meant != LEAVE_OUT}

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Names in the dataset whose images the user wanted left out."""
        return frozenset(name for name, meant in self.label_map if meant == LEAVE_OUT)
