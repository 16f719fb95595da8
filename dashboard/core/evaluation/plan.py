"""Plans an evaluation: dataset, model version, the matching of labels with classes, and the key of the answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from dashboard.core.datasets import Dataset, distinct_labels, label_counts
from dashboard.core.datasets.choices import ALL_SPLITS, FILE_NAMES, FOLDERS, NO_SPLITS
from dashboard.core.datasets.described import SUFFIX as DESCRIPTION
from dashboard.core.datasets.foreign_formats import is_about_workbooks
from dashboard.core.datasets.split_names import split_called
from dashboard.core.datasets.unchanged import open_with_fingerprint
from dashboard.core.errors import Advice, Choice, DatasetError, Part, listed, meaning
from dashboard.core.evaluation.class_folders import folders_above, in_class_folders, with_folders_above
from dashboard.core.evaluation.other_labels import other_labels
from dashboard.core.labels.class_ids import IDS_CHOSEN, IDS_UNCERTAIN, are_numbers, uncertain_start
from dashboard.core.labels.class_names import NO_LABEL, OTHERS
from dashboard.core.labels.matching import LabelMapping, match_labels
from dashboard.core.labels.unknown import named, unknown_labels
from dashboard.core.labels.why_unknown import why_unknown
from dashboard.core.models.precision import serves_in_bfloat16
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import Question, UndecidedError

_MOST_COLUMNS = 3  # that are named as ones that may hold the labels


@dataclass(frozen=True)
class RunPlan:
    """A dataset and the model version to evaluate on it."""

    dataset: Dataset
    fingerprint: str  # of the dataset
    version: ModelVersion
    mapping: LabelMapping
    key: str  # a hash of all that the answers depend on, see `run_key`

    @property
    def notes(self) -> tuple[str, ...]:
        """How the dataset is read, in sentences."""
        chosen = [IDS_CHOSEN] if any(label != meant for label, meant in self.mapping.label_map().items()) else []
        about = chain.from_iterable(chosen if note == IDS_UNCERTAIN else [note] for note in self.dataset.notes)
        return (*about, *self.mapping.notes)


def plan_run(
    path: Path,
    version: ModelVersion,
    label_map: Mapping[str, str] | None = None,
    first_id: int | None = None,
) -> RunPlan:
    """Opens the dataset at `path` and matches its labels.

    Args:
        label_map: what the user says that some labels mean, see `match_labels`.
        first_id: the number of the first class, if the user says that the labels are class ids.

    Raises:
        UndecidedError: the user has to decide how to read the dataset, or where its class ids begin.
        DatasetError: the dataset cannot be used; the label map does not fit; or some labels are not classes of the
            model, and the user has not said what they mean.
    """
    dataset, fingerprint = open_with_fingerprint(path)
    name = dataset.path.name.removesuffix(DESCRIPTION)
    check_splits_are_no_classes(dataset, version)
    label_map = with_folders_above(dataset.samples, label_map or {}, version.class_names)
    samples = in_class_folders(dataset.samples, version.class_names, label_map, first_id)
    uncertain = IDS_UNCERTAIN in dataset.notes
    mapping = match_labels(distinct_labels(samples), version.class_names, label_map, first_id, ids_uncertain=uncertain)
    undecided = first_id is None and not label_map
    others = other_labels(path, dataset, mapping.unknown, version.class_names) if undecided or mapping.unknown else None
    if others and not others.chosen and undecided and (mapping.question or not mapping.unknown):
        better = others.answers[0].value
        where = "the names of its files" if better == FILE_NAMES else f"its column {better}"
        raise UndecidedError(
            f"The labels of {name} ({listed(distinct_labels(samples))}) are numbers, but not the ids of "
            f"the classes in {where}.",
            others, "labels_uncertain",
        )  # fmt: skip
    if mapping.question:
        raise UndecidedError(
            " ".join((f"{name}: {uncertain_start(mapping.unknown)}", *dataset.notes)),
            mapping.question, "labels_uncertain",
            (*_taken_from(others, before="\n"), *(_class_by_class(mapping.unknown) if uncertain else ())),
        )  # fmt: skip
    counts = label_counts(samples)
    if counts and not mapping.class_of:
        raise _no_class(dataset, mapping, version, others)
    if mapping.unknown:
        raise unknown_labels(
            mapping, counts, version.ref, version.class_names, "image",
            [*_taken_from(others, before=" "), *_in_workbooks(dataset), *_by_folders_above(dataset), *_other_encodings(dataset.questions)],
        )  # fmt: skip
    if others and others.topic == "label_column":
        columns = listed([f"{answer.value} ({answer.meaning})" for answer in others.answers[1:]], _MOST_COLUMNS)
        dataset.notes += (f"Other columns that may hold the labels: {columns}.",)
    return RunPlan(dataset, fingerprint, version, mapping, run_key(fingerprint, version, mapping.label_map()))


def check_splits_are_no_classes(dataset: Dataset, version: ModelVersion) -> None:
    """Raises UndecidedError if one split was chosen by default, but the model has classes called like splits."""
    question = next((each for each in dataset.questions if each.topic == "split" and not each.certain), None)
    called = {name for name in version.class_names if split_called(name)}
    if question and len(called) > 1:
        raise UndecidedError(
            f"{dataset.path.name} has folders called {' and '.join(sorted(called))}, and {version.ref} has classes of "
            "these names, so they may be splits or classes.",
            replace(question, chosen=None), "several_splits",
        )  # fmt: skip


def _class_by_class(labels: Sequence[str]) -> list[str | Part]:
    """The way out if numbers are no class ids, as parts of advice."""
    first, *others = sorted(labels, key=int)
    more: list[str | Part] = [" ", meaning(others[0], "CLASS")] if others else []
    return [
        "\nIf they are not class ids of the model, choose a class for each label: ", meaning(first, "CLASS"), *more,
        " ..." if len(others) > 1 else "",
    ]  # fmt: skip


def _other_labels(questions: Sequence[Question]) -> list[str | Part]:
    """The ways to take the labels from the names of the files or from a table instead, as parts of advice."""
    ways: list[str | Part] = []
    for asked in questions:
        others = [a for a in asked.answers if a.value not in (asked.chosen, FOLDERS)] if asked.topic == "labels" else []
        for answer in others:
            what = answer.meaning if answer.value == FILE_NAMES else f"the labels from {answer.value}"
            ways += [f"To take {what}, choose ", Choice("labels", answer.value), ". "]
    return ways


def _other_splits(questions: Sequence[Question]) -> list[str | Part]:
    """The other splits, where one was taken by default, as parts of advice."""
    taken = [each for each in questions if each.topic == "split" and not each.certain]
    others = [a.value for each in taken for a in each.answers if a.value not in (each.chosen, ALL_SPLITS, NO_SPLITS)]
    return [" To use another split: ", Choice("split", others[0]), "."] if others else []


def _other_encodings(questions: Sequence[Question]) -> list[str | Part]:
    """The other ways to read names whose encoding was guessed, as parts of advice."""
    guessed = [each for each in questions if each.topic == "zip_encoding" and not each.certain]
    return ["\nIf the names are garbled, choose with ", Choice("zip_encoding"), ":\n", guessed[0]] if guessed else []


def _in_workbooks(dataset: Dataset) -> list[str]:
    """How to use the labels in workbooks, as parts of advice; [] if there are none."""
    return [f" {note}" for note in dataset.notes if is_about_workbooks(note)]


def _by_folders_above(dataset: Dataset) -> list[str | Part]:
    """The way to choose a class for all images below a folder, as parts of advice."""
    names = folders_above(dataset.samples)
    each = meaning(names[0], "CLASS") if names else ""
    return [" For all images below a folder at once: ", each, f" (folders: {listed(names)})."] if names else []


def _taken_from(others: Question | None, before: str = "", after: str = "") -> list[str | Part]:
    """The ways to take other labels, as parts of advice: those that are all classes of the model, if there are any.

    Takes a question of `other_labels`.
    """
    if others is None:
        return []
    answer = others.answers[0]
    if others.chosen != answer.value:
        what = answer.meaning if answer.value == FILE_NAMES else f"the labels from the column {answer.value}"
        return [f"{before}To take {what}, choose ", Choice(others.topic, answer.value), f".{after}"]
    ways: list[str | Part] = []
    for answer in others.answers[1:][:_MOST_COLUMNS]:
        what = f"the column {answer.value} ({answer.meaning})"
        ways += [f"{before}If {what} holds the labels, choose ", Choice(others.topic, answer.value), f".{after}"]
    return ways


def _no_class(dataset: Dataset, mapping: LabelMapping, version: ModelVersion, others: Question | None) -> DatasetError:
    labels = mapping.unknown or mapping.left_out
    counting = f" Class ids go from 0 to {len(version.class_names) - 1}." if any(map(_is_number, labels)) else ""
    message = f"None of the labels ({listed([named(label) for label in labels])}) is a class of {version.ref}."
    ids: list[str | Part] = []
    if are_numbers(labels):
        start = "0" if 0 in map(int, labels) else None  # None: they may also count from 1
        end = len(version.class_names) + (start is None)
        outside = sorted((label for label in labels if int(label) >= end), key=int)
        if 0 < len(outside) < len(labels):
            message = (
                f"{len(outside):,} of the {len(labels):,} labels ({listed(outside)}) are not class ids of {version.ref}, "
                "so none is used as one."
            )
            rest = Choice("labels_from", start), " and ", meaning(OTHERS, "")
            ids = ["If the others are class ids, leave out the rest with ", *rest, ". "]
    called = f"after its classes ({listed(version.class_names, 20)}), "
    table = ("give a table of file and label (", Choice("labels", "FILE"), "), ")
    return DatasetError(
        " ".join((*dataset.notes, message, *why_unknown(mapping, version.class_names))) + counting,
        Advice(
            *_taken_from(others, after=" "),
            *_other_labels(dataset.questions),
            *ids,
            *(("Name the folders ", called, *table) if dataset.samples.from_folders else ("Name the labels ", called)),
            "or choose a class for each label (", meaning("LABEL", "CLASS"),
            "). To predict without comparing, use ", meaning(OTHERS, NO_LABEL), ".",
            *_by_folders_above(dataset), *_other_splits(dataset.questions), *_other_encodings(dataset.questions),
        ),
        "labels_unknown",
    )  # fmt: skip


def _is_number(label: str) -> bool:
    return label.removeprefix("-").isdecimal()


def run_key(dataset_sha256: str, version: ModelVersion, label_map: dict[str, str]) -> str:
    """A hash that is equal for two evaluations that give the same answers.

    It covers the content of the dataset, the model file, preprocessing, output, calibration, classes, label map and
    precision.
    """
    parts = [
        dataset_sha256, version.sha256, version.preprocessing.as_record(), version.output, version.temperature,
        version.class_names, label_map, *(["bfloat16"] if serves_in_bfloat16(version) else []),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
