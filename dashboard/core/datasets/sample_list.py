"""Holds a million samples in little memory: names in one block of bytes, labels as codes."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np


@dataclass(frozen=True, slots=True)
class Sample:
    """One entry of a dataset."""

    index: int  # position in Dataset.samples, and the argument of Dataset.image
    name: str  # path inside the dataset
    label: str | None  # as the dataset spells it, with composed accents; None if the dataset gives none


class PackedNames(Sequence[str]):
    """A sequence of strings, stored in one block of bytes. Each string is created on access."""

    def __init__(self, names: Iterable[str]) -> None:
        block, ends = bytearray(), array("q")
        for name in names:
            block += name.encode("utf-8", "surrogatepass")
            ends.append(len(block))
        self._ends = np.frombuffer(ends, np.int64) if ends else np.empty(0, np.int64)
        self._block = bytes(block)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = _checked(index, len(self))
        start = int(self._ends[index - 1]) if index else 0
        return self._block[start : int(self._ends[index])].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        start, ends = 0, self._ends.tolist()
        if self._block.isascii():  # then a place in the text is a place in the bytes
            text = self._block.decode("ascii")
            for end in ends:
                yield text[start:end]
                start = end
            return
        for end in ends:
            yield self._block[start:end].decode("utf-8", "surrogatepass")
            start = end


class NumberedNames(Sequence[str]):
    """Names of rows that have none: `row 0`, `row 1` ..."""

    def __init__(self, count: int, noun: str) -> None:
        self._count, self._noun = count, noun

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return f"{self._noun} {_checked(index, self._count)}"


class SampleList(Sequence[Sample]):
    """The samples of a dataset. Each `Sample` is created on access."""

    def __init__(
        self,
        names: Sequence[str],
        labels: Iterable[str | None],
        from_folders: bool = False,
        without_image: Collection[int] = (),
    ) -> None:
        """Takes one label per name. Raises ValueError when there are more or fewer.

        Args:
            from_folders: the labels are names of folders in the names of the samples.
            without_image: positions of the samples that are rows of a table that match no image.
        """
        codes: dict[str, int] = {}
        ids: dict[str, int] = {}

        def code_of(label: str) -> int:
            if label not in codes:
                codes[label] = ids.setdefault(unicodedata.normalize("NFC", label), len(ids))
            return codes[label]

        self._names, self.from_folders, self.without_image = names, from_folders, without_image
        self._codes = np.fromiter((-1 if label is None else code_of(label) for label in labels), np.int32)
        self.labels = tuple(ids)  # the distinct labels
        if len(self._codes) != len(names):
            raise ValueError(f"{len(names)} names with {len(self._codes)} labels")

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples."""
        return self._names

    @property
    def unlabelled(self) -> np.ndarray:
        """Positions of the samples without a label, ascending."""
        return np.flatnonzero(self._codes < 0)

    @property
    def counts(self) -> np.ndarray:
        """Number of images per label, in the order of `labels`."""
        with_image = np.ones(len(self), bool)
        with_image[list(self.without_image)] = False
        return np.bincount(self._codes[with_image & (self._codes >= 0)], minlength=len(self.labels))

    @property
    def n_without_image(self) -> int:
        """How many of the samples are rows of a table that match no image."""
        return len(self.without_image)

    def label_of_folder(self) -> dict[str, str]:
        """The label of each folder that holds labelled samples, see `folder_label`, if the labels are from folders."""
        pairs = zip(self._names, self._codes.tolist(), strict=True)
        return {folder_label(name): self.labels[code] for name, code in pairs if code >= 0}

    def labelled_by_path(self, folders: Container[str]) -> SampleList:
        """The same samples; the labelled ones in these folders, such as `cat/hard/`, have this path as their label."""
        names = (*self.labels, None)  # None is the label with the code -1
        labels = (
            folder if code >= 0 and (folder := folder_label(name)) in folders else names[code]
            for name, code in zip(self._names, self._codes.tolist(), strict=True)
        )
        return SampleList(self._names, labels, self.from_folders, self.without_image)

    def renamed(self, new: Mapping[str, str]) -> SampleList:
        """The same samples with other labels. `new` gives different labels different names; others stay."""
        copy = SampleList.__new__(SampleList)
        copy._names, copy._codes = self._names, self._codes
        copy.from_folders, copy.without_image = self.from_folders, self.without_image
        copy.labels = tuple(unicodedata.normalize("NFC", new.get(label, label)) for label in self.labels)
        return copy

    def at(self, positions: np.ndarray) -> SampleList:
        """The samples at these positions (n,), counted from 0 again. All samples must have an image."""
        names = (*self.labels, None)  # None is the label with the code -1
        labels = (names[code] for code in self._codes[positions].tolist())
        return SampleList(PackedNames(self._names[i] for i in positions.tolist()), labels, self.from_folders)

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = _checked(index, len(self))
        code = int(self._codes[index])
        return Sample(index, self._names[index], None if code < 0 else self.labels[code])


def folder_label(name: str) -> str:
    """The path of the folder that holds a file, with composed accents and a slash at its end; "" at the top level."""
    return unicodedata.normalize("NFC", name[: name.rfind("/") + 1])


def distinct_labels(samples: SampleList) -> tuple[str, ...]:
    """The distinct labels, in the order of their first samples."""
    return samples.labels


def label_counts(samples: SampleList) -> dict[str, int]:
    """Number of images per label; 0 for one that only rows without an image have."""
    return dict(zip(samples.labels, samples.counts.tolist(), strict=True))


def _checked(index: int, length: int) -> int:
    if not -length <= index < length:
        raise IndexError(index)
    return index % length
