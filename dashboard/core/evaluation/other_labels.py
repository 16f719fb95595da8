"""Other labels that a dataset may hold, if those in use are not the classes of the model: another column, or the file names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.datasets import Dataset, distinct_labels, open_dataset
from dashboard.core.datasets.choices import FILE_NAMES, FOLDERS, NOTHING_CHOSEN, Choices
from dashboard.core.datasets.columns import SPLIT_COLUMNS, column_among
from dashboard.core.datasets.label_column import is_predicted, possible_columns
from dashboard.core.datasets.name_labels import labels_in_names
from dashboard.core.datasets.split_names import PLAIN, SPLIT_OF, WORD
from dashboard.core.errors import DatasetError, ImageError, listed
from dashboard.core.labels.class_ids import NO_ID, are_numbers
from dashboard.core.labels.matching import match_labels
from dashboard.core.questions import Answer, Question

_MOST_LABELS = 1000  # in a column
_EXAMPLES = 4
_OF_CAMERAS = PLAIN | {*SPLIT_OF} | {  # and programs: the words before the numbers of pictures
    "aufnahme", "bild", "bildschirmfoto", "cam", "camera", "capture", "cimg", "copy", "crop", "datei", "dcim", "dji", "dsc",
    "dscf", "dscn", "e", "file", "foto", "fotos", "frame", "gopr", "imag", "imagen", "imagem", "kamera", "kopie", "mov", "mvi",
    "no", "nr", "p", "page", "pano", "pict", "pic", "pics", "pxl", "sam", "sample", "scan", "scans", "screenshot", "seite", "signal",
    "snapshot", "unbenannt", "untitled", "vid", "video", "wa", "whatsapp",
}  # fmt: skip


def other_labels(
    path: Path,
    dataset: Dataset,
    unknown: Collection[str],
    class_names: Sequence[str],
    choices: Choices = NOTHING_CHOSEN,
) -> Question | None:
    """The question what holds the labels, if others are all classes of the model and those in use probably are not.

    These are not if most are unknown, or if they are numbers that are not the ids of the classes in the others.

    The first answer is the one that fits. None is chosen, unless the user has chosen the folders rather than the file names.
    If no column fits, but none of the labels is a class, or all are numbers, those of a few different words are offered; then
    the column in use is the first answer and chosen. So are file names that begin with such words, and the folders are
    chosen. Returns None if no others fit, or the user has chosen the table or its column.

    Args:
        dataset: the one at `path`, opened with these choices.
        unknown: its labels that match no class.
    """
    labels = distinct_labels(dataset.samples)
    topics = {question.topic for question in dataset.questions}
    numbered = _are_ids(labels) and not {*labels} & {*class_names}
    if not (numbered or 2 * len(unknown) > len(labels)) or "label_column" in topics:
        return None
    none_fits = numbered or len(unknown) == len(labels)
    if not dataset.samples.from_folders:
        return _other_column(path, dataset, labels, none_fits, class_names, choices)
    if "labels" in topics or 2 * len(unknown) <= len(labels):
        return None
    return _file_names(path, dataset, none_fits, class_names, choices)


def _file_names(
    path: Path, dataset: Dataset, none_fits: bool, class_names: Sequence[str], choices: Choices
) -> Question | None:
    """See `other_labels`. `none_fits`: none of the labels in use is called like a class of the model."""
    names = [sample.name for sample in dataset.samples if sample.label is not None]
    in_names = labels_in_names(names)
    are_classes = _are_classes({*in_names}, class_names)
    if not are_classes and not (none_fits and _repeat_across_folders(names, in_names)):
        return None
    if not (found := _question(path, replace(choices, labels=FILE_NAMES), "labels")):
        return None
    in_use = choices.labels == FOLDERS or not are_classes
    return replace(found[1], chosen=FOLDERS, certain=True) if in_use else found[1]


def _repeat_across_folders(names: Sequence[str], labels: Sequence[str]) -> bool:
    """True if the labels in the names of images are several words, most of them in several folders, and none of a camera."""
    folders_of = defaultdict(set)
    for name, label in zip(names, labels, strict=False):
        folders_of[label].add(name.rpartition("/")[0])
    if len(folders_of) < 2:
        return False
    for label in folders_of:
        if any(map(str.isdecimal, label)) or set(WORD.findall(label.casefold())) <= _OF_CAMERAS:
            return False
    return 2 * sum(len(folders) > 1 for folders in folders_of.values()) > len(folders_of)


def _other_column(
    path: Path,
    dataset: Dataset,
    labels: Sequence[str],
    none_fits: bool,
    class_names: Sequence[str],
    choices: Choices,
) -> Question | None:
    """See `other_labels`, and `_file_names` for `none_fits`."""
    if (columns := _columns(dataset)) is None:
        return None
    of_words: dict[str, list[str | None]] = {}
    for name in columns.column_names:
        texts = columns[name]
        if is_predicted(name) or column_among([name], SPLIT_COLUMNS) or not pa.types.is_string(texts.type):
            continue
        if pc.count_distinct(texts).as_py() > _MOST_LABELS:
            continue
        classes = [*dict.fromkeys(text.strip() for text in pc.unique(texts).to_pylist() if text and text.strip())]
        if not _are_classes(classes, class_names):
            if all(any(map(str.isalpha, text)) for text in classes):
                of_words[name] = texts.to_pylist()
            continue
        if _are_ids(labels) and _are_ids_of(classes, dataset, texts, class_names):
            continue
        if found := _with_column(path, choices, name, columns):
            question, in_use = found
            others = {answer.value: answer.meaning for answer in question.answers if answer.value != name}
            answers = {name: listed(classes, _EXAMPLES), **dict.fromkeys(in_use, listed(labels, _EXAMPLES)), **others}
            return replace(question, answers=tuple(Answer(*each) for each in answers.items()))
    perhaps = possible_columns(of_words) if none_fits else ()
    if perhaps and (found := _with_column(path, choices, perhaps[0].value, columns)) and found[1]:
        question, [chosen, *_] = found
        answers_by_words = (Answer(chosen, listed(labels, _EXAMPLES)), *perhaps)
        return replace(question, answers=answers_by_words, chosen=chosen, certain=True)
    return None


def _with_column(path: Path, choices: Choices, name: str, columns: pa.Table) -> tuple[Question, list[str]] | None:
    """The question which column holds the labels, and the columns that do if `name` does not. `columns` are the others."""
    if not (found := _question(path, replace(choices, label_column=name), "label_column")):
        return None
    now = _columns(found[0])
    return found[1], [each for each in (now.column_names if now else ()) if each not in columns.column_names]


def _are_ids(labels: Sequence[str]) -> bool:
    return are_numbers([label for label in labels if label != NO_ID])


def _are_ids_of(classes: Sequence[str], dataset: Dataset, texts: pa.ChunkedArray, class_names: Sequence[str]) -> bool:
    """True if the labels are the ids of the classes in `texts`, counted from 0 or from 1. `classes` are the different texts."""
    class_of = match_labels(classes, class_names).class_of
    pairs = {
        (int(sample.label), class_of.get(text.strip()))
        for sample, text in zip(dataset.samples, texts.to_pylist(), strict=True)
        if sample.label not in (None, NO_ID) and text
    }
    return any(all(dict(enumerate(class_names, first)).get(id_) == name for id_, name in pairs) for first in (0, 1))


def _columns(dataset: Dataset) -> pa.Table | None:
    try:
        attributes = dataset.attributes()
    except (DatasetError, ImageError):
        return None
    return attributes.columns if attributes else None


def _are_classes(labels: Collection[str], class_names: Sequence[str]) -> bool:
    """True if these are the names of at least two classes, and nothing else."""
    if len(labels) < 2 or are_numbers([*labels]):
        return False
    mapping = match_labels(labels, class_names)
    return not mapping.unknown and len({*mapping.class_of.values()} - {None}) > 1


def _question(path: Path, choices: Choices, topic: str) -> tuple[Dataset, Question] | None:
    """The dataset with this choice and the question that it answers, still open; None if it has no such choice."""
    try:
        dataset = open_dataset(path, choices)
    except DatasetError:
        return None
    question = next((each for each in dataset.questions if each.topic == topic), None)
    return (dataset, replace(question, chosen=None, certain=False)) if question else None
