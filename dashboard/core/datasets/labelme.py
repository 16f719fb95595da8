"""The annotations of one image by LabelMe: the class of the image is the one of all its shapes; without shapes, its flag.

Source of the layout: https://github.com/wkentaro/labelme
"""

from __future__ import annotations

from typing import Any, TypeGuard

from dashboard.core.images.file_size import MAX_FILE_BYTES

MOST_BYTES = 2 * MAX_FILE_BYTES  # of a file, which may hold the image itself


def is_labelme(value: object) -> TypeGuard[dict[str, Any]]:
    """True for a JSON object that has LabelMe's list of shapes and the path of the image."""
    return isinstance(value, dict) and isinstance(value.get("shapes"), list) and "imagePath" in value


def labels_in(value: dict[str, Any]) -> list[Any]:
    """The labels of the shapes; without shapes, the flags that are true. May raise any exception."""
    if value["shapes"]:
        return [shape["label"] for shape in value["shapes"]]
    return [flag for flag, is_set in (value.get("flags") or {}).items() if is_set is True]
