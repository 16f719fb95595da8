"""What comes of damaged files: tests collect the outcomes of many random damages."""

from __future__ import annotations

from pathlib import Path

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.images.decoding import decode_image


def outcomes_of_dataset(path: Path) -> set[str]:
    """The code of the DatasetError; else "image" if an image can be read, and "reason" if one is refused."""
    try:
        dataset = open_dataset(path)
    except DatasetError as error:
        return {error.code}
    outcomes = set()
    for sample in dataset.samples:
        try:
            dataset.image(sample.index)
            outcomes.add("image")
        except ImageError:
            outcomes.add("reason")
    return outcomes


def outcome_of_image(data: bytes) -> str:
    """The code of the ImageError; "image" if the data are decoded."""
    try:
        assert decode_image(data).pixels.ndim == 3
    except ImageError as error:
        return error.code
    return "image"
