"""Brings the JSON that labelling tools and pandas write into one form: a list of records of file and label.

Sources of the layouts: https://docs.voxel51.com (FiftyOneImageClassificationDataset), https://labelstud.io/guide/export,
https://docs.aws.amazon.com/sagemaker/latest/dg/sms-data-output.html (image classification),
https://cloud.google.com/vertex-ai/docs/image-data/classification/prepare-data, https://www.robots.ox.ac.uk/~vgg/software/via (project and annotations), pandas.DataFrame.to_json (orient)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.core.datasets.columns import FILE_COLUMNS, LABEL_COLUMNS, column_among
from dashboard.core.datasets.file_names import is_image_name
from dashboard.core.datasets.table_rows import refused

FILE, LABEL = "file", "label"
_VIA = frozenset({"filename", "regions", "file_attributes"})
_METADATA = "-metadata"  # ends the key of what AWS says about a label


def as_records(name: str, value: object) -> object:
    """A list of records, or the value itself if it has none of these layouts.

    Args:
        name: of the file, for messages.

    Raises:
        DatasetError: it is not certain what names the images; code `labels_file`.
        Exception: the content contradicts its layout; see `core.parsing`.
    """
    if isinstance(value, list):
        return [_flat(each) for each in value] if all(isinstance(each, dict) for each in value) else value
    if not isinstance(value, dict) or not value:
        return value
    if isinstance(value.get("labels"), dict) and "classes" in value:
        return _fiftyone(value["labels"], value["classes"])
    of_via = value.get("_via_img_metadata", value)
    if isinstance(of_via, dict) and all(isinstance(each, dict) and _VIA.issubset(each) for each in of_via.values()):
        return [_of_via(each) for each in of_via.values()]
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return [dict(zip(value["columns"], row, strict=True)) for row in value["data"]]
    if all(isinstance(each, dict) for each in value.values()):
        if _has_columns(value):
            [rows, *others] = map(list, value.values())
            if all(other == rows for other in others):
                return [{column: cells[row] for column, cells in value.items()} for row in rows]
        elif all(column_among(list(each), LABEL_COLUMNS) for each in value.values()):
            return _of_files(name, value)
    lists = [each for each in value.values() if isinstance(each, list) and each and isinstance(each[0], dict)]
    return as_records(name, lists[0]) if len(lists) == 1 else value


def _has_columns(record: Mapping[str, Any]) -> bool:
    columns = list(record)
    return bool(column_among(columns, FILE_COLUMNS) and column_among(columns, LABEL_COLUMNS))


def _of_files(name: str, value: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records of an object whose keys are files, or only the numbers of rows, as pandas writes them.

    Where both may be, a wrong guess would give images the labels of others.
    """
    columns = [column_among(list(record), FILE_COLUMNS) for record in value.values()]
    files = [record[column] if column else "" for record, column in zip(value.values(), columns, strict=True)]
    if not any(map(is_image_name, value)) and all(is_image_name(str(file)) for file in files):
        return [dict(record) for record in value.values()]
    if all(map(str.isdecimal, value)) and any(columns):
        column = next(filter(None, columns))
        raise refused(
            name, f"it is not certain whether its keys or its values of {column!r} name the images",
            'Write a list of records: [{"file": "a.png", "label": "cat"}, ...].',
        )  # fmt: skip
    return [{**record, FILE: file} for file, record in value.items()]


def _fiftyone(labels: Mapping[str, Any], classes: list[str] | None) -> list[dict[str, Any]]:
    """FiftyOne's labels.json. Its numbers are places in its list of classes."""

    def name_of(label: Any) -> Any:
        label = label.get("label") if isinstance(label, dict) else label
        if not (classes and isinstance(label, int)):
            return label
        return classes[label] if 0 <= label < len(classes) else f"id {label}"

    return [{FILE: file, LABEL: name_of(label)} for file, label in labels.items()]


def _of_via(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the VGG Image Annotator: what is said about the image; else what is said about all its regions."""
    if about := {key: value for key, value in (record["file_attributes"] or {}).items() if value not in ("", {}, None)}:
        return {FILE: record["filename"], **about}
    regions = record["regions"].values() if isinstance(record["regions"], dict) else record["regions"]
    found: dict[str, list[Any]] = {}
    for region in regions:
        for key, value in region["region_attributes"].items():
            found.setdefault(key, []).append(value)
    return {FILE: record["filename"], **found}


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """A record of Label Studio, AWS or Vertex AI with its file and label at the top level; any other stays."""
    if isinstance(record.get("data"), dict) and isinstance(record.get("annotations"), list):
        given = [each for each in record["annotations"] if not each.get("was_cancelled")]
        results = [result["value"] for each in given for result in each.get("result", [])]
        chosen = [choice for result in results for choice in result.get("choices", [])]
        file = column_among(list(record["data"]), FILE_COLUMNS)
        return {FILE: record["data"][file], LABEL: chosen} if file else record
    if isinstance(about := record.get("classificationAnnotation"), dict):
        return {FILE: record.get("imageGcsUri"), LABEL: about.get("displayName")}
    if "source-ref" in record:
        named = [each for key, each in record.items() if key.endswith(_METADATA) and isinstance(each, dict)]
        return {FILE: record["source-ref"], LABEL: [each["class-name"] for each in named if "class-name" in each]}
    return record
