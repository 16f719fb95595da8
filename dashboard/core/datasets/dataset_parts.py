"""The files of a dataset, and the parts of it that are labelled by themselves: its splits, or all of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelling import (
    ClassFolders,
    IsImage,
)
from dashboard.core.datasets.split_names import are_parts
from dashboard.core.datasets.splits import Folders, Splits


@dataclass(frozen=True)
class DatasetFiles:
    """All files of a dataset that may be evaluated or tell about others."""

    source: FileSource
    names: Sequence[str]
    is_image: np.ndarray  # (n,) bool
    folders: Folders
    names_image: IsImage

    @staticmethod
    def of(source: FileSource, names_image: IsImage) -> DatasetFiles:
        """The files of a source."""
        names = source.names
        is_image = np.fromiter(map(names_image, names), bool, len(names))
        return DatasetFiles(source, names, is_image, Folders.of(names), names_image)

    def part(self, positions: np.ndarray, split: str, splits: Splits | None) -> Part:
        """The part with the files at these positions (n,)."""
        outside = splits.outside if splits else np.empty(0, np.int64)
        images = np.zeros(len(self.names), bool)
        images[positions] = self.is_image[positions]
        holding = self.folders.holding(images)
        markers: Collection[str] = splits.markers if splits else ()
        class_in = ClassFolders(markers, holding, self.folders.holding(self.is_image))
        others = np.concatenate([positions, outside])
        classes = frozenset(map(class_in.class_of, holding))
        return Part(
            split,
            positions,
            images,
            [self.names[i] for i in np.flatnonzero(images).tolist()],
            others[~self.is_image[others]],
            frozenset(outside.tolist()),
            class_in,
            frozenset({None}) if are_parts(classes) else classes,
        )


@dataclass(frozen=True)
class Part:
    """Files that are labelled by themselves."""

    split: str  # the one that they are; "" if they are none
    positions: np.ndarray  # (n,) of the files
    images: np.ndarray  # (m,) bool, whether each file of the dataset is one of its images
    image_names: Sequence[str]
    others: np.ndarray  # positions of the files that are no images, also of those in no split
    outside: frozenset[int]  # positions of the files in no split
    class_in: ClassFolders
    folders: frozenset[str | None]  # names of folders of its images, that may be classes; {None} if they are parts
