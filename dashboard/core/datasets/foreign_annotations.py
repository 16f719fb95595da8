"""Says that files beside images are annotations by a program whose format is not read, or not for these images."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from dashboard.core.datasets.file_names import is_image_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelme import MOST_BYTES, is_labelme
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.errors import ImageError, counted
from dashboard.core.parsing import parse_json

_FIRST_BYTES = 4096
_MOST_TEXTS = 20  # files that are looked at
_LINES = 3  # of each that are looked at
_LEAST_OF_BOX = 4  # numbers behind the class: the box; an outline, key points or the confidence have more
_LARGEST_SHARE = 1.01  # of the image's width or height, with rounding errors
_BOXES = (
    "boxes or outlines of objects in the format of YOLO's object detection, which are not read: only images with one "
    "class each can be evaluated. For labels, put each image into a folder that is called like its class, or write a "
    "table labels.csv with `file,label` in its first line."
)
_LIST = (
    "lines that begin with an image, so perhaps a list of its labels, which is read only as CSV. For labels, save it as "
    "labels.csv, with `file,label` in its first line and a comma between file and label."
)
_PERHAPS_CLASSES = (
    "one word or number in each, perhaps the class of the image. They are not used, since the folders of the images may be "
    "the classes. To use them instead, write a table labels.csv with `file,label` in its first line."
)
_NEARLY_ALL = 0.9  # share of the images
_PROGRAMS = ((b"<annotations", "CVAT for images"), (b"<annotation", "Pascal VOC"))  # XML; the longer word first


def about_annotations(source: FileSource, unused: Sequence[int]) -> tuple[str, ...]:
    """A note on annotations among the files at these positions, which are not used; nothing if the first XML or JSON file is none.

    Lists of images in text files are told, too, and boxes.
    """
    notes = []
    for suffix, format_of in ((".xml", _xml_format), (".json", _json_format)):
        found = [i for i in unused if suffix_of(source.names[i]) == suffix]
        if found and (told := format_of(source, found[0])):
            notes.append(f"{_named(source, found)}: {told}")
    texts = [i for i in unused if suffix_of(source.names[i]) == ".txt"]
    stems = {file_stem(name) for name in source.names if is_image_name(name)} if texts else set()
    of_images = [i for i in texts if file_stem(source.names[i]) in stems]
    if hold_boxes(source, of_images):
        notes.append(f"{_named(source, of_images)}: {_BOXES}")
        texts = [i for i in texts if file_stem(source.names[i]) not in stems]
    if lists := _lists_of_images(source, texts[:_MOST_TEXTS], stems):
        notes.append(f"{_named(source, lists)}: {_LIST}")
    return tuple(notes)


def about_texts(source: FileSource, unused: Sequence[int], images: Sequence[str]) -> tuple[str, ...]:
    """A note on text files at these positions that nearly all images in folders have, and that hold boxes or classes.

    Args:
        images: the names of the images.
    """
    texts = [i for i in unused if suffix_of(source.names[i]) == ".txt"]
    stems = set(map(file_stem, images)) if texts else set()
    found = [i for i in texts if file_stem(source.names[i]) in stems]
    if len(found) < _NEARLY_ALL * len(images):
        return ()
    if hold_boxes(source, found):
        return (f"{_named(source, found)}: {_BOXES}",)
    words = [_first_lines(source, i) for i in found[:_MOST_TEXTS]]
    one_each = all(len(lines) == 1 and len(lines[0]) == 1 for lines in words)
    return (f"{_named(source, found)}: {_PERHAPS_CLASSES}",) if one_each else ()


def hold_boxes(source: FileSource, positions: Sequence[int]) -> bool:
    """True if the text files at these positions, as far as looked at, hold boxes around objects or nothing.

    Each line is a class id and the centre and size of a box, or more numbers, in shares of the image's width and height:
    https://docs.ultralytics.com/datasets/detect/
    """
    lines = [words for i in positions[:_MOST_TEXTS] for words in _first_lines(source, i)]
    return bool(lines) and all(map(_is_box, lines))


def _is_box(words: Sequence[str]) -> bool:
    id_, *numbers = words
    if not id_.isdecimal() or len(numbers) < _LEAST_OF_BOX or not any("." in number for number in numbers):
        return False
    try:
        return all(0 <= float(number) <= _LARGEST_SHARE for number in numbers[:_LEAST_OF_BOX])
    except ValueError:
        return False


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


def _lists_of_images(source: FileSource, positions: Sequence[int], stems: Collection[str]) -> list[int]:
    """The text files whose lines name images and something else, such as `images/1.jpg 3`.

    Args:
        stems: names of the images without folder and suffix.
    """
    return [
        position
        for position in positions
        if (lines := _first_lines(source, position))
        and all(len(words) > 1 and file_stem(words[0]) in stems for words in lines)
    ]


def _first_lines(source: FileSource, position: int) -> list[list[str]]:
    """The words of the first lines that are not blank; [] if the file cannot be read or is no text in UTF-8."""
    with contextlib.suppress(ImageError, UnicodeDecodeError):
        lines = source.read(position, _FIRST_BYTES).decode().splitlines()[:_LINES]
        return [words for line in lines if (words := line.split())]
    return []
