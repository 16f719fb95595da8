"""Names for labels that are only numbers, from a small file beside the images such as class_indices.json, classes.txt or data.yaml."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from dashboard.core.datasets.file_names import is_image_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.errors import ImageError, counted, listed
from dashboard.core.labels.class_ids import IDS_UNCERTAIN, NO_ID, are_numbers
from dashboard.core.labels.names_file import (
    NAMES_SUFFIXES,
    KeyTwiceError,
    NotNamesError,
    NumberedNames,
    SeveralNamesError,
    read_names_file,
    read_two_columns,
)
from dashboard.core.parsing import reason

_NAMES_KEY = re.compile(rb"""^["']?(names|class_names|classes)["']?[ \t]*:""", re.MULTILINE)
_CLASS_LABEL = re.compile(rb"\A---\r?\n(?:(?!---\r?$).*\n)*?[ \t]*class_label:", re.MULTILINE)
_ONE_COLUMN = re.compile(rb"[^,;\t]*")
_MAX_BYTES = 2**20
_MOST_FILES = 20
_MOST_WORDS = 2
_TABLES = (".csv", ".tsv")
SAME_NAME = "it gives several numbers the same name"  # a fault
_TEXT_STEMS = re.compile(r"(class|label|categor|name|synset)", re.IGNORECASE)


@dataclass(frozen=True)
class ClassMap:
    """Names of numbers."""

    file: str  # path inside the dataset
    content: NumberedNames
    fault: str = ""  # why the names cannot be used, without a full stop
    numbers: frozenset[int] | None = None  # of a file with a fault, as far as they are known


def find_class_maps(source: FileSource, positions: Sequence[int]) -> list[ClassMap]:
    """The files that name numbers, among the files at these positions; also those that seem to, but have a fault."""
    found = []
    stems = cache(lambda: frozenset(file_stem(name) for name in source.names if is_image_name(name)))  # of all images
    candidates = [i for i in positions if _may_be_map(source.names[i])]
    candidates.sort(
        key=lambda i: suffix_of(source.names[i]) in (".json", *_TABLES) and not _is_called_so(source.names[i])
    )
    for position in candidates[:_MOST_FILES]:
        name = source.names[position]
        try:
            data = source.read(position, _MAX_BYTES + 1)
        except ImageError:
            continue
        if suffix_of(name) in _TABLES:
            if content := _two_columns(data, name, stems()):
                found.append(ClassMap(name, content))
                continue
            if not _is_called_so(name):
                continue
        seems_to = _declares_names(name, data) or (_is_called_so(name) and not _mentions_images(data, stems()))
        try:
            content = read_names_file(data, name) if len(data) <= _MAX_BYTES else NumberedNames({})
        except Exception as error:
            if isinstance(error, KeyTwiceError) or (seems_to and not isinstance(error, NotNamesError)):
                numbers = error.numbers if isinstance(error, SeveralNamesError) else None
                found.append(ClassMap(name, NumberedNames({}), reason(error), numbers))
            continue
        only_names = seems_to and _ONE_COLUMN.fullmatch(data) and "label" not in file_stem(name).lower()
        if content.is_list and suffix_of(name) in _TABLES and not only_names:
            continue  # its other columns may be names of images
        names = list(content.names.values())
        if _name_classes(names) and not _name_images(names, stems()):
            found.append(ClassMap(name, content))
        elif seems_to and len(set(names)) < len(names) and not are_numbers(names):
            found.append(ClassMap(name, content, SAME_NAME, frozenset(content.names)))
    return found


class Numbered(Protocol):
    """A dataset of records or arrays, whose labels may be numbers."""

    samples: SampleList
    notes: tuple[str, ...]
    names_files: tuple[Path, ...]  # a part of the fingerprint


def give_names(dataset: Numbered, source: FileSource, positions: Sequence[int], root: Path) -> None:
    """Gives the labels of a dataset the names in a file among those at these positions, if they are numbers."""
    labels = dataset.samples.labels
    if not are_numbers([label for label in labels if label != NO_ID]):
        return
    maps = find_class_maps(source, positions)
    names, notes = names_of_numbers(labels, maps)
    dataset.samples, dataset.notes = dataset.samples.renamed(names), (*dataset.notes, *notes)
    dataset.names_files = tuple(root / each.file for each in maps if not each.fault) if names else ()


def _may_be_map(name: str) -> bool:
    suffix = suffix_of(name)
    if name.rpartition("/")[2].lower() == "readme.md":
        return True
    return suffix in (".json", ".yaml", ".yml", *_TABLES) or (suffix in NAMES_SUFFIXES and _is_called_so(name))


def _is_called_so(name: str) -> bool:
    return _TEXT_STEMS.search(file_stem(name)) is not None


def _two_columns(data: bytes, name: str, stems: Set[str]) -> NumberedNames | None:
    """The names in a small table of two columns, none of which names images; None if it is another table."""
    try:
        content = read_two_columns(data, name) if len(data) <= _MAX_BYTES else None
    except Exception:
        return None
    if content is None or any(is_image_name(each) or file_stem(each) in stems for each in content.names.values()):
        return None
    numbered = {int(stem) for stem in stems if are_numbers([stem])}
    of_images = 2 * len(content.names) > len(numbered) and numbered >= content.names.keys()  # such as captions
    return None if of_images else content


def _declares_names(name: str, data: bytes) -> bool:
    """True for a YAML file with a key `names`, as YOLO's data.yaml has, and for Hugging Face's README.md with class labels."""
    return (_NAMES_KEY if suffix_of(name) in (".yaml", ".yml") else _CLASS_LABEL).search(data) is not None


def _mentions_images(data: bytes, stems: Collection[str]) -> bool:
    """True if images are named in a file, so that it tells of these rather than of classes."""
    words = set(re.split(r"[\s,;:\"'\[\]{}]+", data.decode(errors="replace")))
    return any(is_image_name(word) or (file_stem(word) in stems and not word.isdecimal()) for word in words)


def _name_classes(names: Collection[str]) -> bool:
    """True for names that are different from each other and are not just numbers."""
    return all(names) and len(set(names)) == len(names) and not are_numbers(list(names))


def _name_images(names: Collection[str], stems: Set[str]) -> bool:
    """True if these are images with their labels rather than classes with their numbers."""
    return any(map(is_image_name, names)) or stems >= set(names)


def names_of_numbers(labels: Sequence[str], maps: Sequence[ClassMap]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The name of each label, if all labels are numbers and the files agree on a name for each; and notes about it.

    The last note is IDS_UNCERTAIN if a file seems to name the numbers, but cannot be used.
    """
    numbers = [label for label in labels if label != NO_ID]
    if not maps or not are_numbers(numbers):
        return {}, ()
    numbers.sort(key=int)
    whole: list[tuple[str, dict[str, str]]] = []
    notes: list[str] = []
    uncertain = False
    for each in maps:
        if each.fault:
            if each.numbers is None or _name_most(each.numbers, numbers):
                notes.append(f"{each.file} is not used for the numbers: {each.fault}.")
                uncertain = True
        elif each.content.is_list:
            if places := _places(numbers, each.content.names):
                whole.append((each.file, {label: each.content.names[i] for label, i in places.items()}))
            else:
                notes.append(
                    f"{each.file} is not used for the numbers: it lists {counted(len(each.content.names), 'name')} "
                    f"without numbers, and the labels are {counted(len(numbers), 'number')} ({listed(numbers)}). "
                    "To use it, write in each of its lines the number before the name."
                )
                uncertain |= suffix_of(each.file) != ".json" or _is_called_so(each.file)
        elif missing := [label for label in numbers if int(label) not in each.content.names]:
            if len(missing) < len(numbers):
                notes.append(f"{each.file} is not used for the numbers: it has no name for {listed(missing)}.")
                uncertain |= _is_called_so(each.file) or _name_most(each.content.names, numbers)
        else:
            whole.append((each.file, {label: each.content.names[int(label)] for label in numbers}))
    if not whole:
        return {}, (*notes, IDS_UNCERTAIN) if uncertain else tuple(notes)
    file, names = whole[0]
    if any(other != names for _, other in whole[1:]):
        files = " and ".join(each for each, _ in whole)
        return {}, (*notes, f"The numbers keep their form, since {files} give them different names.", IDS_UNCERTAIN)
    examples = ", ".join(f"{label} is {names[label]}" for label in numbers[:3])
    more = " and so on" if len(numbers) > 3 else ""
    return names, (*notes, f"{file} says what the numbers mean: {examples}{more}.")


def _name_most(named: Collection[int], numbers: Sequence[str]) -> bool:
    return 2 * sum(int(number) in named for number in numbers) >= len(numbers)


def _places(numbers: Sequence[str], names: Mapping[int, str]) -> dict[str, int]:
    """The place of each number in a list of names; {} if one is too large, or it is not certain where they begin.

    If 0 occurs, they count from 0. If it does not, and the largest is the length of the list, they count from 1.
    A list of more names than there are numbers may also be a text of so many lines, if a name has many words.
    """
    values, length = list(map(int, numbers)), len(names)
    first = 0 if 0 in values else 1
    too_large = max(values) != length if first else max(values) >= length
    if too_large or (length > len(values) and any(len(name.split()) > _MOST_WORDS for name in names.values())):
        return {}
    return {label: value - first for label, value in zip(numbers, values, strict=True)}
