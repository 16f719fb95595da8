"""Images in NumPy arrays: an .npz with images and labels, or an .npy of images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from dashboard.core.datasets.array_form import about_predictions, check_images
from dashboard.core.datasets.array_splits import ArraysOfSplit, arrays_by_split
from dashboard.core.datasets.class_map import SAME_NAME, ClassMap, names_of_numbers
from dashboard.core.datasets.columns import CLASS_NAMES_KEYS, IMAGE_KEYS, LABEL_KEYS, column_among
from dashboard.core.datasets.image_files import joint_fingerprint
from dashboard.core.datasets.label_notes import about_missing
from dashboard.core.datasets.label_value import as_label
from dashboard.core.datasets.npy import StoredArray, keys_of, open_npy
from dashboard.core.datasets.sample_list import NumberedNames, SampleList
from dashboard.core.datasets.split_choice import Split, SplitChoice, choose_split
from dashboard.core.errors import DatasetError, ImageError, listed
from dashboard.core.files import sha256_of
from dashboard.core.images.decoding import DecodedImage
from dashboard.core.images.drawing import encode_png
from dashboard.core.labels.names_file import NumberedNames as NamesOfNumbers
from dashboard.core.parsing import reason
from dashboard.core.questions import Question

NO_LABELS = "The file holds no labels, so the images are predicted, but not compared."
_LIKE_LABELS = re.compile(r"label|class|target|categor", re.IGNORECASE)
_ROWS = 65536  # labels that are read at a time
_PIECE_BYTES = 2**26  # the most that they take
_MOST_LABEL_BYTES = 2**14  # of one label as text; compressed, a small file holds labels of gigabytes
_MOST_NAMES_BYTES = 2**25  # of the names of classes; compressed, a small file holds gigabytes of them


class ArrayImages:
    """See `Dataset`."""

    questions: tuple[Question, ...] = ()
    split = ""  # the one in use, if there are several
    names_files: tuple[Path, ...] = ()  # say what the labels mean that are numbers, see `give_names`

    def __init__(
        self, path: Path, arrays: Mapping[str, StoredArray], files: Sequence[Path] = (), split: str = ""
    ) -> None:
        """Raises DatasetError when the arrays are not images (N, H, W, C) uint8 and labels (N,), or have no such split.

        Args:
            arrays: the arrays in the file at `path`, by key.
            files: the files that hold them, if these are not the one at `path`.
            split: of several in the file, the one that the user chose; "" if none.
        """
        self.path, self._files = path, tuple(files) or (path,)
        splits = arrays_by_split(list(arrays))
        choice = _choose_split(arrays, splits, path.name, split) if splits else None
        if choice:
            keys = splits[choice.splits[0]]
            self._images, labels = arrays[keys.images], arrays[keys.labels] if keys.labels else None
        else:
            self._images, labels = _choose(arrays, path.name)
        check_images(self._images)
        self.samples = SampleList(
            NumberedNames(len(self._images), "image"),
            read_labels(labels, len(self._images)) if labels else [None] * len(self._images),
        )
        self.notes: tuple[str, ...] = (
            (f"Images are read from {self._images.name}, labels from {labels.name}.",) if labels else (NO_LABELS,)
        )
        names, notes = names_of_numbers(self.samples.labels, _class_names(arrays))
        self.samples, self.notes = self.samples.renamed(names), (*self.notes, *notes)
        if labels:
            self.notes += about_missing(len(self.samples.unlabelled), "image")
        if labels and not choice:
            self.notes = (*self.notes, *_about_others(arrays, self._images, labels))
        if choice:
            self.questions, self.notes, self.split = (choice.question,), (choice.note, *self.notes), choice.splits[0]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files, and the split if there are several."""
        parts = [*map(sha256_of, (*self._files, *self.names_files)), *filter(None, [self.split])]
        return joint_fingerprint(*parts) if len(parts) > 1 else parts[0]

    def attributes(self) -> None:
        """See `Dataset`."""

    def file(self, index: int) -> bytes:
        """See `Dataset`. The image is encoded as PNG."""
        return encode_png(self.image(index))

    def image(self, index: int, shrink_to: tuple[int, int] | None = None) -> np.ndarray:
        """See `Dataset`."""
        try:
            [pixels] = self._images.rows(index, 1)
        except OSError as error:
            raise ImageError(f"The image cannot be read ({error}).", "Copy the file again.", "unreadable") from error
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))

    def decoded(self, index: int, shrink_to: tuple[int, int] | None = None) -> DecodedImage:
        """See `Dataset`."""
        return DecodedImage(self.image(index))


