"""Labels files by their folder or by a labels file. Files and rows that do not fit are reported by name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from dashboard.core.datasets.contract import ONE_FOLDER_A_CLASS
from dashboard.core.datasets.labels_file import LABELS_SUFFIXES, file_stem
from dashboard.core.datasets.sample_list import PackedNames, SampleList
from dashboard.core.datasets.table_rows import LabelsTable
from dashboard.core.errors import DatasetError, ImageError, listed
from dashboard.core.images.decoding import SUFFIXES

IsImage = Callable[[str], bool]  # True for the name of an image
_LABELS_STEMS = frozenset({"labels", "label"})
_LIKELY_STEMS = frozenset({*_LABELS_STEMS, "metadata", "annotations"})
_COCO_STEM = re.compile(r"_annotations\.coco|instances_\w+")  # as Roboflow and COCO call their files


@dataclass(frozen=True)
class Labelling:
    """The samples of a dataset of files."""

    samples: SampleList  # the files in their order, then rows that match no single file
    faults: dict[int, ImageError] = field(default_factory=dict)  # index of a sample -> why it cannot be evaluated
    notes: tuple[str, ...] = ()


def is_image_name(name: str) -> bool:
    """True if the suffix is the one of an image file."""
    return _suffix(name) in SUFFIXES


def by_folder(names: Sequence[str], is_image: IsImage = is_image_name) -> Labelling:
    """Labels each image with the name of its folder. Other files get no label."""
    samples = SampleList(names, (class_folder(name) if is_image(name) else None for name in names))
    loose = [names[i] for i in samples.unlabelled if is_image(names[i])]
    if not loose:
        return Labelling(samples)
    what = (
        "The images are not in class folders" if len(loose) == len(names) else f"Not in a class folder: {listed(loose)}"
    )
    return Labelling(samples, notes=(f"{what}; without a label, they are predicted, but not compared.",))


def class_folder(name: str) -> str | None:
    """The name of the folder that holds a file; None at the top level."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return parts[-2] if len(parts) > 1 and parts[-2] != ".." else None


def find_labels_file(
    names: Sequence[str], dataset_name: str, is_image: IsImage = is_image_name
) -> tuple[int | None, bool]:
    """Finds the labels file of a dataset: its position (or None), and whether the dataset needs it to be usable.

    Tables called labels, label, metadata or annotations are preferred. If there is none and the images lie in fewer
    than two folders, any table counts, except one that belongs to a single image, such as `1.jpg.json`. The file must
    be usable if it is called labels or label, or if all images lie at the top level.

    Raises:
        DatasetError: several files could be the labels file.
    """
    tables = [i for i, name in enumerate(names) if _suffix(name) in LABELS_SUFFIXES]
    images = {name for name in names if is_image(name)} if tables else set()
    folders = {class_folder(name) for name in images}
    candidates = [i for i in tables if file_stem(names[i]).lower() in _LIKELY_STEMS or _is_coco_name(names[i])]
    if not candidates and len(folders) < 2:
        candidates = [i for i in tables if names[i].rpartition(".")[0] not in images]
    if len(candidates) > 1:
        raise DatasetError(
            f"{dataset_name} holds several files that could be its labels: {listed([names[i] for i in candidates])}.",
            "Keep only one of them in the dataset.", "labels_file",
        )  # fmt: skip
    if not candidates:
        return None, False
    stem = file_stem(names[candidates[0]]).lower()
    return candidates[0], folders == {None} or stem in _LABELS_STEMS or _is_coco_name(names[candidates[0]])


def _is_coco_name(name: str) -> bool:
    return name.lower().endswith(".json") and _COCO_STEM.fullmatch(file_stem(name).lower()) is not None


