"""Says that files beside images are annotations by a program whose format is not read, or not for these images."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from dashboard.core.datasets.file_names import suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelme import MOST_BYTES, is_labelme
from dashboard.core.errors import ImageError, counted
from dashboard.core.files import parse_json

_FIRST_BYTES = 4096
_PROGRAMS = ((b"<annotations", "CVAT for images"), (b"<annotation", "Pascal VOC"))  # XML; the longer word first


def about_annotations(source: FileSource, ignored: Sequence[int]) -> tuple[str, ...]:
    """A note on annotations among the ignored files at these positions; nothing if the first XML or JSON file is none."""
    notes = []
    for suffix, format_of in ((".xml", _xml_format), (".json", _json_format)):
        found = [i for i in ignored if suffix_of(source.names[i]) == suffix]
        if found and (told := format_of(source, found[0])):
            files = source.names[found[0]] + (f" and {counted(len(found) - 1, 'other file')}" if found[1:] else "")
            notes.append(f"{files}: {told}")
    return tuple(notes)


def _xml_format(source: FileSource, position: int) -> str:
    with contextlib.suppress(ImageError):
        head = source.read(position, _FIRST_BYTES)
        if program := next((program for mark, program in _PROGRAMS if mark in head), ""):
            return (
                f"annotations in the format of {program}, which is not read. "
                "For labels, save them as COCO's JSON, or write a table of file and label."
            )
    return ""


def _json_format(source: FileSource, position: int) -> str:
    with contextlib.suppress(ImageError, ValueError, RecursionError):
        if is_labelme(parse_json(source.read(position, MOST_BYTES).decode())):
            return (
                "annotations by LabelMe. They are read only if 90% of the images have one that is called like them, and "
                "the images lie in no class folders. For labels, annotate the other images too, or leave them out."
            )
    return ""
