"""Names for labels that are only numbers, from a small file beside the images such as class_indices.json or classes.txt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.labelling import suffix_of
from dashboard.core.datasets.labels_file import file_stem
from dashboard.core.errors import ImageError
from dashboard.core.labels.class_ids import NO_ID, are_numbers

_MAX_BYTES = 2**20
_MOST_FILES = 20
_TEXT_STEMS = re.compile(r"(class|label|categor|name|synset)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,6}")
_NUMBERED_LINE = re.compile(r"([0-9]{1,6})[\s:,;=]+(\S.*)")


@dataclass(frozen=True)
class ClassMap:
    """Names of numbers."""

    file: str  # path inside the dataset
    names: Mapping[int, str]
    by_order: bool = False  # the file holds no numbers: it is a list, and its first name is taken as number 0


def find_class_maps(source: FileSource, positions: Sequence[int]) -> list[ClassMap]:
    """The files that name numbers, among the files at these positions."""
    found = []
    candidates = [i for i in positions if _may_be_map(source.names[i])]
    for position in candidates[:_MOST_FILES]:
        name = source.names[position]
        try:
            data = source.read(position, _MAX_BYTES + 1)
            names, by_order = (
                class_map_of(data.decode("utf-8-sig"), suffix_of(name)) if len(data) <= _MAX_BYTES else ({}, False)
            )
        except (ImageError, ValueError, RecursionError):
            continue  # it is something else
        if names:
            found.append(ClassMap(name, names, by_order))
    return found


def _may_be_map(name: str) -> bool:
    suffix = suffix_of(name)
    return suffix == ".json" or (suffix == ".txt" and bool(_TEXT_STEMS.search(file_stem(name))))


def class_map_of(text: str, suffix: str) -> tuple[dict[int, str], bool]:
    """The names of numbers in a file, and whether they are only a list of names.

    The file holds {"0": "cat"}, {"cat": 0}, ["cat", "dog"], lines such as `0 cat`, or lines of names. The names are {}
    if it holds something else, or gives two numbers the same name. Raises ValueError for damaged JSON.
    """
    pairs, by_order = _from_json(json.loads(text)) if suffix == ".json" else _from_lines(text)
    names = dict(pairs)
    unique = len(names) == len(pairs) == len(set(names.values()))
    return (names if unique and all(names.values()) else {}), by_order


def _from_json(value: object) -> tuple[list[tuple[int, str]], bool]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return [(number, name.strip()) for number, name in enumerate(value)], True
    if not isinstance(value, dict) or not value:
        return [], False
    if all(_NUMBER.fullmatch(key) for key in value):
        # Keras' own class index has pairs of a WordNet id and a name
        last = {key: name[-1] if isinstance(name, list) and name else name for key, name in value.items()}
        return [(int(key), name.strip()) for key, name in last.items() if isinstance(name, str)], False
    if all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in value.values()):
        return [(number, name.strip()) for name, number in value.items()], False
    return [], False


def _from_lines(text: str) -> tuple[list[tuple[int, str]], bool]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [found for line in lines if (found := _NUMBERED_LINE.fullmatch(line))]
    if numbered and len(numbered) == len(lines):
        return [(int(found[1]), found[2].strip()) for found in numbered], False
    return (list(enumerate(lines)) if not numbered else []), True


def names_of_numbers(labels: Sequence[str], maps: Sequence[ClassMap]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The name of each label, if all labels are numbers and the files agree on a name for each; and notes about it."""
    numbers = [label for label in labels if label != NO_ID]
    if not maps or not are_numbers(numbers):
        return {}, ()
    whole, notes = [], []
    for each in maps:
        if each.by_order and not any(int(label) == 0 for label in numbers):
            continue  # the labels may count from 1, and the list does not say
        missing = [label for label in numbers if int(label) not in each.names]
        if not missing:
            whole.append(each)
        elif len(missing) < len(numbers):
            notes.append(f"{each.file} is not used for the numbers: it has no name for {', '.join(missing[:8])}.")
    found = [{label: each.names[int(label)] for label in numbers} for each in whole]
    if not found:
        return {}, tuple(notes)
    if any(other != found[0] for other in found[1:]):
        files = " and ".join(each.file for each in whole)
        return {}, (*notes, f"The numbers keep their form, since {files} give them different names.")
    examples = ", ".join(f"{label} is {found[0][label]}" for label in sorted(numbers, key=int)[:3])
    more = " and so on" if len(numbers) > 3 else ""
    return found[0], (*notes, f"{whole[0].file} says what the numbers mean: {examples}{more}.")
