"""Which columns or features of a table hold images and labels, by their names."""

from __future__ import annotations

IMAGE_FEATURES = (
    "image/encoded", "image", "img", "images", "image_bytes", "image_raw", "jpeg", "png", "jpg", "bytes", "content",
)  # fmt: skip  # the surest first
LABEL_FEATURES = (
    "image/class/text", "label_name", "class_name", "label", "labels", "fine_label", "class", "category", "target",
    "image/class/label", "class_id", "y", "cls",
)  # fmt: skip  # text before numbers, which may count from 1
NAME_FEATURES = ("image/filename", "file_name", "filename", "file", "path", "name")