def read_labels(labels: StoredArray, count: int) -> list[str | None]:
    """Reads labels (N,) or (N, 1), whole numbers or text, or one-hot (N, classes). Raises DatasetError when N is not `count`."""
    shape, kind = labels.header.shape, labels.header.dtype.kind
    one_hot = len(shape) == 2 and shape[1] > 1
    if len(shape) > 2 or (len(shape) == 2 and not shape[1]):
        raise DatasetError(
            f"{labels.name} has the shape {shape}; one label per image is needed.",
            "Save one class id or name per image.", "array_shape",
        )  # fmt: skip
    if shape[0] != count:
        raise DatasetError(
            f"{labels.name} has {shape[0]:,} labels for {count:,} images.",
            "Save one label per image, in the same order.", "label_count",
        )  # fmt: skip
    if kind in "US" and labels.header.row_bytes > _MOST_LABEL_BYTES:
        raise DatasetError(
            f"{labels.name} has {labels.header.row_bytes:,} bytes for each label, more than {_MOST_LABEL_BYTES:,}.",
            "Save class ids or names.", "array_labels",
        )  # fmt: skip
    pieces = labels.pieces(max(1, min(_ROWS, _PIECE_BYTES // max(1, labels.header.row_bytes))))
    try:
        if one_hot:
            return [str(column) for piece in pieces for column in _columns_of_ones(piece, labels.name)]
        if kind == "b":
            raise ValueError("true and false are not labels")
        return [as_label(value) for piece in pieces for value in piece.ravel().tolist()]
    except (OSError, ValueError) as error:
        raise DatasetError(
            f"{labels.name} cannot be used as labels: {error}.", "Save class ids or names.", "array_labels"
        ) from error


def _columns_of_ones(rows: np.ndarray, name: str) -> list[int]:
    """The column of the 1 in each row. Raises DatasetError if a row has anything else than one 1 and zeros."""
    numbers = rows.dtype.kind in "biuf"
    ones = rows == 1 if numbers else np.zeros(rows.shape, bool)
    if not numbers or not (ones | (rows == 0)).all() or (ones.sum(axis=1) != 1).any():
        raise DatasetError(
            f"{name} has {rows.shape[1]} columns, but not every row has one 1 and otherwise 0, as one-hot labels have.",
            "Save one class id or name per image. If the columns are probabilities, save y.argmax(axis=1).", "array_shape",
        )  # fmt: skip
    return [int(column) for column in ones.argmax(axis=1)]


def _about_others(arrays: Mapping[str, StoredArray], images: StoredArray, labels: StoredArray) -> tuple[str, ...]:
    """The note on other arrays that may hold the labels."""
    shapes = ((len(images),), (len(images), 1))
    others = [
        key for key, array in arrays.items()
        if array not in (images, labels) and array.header.shape in shapes
        and (_LIKE_LABELS.search(key) or column_among([key.rpartition("/")[2]], LABEL_KEYS))
    ]  # fmt: skip
    name = labels.name.rpartition(": ")[2]
    return (f"Other arrays may hold labels too: {listed(others)}. They are not used, {name} is.",) if others else ()


def _class_names(arrays: Mapping[str, StoredArray]) -> list[ClassMap]:
    """The array that lists the names of the classes, if there is one."""
    found = column_among(list(arrays), CLASS_NAMES_KEYS)
    if found is None:
        return []
    names, header = arrays[found], arrays[found].header
    if len(header.shape) != 1 or header.dtype.kind not in "US" or len(names) * header.row_bytes > _MOST_NAMES_BYTES:
        return [ClassMap(names.name, NamesOfNumbers({}), f"it has the shape {header.shape} of {header.dtype}")]
    try:
        values = [as_label(value) for piece in names.pieces(_ROWS) for value in piece.tolist()]
    except (OSError, ValueError) as error:
        return [ClassMap(names.name, NamesOfNumbers({}), reason(error))]
    by_number = {number: value for number, value in enumerate(values) if value is not None}
    fault = SAME_NAME if len(set(by_number.values())) < len(values) else ""
    return [ClassMap(names.name, NamesOfNumbers(by_number, is_list=True), fault)]


def labels_beside(path: Path) -> Path | None:
    """The .npy of labels beside one of as many images: labels.npy beside images.npy, y_test.npy beside x_test.npy.

    Raises:
        OSError: the folder cannot be read.
    """
    if path.suffix.lower() != ".npy" or column_among([path.stem], IMAGE_KEYS) is None:
        return None
    others = {each.stem: each for each in path.parent.iterdir() if each.suffix.lower() == ".npy" and each.is_file()}
    of_split = [stem for stem in others if _split_of(stem) == _split_of(path.stem)]
    of_any = [stem for stem in others if _split_of(stem) in (_split_of(path.stem), "")]  # labels.npy beside x_test.npy
    found = column_among(of_split, LABEL_KEYS) or column_among(of_any, LABEL_KEYS)
    if found is None:
        return None
    try:
        return others[found] if len(open_npy(others[found])) == len(open_npy(path)) else None
    except DatasetError:
        return None


def _split_of(stem: str) -> str:
    return next((split for split in ("train", "test", "val") if split in stem.lower()), "")


def open_arrays(path: Path, files: Sequence[Path]) -> ArrayImages:
    """The images, and perhaps the labels, in .npy files. Raises DatasetError."""
    keys = keys_of([file.as_posix() for file in files])
    return ArrayImages(path, {key: open_npy(file) for key, file in zip(keys, files, strict=True)}, files)


def _choose_split(
    arrays: Mapping[str, StoredArray], splits: Mapping[str, ArraysOfSplit], name: str, wanted: str
) -> SplitChoice:
    sizes = [Split(split, (keys.images,), len(arrays[keys.images]), "image") for split, keys in splits.items()]
    return choose_split(name, sizes, wanted, lambda split: splits[split].labels is not None, may_pool=False)


def _choose(arrays: Mapping[str, StoredArray], name: str) -> tuple[StoredArray, StoredArray | None]:
    """The array of images, and the array of labels or None."""
    keys = list(arrays)
    if len(keys) == 1:
        return arrays[keys[0]], None
    images, labels = column_among(keys, IMAGE_KEYS), column_among(keys, LABEL_KEYS)
    same_split = images and labels and ("train" in images) == ("train" in labels)
    if not images or not labels or not same_split:
        # several uploads are packed into one ZIP, whose name nobody knows
        what = name if name.endswith(".npz") else "These .npy files"
        found = ", ".join(f"{key[:40]} {a.header.shape} {a.header.dtype}" for key, a in list(arrays.items())[:12])
        why = "it is not clear which array holds the images and which the labels"
        if all(len(array.header.shape) < 3 for array in arrays.values()):
            why = "no array has the shape of images, (N, height, width) or (N, height, width, 3)"
        raise DatasetError(
            f"{what}: {why}. Found: {found or 'no array'}.",
            "Save images and labels with np.savez(file, images=..., labels=...), or as images.npy and labels.npy."
            + about_predictions(arrays.values()), "array_keys",
        )  # fmt: skip
    return arrays[images], arrays[labels]
