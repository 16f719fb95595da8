"""The records that are sent to and from the worker that tries a model file from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.core.images.preprocessing import ColorMode
from dashboard.core.models.version import Output

BATCH = 4  # images per call: the first layers of a large model need a hundred megabytes per image


@dataclass(frozen=True)
class ForeignModel:
    """A model file from elsewhere, and how to try it."""

    file: Path  # a private copy that may be changed
    shown_as: str  # what messages call it
    converted: Path  # where to save it, ending in .keras
    input_size: tuple[int, int] | None  # height, width; None: from the model
    color: ColorMode | None  # None: by the number of channels
    memory_bytes: int  # memory limit for loading and trying


@dataclass(frozen=True)
class ForeignModelFacts:
    """What the worker found in the file."""

    input_shape: tuple[int, int, int]  # height, width, channels
    color: ColorMode
    outputs: int  # numbers an image
    output: Output
    scales_itself: bool  # True if it begins with arithmetic on the pixels
    keras_version: str
    notes: tuple[str, ...]
