"""Annotations in COCO's JSON: the category of an image is the one of all its annotations.

Source of the layout: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from typing import Any, TypeGuard

from dashboard.core.datasets.label_value import as_label, several_labels
from dashboard.core.datasets.table_rows import LabelsTable, checked, file_name_of, refused
from dashboard.core.errors import ImageError, listed

_LISTS = ("images", "annotations", "categories")


def is_coco(value: object) -> TypeGuard[dict[str, Any]]:
    """True for a JSON object that has COCO's list of images and at least one of its other lists."""
    return isinstance(value, dict) and isinstance(value.get("images"), list) and any(key in value for key in _LISTS[1:])


def coco_rows(name: str, coco: dict[str, Any]) -> LabelsTable:
    """A row for each image. Categories that no annotation uses don't matter.

    Raises:
        DatasetError: the annotations have no categories, or no image has exactly one.
        KeyError, TypeError, ValueError: the JSON has another structure.
    """
    names = {each["id"]: as_label(each.get("name", each["id"])) for each in coco.get("categories", [])}
    used: dict[object, dict[object, None]] = {}  # id of the image -> ids of its categories, in their order
    for annotation in coco.get("annotations", []):
        if "category_id" in annotation:
            used.setdefault(annotation["image_id"], {})[annotation["category_id"]] = None
    if not used:
        raise refused(
            name, "its annotations have no categories, so they say nothing about classes",
            "Give the file with the annotations of objects (instances_...json), or a labels file.",
        )  # fmt: skip
    files: list[str] = []
    labels: list[str | None] = []
    faults: dict[int, ImageError] = {}
    for row, image in enumerate(coco["images"]):
        files.append(file_name_of(image["file_name"]))
        categories = list(used.get(image["id"], ()))
        unknown = [str(each) for each in categories if each not in names]
        different = list(dict.fromkeys(str(names[each]) for each in categories if each in names))
        labels.append(different[0] if len(different) == 1 and not unknown else None)
        if unknown:
            faults[row] = ImageError(
                f"{name} gives this image the category {listed(unknown)}, which is not in its list of categories.",
                "Add the category to the list, or export the annotations again.", "label_unknown",
            )  # fmt: skip
        elif len(different) > 1:
            faults[row] = several_labels(name, different, "categories")
    return checked(LabelsTable(name, tuple(files), tuple(labels), (), faults))
