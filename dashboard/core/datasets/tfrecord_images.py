"""TFRecord files whose examples hold an image, as a file or as pixels, and a label."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from dashboard.core.datasets.choices import NO_SPLITS
from dashboard.core.datasets.columns import (
    IMAGE_FEATURES,
    LABEL_FEATURES,
    NAME_FEATURES,
    SPLIT_COLUMNS,
    column_among,
    columns_among,
)
from dashboard.core.datasets.image_files import joint_fingerprint
from dashboard.core.datasets.label_notes import about_missing, about_other_labels
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.raw_pixels import RAW_NOTE, no_image_files, raw_pixels, size_features
from dashboard.core.datasets.sample_list import NumberedNames, PackedNames, SampleList
from dashboard.core.datasets.table_splits import choose_records, splits_of
from dashboard.core.datasets.tfrecord import Feature, RecordError, features_of, read_record, walk_records
from dashboard.core.errors import DatasetError, ImageError, counted
from dashboard.core.files import sha256_of
from dashboard.core.images.decoding import DecodedImage, decode_image
from dashboard.core.images.drawing import encode_png
from dashboard.core.images.other_files import FIRST_BYTES, readable_kind
from dashboard.core.questions import Question

_GZIP = b"\x1f\x8b"


class TFRecordImages:
    """A dataset in one TFRecord file or in several shards. See `Dataset`."""

    questions: tuple[Question, ...] = ()
    names_files: tuple[Path, ...] = ()  # say what the labels mean that are numbers, see `give_names`

    def __init__(self, path: Path, files: Sequence[Path], split: str = "") -> None:
        """Raises DatasetError when a whole file is damaged, no feature holds images, or no label is usable.

        Args:
            split: of several that a feature tells, the one that the user chose; "" if none. See `choose_split`.

        Raises:
            UndecidedError: the user has to choose a split.
        """
        self.path, self._paths = path, tuple(files)
        self._file_of, self._starts = array("i"), array("q")  # one entry per record
        first: dict[str, Feature] = {}  # values of each feature, from the first record with values
        for file_number, start, features in self._examples():
            self._file_of.append(file_number)
            self._starts.append(start)
            first |= {key: values for key, values in features.items() if not first.get(key)}
        if not self._starts:
            raise DatasetError(f"{path.name} holds no records.", "Write the file again.", "tfrecord")
        self._image, label, name = _feature_names(first, path.name)
        column = column_among([key for key in first if key not in (self._image, label, name)], SPLIT_COLUMNS)
        self._sizes = size_features(list(first))
        n_read = n_raw = 0
        others_bytes: list[int] = []  # of the images that are neither files nor pixels
        faults: list[DatasetError] = []
        names: list[str | None] = []
        labels: list[str | None] = []
        missing: list[bool] = []  # True for a record that gives no label at all
        cells: list[str | None] = []  # the split of each record
        rivals = [each for each in columns_among(list(first), LABEL_FEATURES) if each not in (self._image, label, name)]
        others: dict[str, list[str | None]] = {each: [] for each in rivals}
        for _, _, features in self._examples():
            names.append(_name(features, name))
            n_faults = len(faults)
            labels.append(_label(features, label, path.name, faults))
            missing.append(bool(features) and labels[-1] is None and len(faults) == n_faults)
            cells.append(_cell(features, column))
            if data := _bytes_of(features, self._image):
                n_read += (is_file := readable_kind(data[:FIRST_BYTES]) is not None)
                n_raw += (is_raw := not is_file and raw_pixels(data, features, self._sizes) is not None)
                others_bytes += [] if is_file or is_raw else [len(data)]
            for each, values in others.items():
                values.append(_cell(features, each))
        if len(others_bytes) > 1 and len(set(others_bytes)) == 1 and not n_read and not n_raw:
            raise no_image_files(path.name, self._image, others_bytes[0], self._sizes)
        if faults and not any(labels):
            raise faults[0]
        given = [each for each in names if each]
        self.samples = SampleList(
            PackedNames(given) if len(given) == len(names) else NumberedNames(len(names), "record"), labels
        )
        rest = f", labels from {label}" if label else "; without labels, they are predicted, but not compared"
        sources = f"Images are read from the feature {self._image}{rest}."
        self.notes: tuple[str, ...] = (
            (sources, f"{counted(len(faults), 'record')} {'has' if len(faults) == 1 else 'have'} no usable label.")
            if faults
            else (sources,)
        )
        self._has_pixels = n_raw > n_read  # some pixels begin like an image file by chance
        if self._has_pixels:
            self.notes += (RAW_NOTE,)
        if label:
            self.notes += about_other_labels(path.name, label, labels, others, "features")

        self._split = ""  # the one in use, if there are several
        rows = list(range(len(labels)))
        splits = splits_of(cells, column) if column and split != NO_SPLITS else ()
        if found := choose_records(path.name, f"the feature {column}", splits, labels, split):
            positions, choice = found
            rows = positions.tolist()
            self.samples = self.samples.at(positions)
            self._file_of = array("i", (self._file_of[row] for row in rows))
            self._starts = array("q", (self._starts[row] for row in rows))
            self.questions, self.notes = (choice.question,), (choice.note, *self.notes)
            self._split = choice.question.chosen or ""
        if label:
            self.notes += about_missing(sum(missing[row] for row in rows), "record")

    def _examples(self) -> Iterator[tuple[int, int, Mapping[str, Feature]]]:
        """Yields the file number, the start and the features of each record. A damaged record has no features."""
        for number, path in enumerate(self._paths):
            try:
                with path.open("rb") as file:
                    for start, record in walk_records(file, path.stat().st_size):
                        yield number, start, _features(record)
            except RecordError as error:
                raise DatasetError(
                    f"{path.name} is damaged as a TFRecord file: {error}.", "Upload or copy it again.", "tfrecord"
                ) from error

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files, and the split if a feature tells several."""
        parts = [*map(sha256_of, (*self._paths, *self.names_files)), *filter(None, [self._split])]
        return joint_fingerprint(*parts) if len(parts) > 1 else parts[0]

    def attributes(self) -> None:
        """See `Dataset`."""

    def file(self, index: int) -> bytes:
        """See `Dataset`. Pixels without a format are encoded as PNG."""
        data, pixels = self._read(index)
        return data if pixels is None else encode_png(pixels)

    def _read(self, index: int) -> tuple[bytes, np.ndarray | None]:
        """The image of a record, and its pixels if it is no file. Raises ImageError."""
        try:
            with self._paths[self._file_of[index]].open("rb") as file:  # per read: the number of open files is limited
                record = read_record(file, self._starts[index])
            features = features_of(record)
            [data] = features.get(self._image, [])
        except (OSError, RecordError) as error:
            raise ImageError(
                f"The record of this image cannot be read ({error}).", "Write the file again.", "record"
            ) from error
        except ValueError as error:
            raise ImageError(
                "The record does not hold exactly one image.", "Write the file again.", "missing"
            ) from error
        if not isinstance(data, bytes):
            raise ImageError(
                f"The feature {self._image} holds numbers, not an image file.", "Store PNG or JPEG files.", "record"
            )
        return data, raw_pixels(data, features, self._sizes) if self._has_pixels else None

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        return self.decoded(index, shrink_to).pixels

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        data, pixels = self._read(index)
        return decode_image(data, shrink_to) if pixels is None else DecodedImage(np.ascontiguousarray(pixels))


