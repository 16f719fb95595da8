"""Labels in a small file for each image, such as 1.cls beside 1.jpg, or annotations/1.json by LabelMe.

Source of the layout: https://github.com/webdataset/webdataset; of LabelMe's, see `labelme`
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dashboard.core.datasets.columns import LABEL_COLUMNS, column_among
from dashboard.core.datasets.file_names import folder_of, is_image_name, suffix_of
from dashboard.core.datasets.file_source import FileSource
from dashboard.core.datasets.label_value import SeveralLabels, as_label, several_labels
from dashboard.core.datasets.labelme import MOST_BYTES as MOST_JSON_BYTES
from dashboard.core.datasets.labelme import is_labelme, labels_in
from dashboard.core.datasets.masks import WORDS_FOR_MASKS, bare_folder
from dashboard.core.datasets.other_names import file_stem
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError, ImageError
from dashboard.core.labels.text_encoding import decode_text
from dashboard.core.parsing import parse_json

CLASS_SUFFIX = ".cls"
_OTHERS = (".json", ".txt")  # may as well hold a caption, or boxes around objects
_MOST_BYTES = 1024
_NEARLY_ALL = 0.9  # share of the images
_ANNOTATIONS = WORDS_FOR_MASKS | {"ann", "anns", "anno", "annos", "json", "jsons", "labelme"}  # names of folders
_DECIMALS = re.compile(r"\d\.\d")


def class_file_positions(names: Sequence[str], positions: Sequence[int], is_image: np.ndarray) -> list[int]:
    """The files, among those at these positions, that hold the class of an image. LaTeX has files with this suffix too.

    Args:
        is_image: (n,) bool, for each name.
    """
    found = [i for i in positions if suffix_of(names[i]) == CLASS_SUFFIX]
    if not found:
        return []
    images = {names[i].rpartition(".")[0] for i in positions if is_image[i]}
    return [i for i in found if names[i].rpartition(".")[0] in images]


def read_class_files(source: FileSource, positions: Sequence[int]) -> LabelsTable:
    """The class in each file. One that cannot be read, or is too long for a class, gives its image no label."""
    labels: list[str | None] = []
    for position in positions:
        labels.append(None)
        with contextlib.suppress(ImageError, ValueError):
            content = source.read(position, _MOST_BYTES + 1)
            labels[-1] = as_label(content) if len(content) <= _MOST_BYTES else None
    return LabelsTable(f"the {CLASS_SUFFIX} files", _stems(source.names, positions), tuple(labels))


def other_class_files(names: Sequence[str], positions: Sequence[int], images: Sequence[str]) -> list[int]:
    """The .json or .txt files that nearly all images have beside them, such as 1.txt beside 1.jpg; [] if there are none."""
    stems = {image.rpartition(".")[0] for image in images}
    for suffix in _OTHERS:
        found = [i for i in positions if suffix_of(names[i]) == suffix and names[i][: -len(suffix)] in stems]
        if len(found) > 1 and len(found) >= _NEARLY_ALL * len(stems):
            return found
    return []


def annotations_elsewhere(
    names: Sequence[str], positions: Sequence[int], images: Sequence[str], suffix: str = ".json"
) -> dict[int, str]:
    """The small files that nearly all images have in another folder, with the image of each; {} if there are none.

    The rest of their paths is the same, as in annotations/test/1.json and images/test/1.jpg; or only one of each is
    called so in the whole dataset.

    Args:
        names: of all files.
        positions: of the files that may be annotations.
        images: the names of the images that are labelled.
        suffix: of these files. Those that are not .json must lie in a folder that is called for them, such as labels.
    """
    folders = {name.rpartition("/")[0] for name in images}
    found = [
        i
        for i in positions
        if suffix_of(names[i]) == suffix and names[i].rpartition("/")[0] not in folders
        and (suffix == ".json" or bare_folder(folder_of(names[i]), _ANNOTATIONS)[1])
    ]  # fmt: skip
    for key in (_path_without_words, file_stem) if len(found) > 1 else ():
        often, files_of = Counter(map(key, filter(is_image_name, names))), defaultdict(list)
        for i in found:
            files_of[key(names[i])].append(i)
        of_image = {
            image: files_of[key(image)] for image in images if often[key(image)] == 1 and key(image) in files_of
        }
        paired = {files[0]: image for image, files in of_image.items() if len(files) == 1}
        if len(paired) > 1 and len(paired) >= _NEARLY_ALL * len(images):
            return paired
    return {}


def _path_without_words(name: str) -> tuple[tuple[str, ...], str]:
    return bare_folder(name.rpartition("/")[0], _ANNOTATIONS)[0], file_stem(name)


def read_annotations(source: FileSource, image_of: Mapping[int, str]) -> LabelsTable:
    """The class in each file of `annotations_elsewhere`, as `read_other_class_files`. All .json must be LabelMe's."""
    table = read_other_class_files(source, [*image_of], only_labelme=True)
    return replace(table, files=tuple(image_of.values()))


