"""Annotations in COCO's JSON: the category of an image is the one of all its annotations.

Source of the layout: https://cocodataset.org/#format-data
"""

from __future__ import annotations

from typing import Any, TypeGuard

from dashboard.core.datasets.label_value import OF_THIS_IMAGE, as_label, several_labels
from dashboard.core.datasets.table_rows import LabelsTable, checked, file_name_of, refused
from dashboard.core.errors import ImageError, listed

_LISTS = ("images", "annotations", "categories")


def is_coco(value: object) -> TypeGuard[dict[str, Any]]:
    """True for a JSON object that has COCO's list of images and at least one of its other lists."""
    return isinstance(value, dict) and isinstance(value.get("images"), list) and any(key in value for key in _LISTS[1:])


def coco_rows(name: str, coco: dict[str, Any]) -> LabelsTable:
    """A row for each image. Categories that no annotation uses don't matter.

    An id that occurs twice, as after joining two exports, leaves its images without a certain label.

    Raises:
        DatasetError: the annotations have no categories, or no image has exactly one.
        KeyError, TypeError, ValueError: the JSON has another structure.
    """
    names: dict[object, dict[str, None]] = {}  # id of the category -> its names, in their order
    for each in coco.get("categories", []):
        names.setdefault(each["id"], {})[str(as_label(each.get("name", each["id"])))] = None
    used: dict[object, dict[object, None]] = {}  # id of the image -> ids of its categories, in their order
    alone: dict[object, dict[object, None]] = {}  # what images of one category share, since there may be millions
    for annotation in coco.get("annotations", []):
        if "category_id" in annotation:
            image_id, category = annotation["image_id"], annotation["category_id"]
            found = used.setdefault(image_id, alone.setdefault(category, {category: None}))
            if category not in found:
                if len(found) == 1:
                    found = used[image_id] = dict(found)
                found[category] = None
    if not used:
        raise refused(
            name, "its annotations have no categories, so they say nothing about classes",
            "Give the file with the annotations of objects (instances_...json), or a labels file.",
        )  # fmt: skip
    file_of: dict[object, object] = {}
    sharing: dict[object, set[object]] = {}  # id of several images -> their files
    for image in coco["images"]:
        if (file := file_of.setdefault(image["id"], image["file_name"])) != image["file_name"]:
            sharing.setdefault(image["id"], {file}).add(image["file_name"])
    files: list[str] = []
    labels: list[str | None] = []
    faults: dict[int, ImageError] = {}
    for row, image in enumerate(coco["images"]):
        files.append(file_name_of(image["file_name"]))
        categories = list(used.get(image["id"], ()))
        unknown = [str(each) for each in categories if each not in names]
        different = list(dict.fromkeys(called for each in categories for called in names.get(each, ())))
        shared = len(sharing.get(image["id"], ())) if categories else 0
        labels.append(different[0] if len(different) == 1 and not unknown and not shared else None)
        if shared:
            faults[row] = ImageError(
                f"{name} {OF_THIS_IMAGE}the id {image['id']}, which {shared} images have, so its annotations are not certain.",
                "Give each image an id of its own, or export the annotations again.", "several_labels",
            )  # fmt: skip
        elif unknown:
            faults[row] = ImageError(
                f"{name} {OF_THIS_IMAGE}the category {listed(unknown)}, which is not in its list of categories.",
                "Add the category to the list, or export the annotations again.", "label_unknown",
            )  # fmt: skip
        elif ambiguous := [each for each in categories if len(names[each]) > 1]:
            faults[row] = ImageError(
                f"{name} {OF_THIS_IMAGE}the category {ambiguous[0]}, which has several names in it: "
                f"{listed(list(names[ambiguous[0]]))}.",
                "Give each category an id of its own, or export the annotations again.", "several_labels",
            )  # fmt: skip
        elif len(different) > 1:
            faults[row] = several_labels(name, different, "categories")
    return checked(LabelsTable(name, tuple(files), tuple(labels), (), faults))
