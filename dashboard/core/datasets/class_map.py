"""Names for labels that are only numbers, from a small file beside the images such as class_indices.json, classes.txt or data.yaml."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dashboard.core.datasets.file_names import is_image_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.sample_list import SampleList
from dashboard.core.errors import counted, listed
from dashboard.core.labels.class_ids import NO_ID, are_numbers
from dashboard.core.labels.names_file import NAMES_SUFFIXES, NumberedNames, read_names_file

_MAX_BYTES = 2**20
_MOST_FILES = 20
_MOST_WORDS = 2
_TABLES = (".csv", ".tsv")
_TEXT_STEMS = re.compile(r"(class|label|categor|name|synset)", re.IGNORECASE)


@dataclass(frozen=True)
class ClassMap:
    """Names of numbers."""

    file: str  # path inside the dataset
    content: NumberedNames


def find_class_maps(source: FileSource, positions: Sequence[int]) -> list[ClassMap]:
    """The files that name numbers, among the files at these positions."""
    found = []
    candidates = [i for i in positions if _may_be_map(source.names[i])]
    candidates.sort(key=lambda i: suffix_of(source.names[i]) == ".json" and not _is_called_so(source.names[i]))
    for position in candidates[:_MOST_FILES]:
        name = source.names[position]
        try:
            data = source.read(position, _MAX_BYTES + 1)
            content = read_names_file(data, name) if len(data) <= _MAX_BYTES else NumberedNames({})
        except Exception:  # it is something else
            continue
        if content.is_list and suffix_of(name) in _TABLES:
            continue  # its other columns may be names of images
        names = content.names.values()
        if _name_classes(names) and not _name_images(names, source.names):
            found.append(ClassMap(name, content))
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
    dataset.names_files = tuple(root / each.file for each in maps) if names else ()


def _may_be_map(name: str) -> bool:
    suffix = suffix_of(name)
    if name[name.rfind("/") + 1 :].lower() == "readme.md":
        return True
    return suffix in (".json", ".yaml", ".yml") or (suffix in NAMES_SUFFIXES and _is_called_so(name))


def _is_called_so(name: str) -> bool:
    return _TEXT_STEMS.search(file_stem(name)) is not None


def _name_classes(names: Collection[str]) -> bool:
    """True for names that are different from each other and are not just numbers."""
    return all(names) and len(set(names)) == len(names) and not are_numbers(list(names))


def _name_images(names: Collection[str], files: Sequence[str]) -> bool:
    """True if these are images with their labels rather than classes with their numbers."""
    if any(map(is_image_name, names)):
        return True
    stems = {file_stem(file) for file in files if is_image_name(file)}
    return stems.issuperset(names)


def names_of_numbers(labels: Sequence[str], maps: Sequence[ClassMap]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The name of each label, if all labels are numbers and the files agree on a name for each; and notes about it."""
    numbers = [label for label in labels if label != NO_ID]
    if not maps or not are_numbers(numbers):
        return {}, ()
    numbers.sort(key=int)
    whole: list[tuple[str, dict[str, str]]] = []
    notes: list[str] = []
    for each in maps:
        if each.content.is_list:
            if places := _places(numbers, each.content.names):
                whole.append((each.file, {label: each.content.names[i] for label, i in places.items()}))
            else:
                notes.append(
                    f"{each.file} is not used for the numbers: it lists {counted(len(each.content.names), 'name')} "
                    f"without numbers, and the labels are {counted(len(numbers), 'number')} ({listed(numbers)}). "
                    "To use it, write in each of its lines the number before the name."
                )
            continue
        missing = [label for label in numbers if int(label) not in each.content.names]
        if not missing:
            whole.append((each.file, {label: each.content.names[int(label)] for label in numbers}))
        elif len(missing) < len(numbers):
            notes.append(f"{each.file} is not used for the numbers: it has no name for {listed(missing)}.")
    if not whole:
        return {}, tuple(notes)
    file, names = whole[0]
    if any(other != names for _, other in whole[1:]):
        files = " and ".join(each for each, _ in whole)
        return {}, (*notes, f"The numbers keep their form, since {files} give them different names.")
    examples = ", ".join(f"{label} is {names[label]}" for label in numbers[:3])
    more = " and so on" if len(numbers) > 3 else ""
    return names, (*notes, f"{file} says what the numbers mean: {examples}{more}.")


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
