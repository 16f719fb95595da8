"""Says that files beside images are annotations by a program whose format is not read, or not for these images."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from dashboard.core.datasets.file_names import is_image_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelme import MOST_BYTES, is_labelme
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.errors import ImageError, counted
from dashboard.core.files import parse_json

_FIRST_BYTES = 4096
_MOST_LISTS = 20
_LINES = 3  # that are looked at
_LIST = (
    "lines that begin with an image, so perhaps a list of its labels, which is read only as CSV. For labels, save it as "
    "labels.csv, with `file,label` in its first line and a comma between file and label."
)
_PROGRAMS = ((b"<annotations", "CVAT for images"), (b"<annotation", "Pascal VOC"))  # XML; the longer word first


def about_annotations(source: FileSource, ignored: Sequence[int]) -> tuple[str, ...]:
    """A note on annotations among the ignored files at these positions; nothing if the first XML or JSON file is none.

    Lists of images in text files are told, too.
    """
    notes = []
    for suffix, format_of in ((".xml", _xml_format), (".json", _json_format)):
        found = [i for i in ignored if suffix_of(source.names[i]) == suffix]
        if found and (told := format_of(source, found[0])):
            notes.append(f"{_named(source, found)}: {told}")
    if lists := _lists_of_images(source, [i for i in ignored if suffix_of(source.names[i]) == ".txt"][:_MOST_LISTS]):
        notes.append(f"{_named(source, lists)}: {_LIST}")
    return tuple(notes)


def _named(source: FileSource, positions: Sequence[int]) -> str:
    others = f" and {counted(len(positions) - 1, 'other file')}" if positions[1:] else ""
    return source.names[positions[0]] + others


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


def _lists_of_images(source: FileSource, positions: Sequence[int]) -> list[int]:
    """The text files whose lines name images and something else, such as `images/1.jpg 3`."""
    stems = {file_stem(name) for name in source.names if is_image_name(name)} if positions else set()
    found = []
    for position in positions:
        with contextlib.suppress(ImageError, UnicodeDecodeError):
            lines = source.read(position, _FIRST_BYTES).decode().splitlines()[:_LINES]
            words = [line.split() for line in lines if line.strip()]
            if words and all(len(each) > 1 and file_stem(each[0]) in stems for each in words):
                found.append(position)
    return found
