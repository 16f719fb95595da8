"""Which columns or features of a table hold images and labels, by their names."""

from __future__ import annotations

from collections.abc import Sequence

FILE_COLUMNS = (
    "file", "file_name", "filename", "file_path", "filepath", "path", "image", "image_name", "image_path", "img", "name",
    "image_id", "id",
)  # fmt: skip  # the surest first
LABEL_COLUMNS = (
    "label", "labels", "true_label", "class", "class_name", "category", "target", "y", "class_id", "label_name",
)  # fmt: skip
IMAGE_KEYS = ("images", "x_test", "test_images", "x", "image", "data", "x_train", "train_images", "imgs", "arr_0")
LABEL_KEYS = ("labels", "y_test", "test_labels", "y", "label", "targets", "y_train", "train_labels", "arr_1")

IMAGE_FEATURES = (
    "image/encoded", "image", "img", "images", "image_bytes", "image_raw", "jpeg", "png", "jpg", "bytes", "content",
)  # fmt: skip  # the surest first
LABEL_FEATURES = (
    "image/class/text", "label_name", "class_name", "label", "labels", "fine_label", "class", "category", "target",
    "image/class/label", "class_id", "y", "cls",
)  # fmt: skip  # text before numbers, which may count from 1
NAME_FEATURES = ("image/filename", "file_name", "filename", "file", "path", "name")


def column_among(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column that has the first of the wanted names that occurs, without regard to case; None when none does."""
    by_key = {column.strip().casefold().replace(" ", "_"): column for column in reversed(columns)}
    return next((by_key[name] for name in wanted if name in by_key), None)


def key_among(keys: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first of the wanted keys that is there, without regard to case."""
    by_key = {key.casefold(): key for key in reversed(keys)}
    return next((by_key[name] for name in wanted if name in by_key), None)
