"""The test set of the official CIFAR-10 archive as a dataset."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np

from dashboard.core.datasets import cifar10_archive
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.files import sha256_of
from dashboard.core.images.decoding import DecodedImage
from dashboard.core.images.drawing import encode_png
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.questions import Question


class Cifar10Images:
    """See `Dataset`."""

    notes: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path
        data = cifar10_archive.read(path, "test")
        labels = [CLASS_NAMES[label] for label in data.labels]
        names = (f"{label}/{name}" for label, name in zip(labels, data.file_names, strict=True))
        self._images, self.samples = data.images, SampleList(PackedNames(names), labels)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return sha256_of(self.path)

    def attributes(self) -> None:
        """See `Dataset`."""

    def file(self, index: int) -> bytes:
        """See `Dataset`. The image is encoded as PNG."""
        return encode_png(self.image(index))

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self._images[index]

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        return DecodedImage(self._images[index])