def by_labels_file(names: Sequence[str], table: LabelsTable, is_image: IsImage = is_image_name) -> Labelling:
    """Gives each file the label in its row. A row that matches no single image becomes a sample that cannot be read.

    Raises:
        DatasetError: no row matches an image.
    """
    find = _Finder(names, table.name.rpartition("/")[0])
    labels: list[str | None] = [None] * len(names)
    faults: dict[int, ImageError] = {}
    extra: list[tuple[str, str | None]] = []
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, file in enumerate(table.files):
        found = find(file)
        if len(found) == 1:
            rows_of[found[0]].append(row)
            continue
        faults[len(names) + len(extra)] = _no_single_image(table.name, file, len(found))
        extra.append((file, table.labels[row]))
    repeated = []
    for i, rows in rows_of.items():
        given = list(dict.fromkeys(label for row in rows if (label := table.labels[row]) is not None))
        if uncertain := [table.faults[row] for row in rows if row in table.faults]:
            faults[i] = uncertain[0]
        elif len(given) > 1:
            faults[i] = ImageError(
                f"{table.name} gives this image different labels: {listed(given)}.",
                "Keep one row for it.",
                "several_labels",
            )
        elif given:
            labels[i] = given[0]
        if len(rows) > 1:
            repeated.append(names[i])
    without = [names[i] for i in range(len(names)) if labels[i] is None and i not in faults and is_image(names[i])]
    notes = [f"Labels are taken from {table.name}.", *table.notes]
    if not rows_of:
        raise DatasetError(
            f"{table.name} names none of the {len(names):,} images; its first row is for {table.files[0][:80]!r}.",
            "Write the file names as they are in the dataset.", "labels_file",
        )  # fmt: skip
    if without:
        notes.append(f"Without a label in {table.name}, so predicted but not compared: {listed(without)}.")
    if repeated:
        notes.append(f"Named more than once in {table.name}: {listed(repeated)}.")
    if extra:
        rows_without = listed([file for file, _ in extra])
        notes.append(f"Named in {table.name}, but not exactly one image of the dataset: {rows_without}.")
    all_names = PackedNames(chain(names, (file for file, _ in extra))) if extra else names
    return Labelling(SampleList(all_names, chain(labels, (label for _, label in extra))), faults, tuple(notes))


def in_order(names: Sequence[str], table_name: str, labels: Sequence[str | None]) -> Labelling:
    """Gives the labels to the files in order. Raises DatasetError when their numbers differ."""
    if len(labels) != len(names):
        raise DatasetError(
            f"{table_name} has {len(labels):,} labels for {len(names):,} images.",
            "Give one label per image, in the same order.", "label_count",
        )  # fmt: skip
    return Labelling(SampleList(names, labels), notes=(f"Labels are taken from {table_name}.",))


class _Finder:
    """Finds the images that a row may mean: by path, else by file name, else by file name without suffix."""

    def __init__(self, names: Sequence[str], folder: str) -> None:
        self._names, self._folder = names, folder
        self._by_path = self._places(normal_name(name) for name in names)
        last = [normal_name(name).rpartition("/")[2] for name in names]
        self._by_name = self._places(last)
        self._by_stem = self._places(name.rpartition(".")[0] if is_image_name(name) else "" for name in last)

    @staticmethod
    def _places(keys: Iterable[str]) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for i, key in enumerate(keys):
            places.setdefault(key, []).append(i)
        return places

    def __call__(self, file: str) -> list[int]:
        path = normal_name(file)
        if not path:
            return []
        for key in (f"{self._folder}/{path}" if self._folder else path, path):
            if found := self._by_path.get(key):
                return found
        same_name = self._by_name.get(path.rpartition("/")[2]) or self._by_stem.get(path.rpartition("/")[2], [])
        return [i for i in same_name if _ends_alike(self._names[i], path)]


def _ends_alike(name: str, path: str) -> bool:
    """True if one path is the end of the other, compared folder by folder. `path` may lack the suffix."""
    name = normal_name(name)
    return any(
        f"/{one}".endswith(f"/{path}") or f"/{path}".endswith(f"/{one}") for one in (name, name[: name.rfind(".")])
    )


def no_images(dataset_name: str, reason: ImageError | None = None) -> DatasetError:
    """The error for a dataset without images, and the reason why a picture in it is none."""
    if reason:
        return DatasetError(
            f"{dataset_name} holds no images that are read here. {reason.message}", reason.fix, "no_images"
        )
    return DatasetError(f"{dataset_name} holds no images.", ONE_FOLDER_A_CLASS, "no_images")


def _no_single_image(table_name: str, file: str, found: int) -> ImageError:
    if found:
        return ImageError(
            f"{table_name} names this file, but {found} images have this name.",
            "Write the whole path in the row.",
            "ambiguous",
        )
    return ImageError(
        f"{table_name} names this file, but the dataset has no such image.",
        "Add the image, or remove its row.",
        "missing",
    )


def normal_name(name: str) -> str:
    """The name in a standard spelling: composed accents, forward slashes, no `./` or `/` at the beginning."""
    composed = unicodedata.normalize("NFC", name)  # macOS writes é as e and an accent
    return composed.replace("\\", "/").removeprefix("./").lstrip("/")


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""