def is_compressed(path: Path, first_bytes: bytes) -> bool:
    """True if the file is named like a TFRecord file but is compressed with gzip."""
    return first_bytes.startswith(_GZIP) and ".tfrecord" in path.name.lower()


def refuse_compressed(path: Path, first_bytes: bytes) -> None:
    """Raises DatasetError for a TFRecord file that is compressed with gzip."""
    if is_compressed(path, first_bytes):
        raise DatasetError(f"{path.name} is compressed.", "Unpack it with gunzip or 7-Zip.", "tfrecord_compressed")


def _features(record: bytes | RecordError) -> Mapping[str, Feature]:
    try:
        return {} if isinstance(record, RecordError) else features_of(record)
    except RecordError:
        return {}


def _feature_names(first: Mapping[str, Feature], file_name: str) -> tuple[str, str | None, str | None]:
    """The features that hold the image, the label and the file name. Raises DatasetError when none holds an image.

    Args:
        first: values of each feature, from the first record in which it has values.
    """
    keys = list(first)
    files = [key for key in keys if first[key] and isinstance(first[key][0], bytes)]
    image = column_among(files, IMAGE_FEATURES)
    if image is None:
        raise DatasetError(
            f"{file_name} does not say which feature holds the image; it has {', '.join(keys[:12]) or 'none'}.",
            "Write image files as the feature `image` or `image/encoded`, and `label`.", "tfrecord_features",
        )  # fmt: skip
    rest = [key for key in keys if key != image]
    return image, column_among(rest, LABEL_FEATURES), column_among([k for k in rest if k in files], NAME_FEATURES)


def _name(example: Mapping[str, Feature], key: str | None) -> str | None:
    values = example.get(key, []) if key else []
    return _cell(example, key) if values and isinstance(values[0], bytes) else None


def _bytes_of(example: Mapping[str, Feature], key: str) -> bytes | None:
    """The only value of a feature; None if it has not exactly one, or that is a number."""
    values = example.get(key, [])
    return values[0] if len(values) == 1 and isinstance(values[0], bytes) else None


def _cell(example: Mapping[str, Feature], key: str | None) -> str | None:
    """The only value of a feature as text; None if it has not exactly one."""
    values = example.get(key, []) if key else []
    if len(values) != 1:
        return None
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else str(values[0])


def _label(example: Mapping[str, Feature], key: str | None, file_name: str, faults: list[DatasetError]) -> str | None:
    """The label of an example; None if it has no usable label. The reason a value is unusable is added to `faults`."""
    values = example.get(key, []) if key else []
    if len(values) > 1:
        what = f"the feature {key} holds {len(values):,} values; one label per image is needed"
        faults.append(
            DatasetError(f"{file_name}: {what}.", "For one-hot labels, store their argmax.", "tfrecord_features")
        )
        return None
    try:
        if values and isinstance(values[0], bytes):
            return as_label(values[0].decode(errors="replace"))  # bytes that are not UTF-8 stay visible in the label
        return as_label(values[0]) if values else None
    except ValueError as error:
        faults.append(DatasetError(f"{file_name}: {error}.", "Store class ids or names.", "tfrecord_features"))
        return None