def read_other_class_files(source: FileSource, positions: Sequence[int], only_labelme: bool = False) -> LabelsTable:
    """The class in each file of `other_class_files`. An image that LabelMe gives several has none.

    Args:
        only_labelme: True: JSON of other programs is refused.

    Raises:
        DatasetError: a file holds something else than one class, or no class occurs twice.
    """
    suffix = suffix_of(source.names[positions[0]])
    table, certain = _read(source, positions)
    if only_labelme and suffix == ".json" and not certain:
        raise _no_class(suffix, "not all of them are LabelMe's")
    if len(set(table.labels)) == len(table.labels) and not certain:
        raise _no_class(suffix, "no two of them hold the same class")
    return table


def _read(source: FileSource, positions: Sequence[int]) -> tuple[LabelsTable, bool]:
    """The class in each file, and whether all certainly tell one. Raises DatasetError."""
    suffix = suffix_of(source.names[positions[0]])
    labels: list[str | None] = []
    faults: dict[int, ImageError] = {}
    certain = True
    for row, position in enumerate(positions):
        try:
            label, is_certain = _only_class(source.read(position, MOST_JSON_BYTES), suffix)
            labels.append(label)
            certain = certain and is_certain
        except SeveralLabels as several:
            labels.append(None)
            faults[row] = several_labels(source.names[position], several.labels)
        except (ImageError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise _no_class(
                suffix, f"{source.names[position]} does not hold the name or number of one class"
            ) from error
    files = _stems(source.names, positions)
    return LabelsTable(f"the {suffix} files", files, tuple(labels), faults=faults), certain


def _only_class(data: bytes, suffix: str) -> tuple[str | None, bool]:
    """The class in a file, and whether the file certainly tells one. May raise any exception if it holds something else."""
    if len(data) > _MOST_BYTES and suffix == ".txt":
        raise ValueError("it is too long")
    text = decode_text(data).strip()
    if suffix == ".json":
        value = parse_json(text)
        if is_labelme(value):
            return as_label(labels_in(value)), True
        if isinstance(value, dict):
            key = column_among([*map(str, value)], (*LABEL_COLUMNS, "cls"))
            if key is None:
                raise ValueError("it has no class")
            value = value[key]
        if isinstance(value, list) and len(value) > 1:
            raise ValueError("it has several classes")
        return as_label(value), False
    if len(text.splitlines()) != 1 or _DECIMALS.search(text):
        raise ValueError("it has several lines or numbers")
    return as_label(text), False


def _no_class(suffix: str, why: str) -> DatasetError:
    return DatasetError(f"The {suffix} files of the images are not read as labels: {why}.", "", "labels_file")


def _stems(names: Sequence[str], positions: Sequence[int]) -> tuple[str, ...]:
    return tuple(names[i].rpartition(".")[0] for i in positions)
