"""The request to the worker that tries an external model file, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.core.images.preprocessing import ColorMode
from dashboard.core.models.version import Output

BATCH = 4  # images per call: the first layers of a large model need a hundred megabytes per image


@dataclass(frozen=True)
class ForeignModel:
    """An external model file, and how to try it."""

    file: Path  # a private copy, which the worker may change
    shown_as: str  # its name in messages
    converted: Path  # path of the converted model, ending in .keras
    input_size: tuple[int, int] | None  # height, width; None: as in the model
    color: ColorMode | None  # None: chosen by the number of channels
    memory_bytes: int  # limit for loading and trying
    output: str | None = None  # name of the output with the classes, of a model with several


@dataclass(frozen=True)
class ForeignModelFacts:
    """What a worker found in an external model file."""

    input_shape: tuple[int, int, int]  # height, width, channels
    color: ColorMode
    outputs: int  # numbers per image
    output: Output
    scaling: str | None  # the scaling in SCALINGS that its own first layers need; None: they do not tell
    told_by: str  # how the scaling is known, as a sentence; or, as a part of a sentence, why it is not
    keras_version: str
    notes: tuple[str, ...]
