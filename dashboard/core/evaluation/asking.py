"""What a user has to decide before a dataset can be evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.core.datasets import Dataset, label_counts, open_dataset
from dashboard.core.datasets.choices import CHOICE_TOPICS, NO_SPLITS, Choices
from dashboard.core.datasets.foreign_formats import is_about_workbooks
from dashboard.core.datasets.split_names import names_split
from dashboard.core.datasets.table_choice import COLUMN_OPEN
from dashboard.core.datasets.table_rows import refusal_of
from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.class_folders import counts_above, in_class_folders, with_folders_above
from dashboard.core.evaluation.other_labels import other_labels
from dashboard.core.evaluation.plan import check_splits_are_no_classes
from dashboard.core.labels.choices import LabelChoices, label_choices
from dashboard.core.labels.class_ids import IDS_UNCERTAIN
from dashboard.core.models.version import ModelVersion
from dashboard.core.questions import Question, UndecidedError


@dataclass(frozen=True)
class Asked:
    """The questions about a dataset, as far as it can be read with the answers so far."""

    choices: Choices  # the answers that apply
    questions: tuple[Question, ...]  # about the files; then the question where class ids begin
    dataset: Dataset | None  # None: a question must be answered first
    labels: LabelChoices | None  # None: as `dataset`
    label_map: Mapping[str, str] = field(default_factory=dict)  # class ids, if the user has said where they begin
    above: LabelChoices | None = None  # the folders above the labels, if these may be classes and the labels are not

    @property
    def hints(self) -> tuple[str, ...]:
        """The notes that matter most if most labels are no classes: on workbooks, which may hold others."""
        if self.labels is None or len(self.labels.unmatched) <= len(self.labels.matched):
            return ()
        return tuple(filter(is_about_workbooks, self.notes))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user has to know about the dataset, besides what is decided and what the questions offer."""
        notes = self.dataset.notes if self.dataset else ()
        answers = [answer for question in self.questions for answer in question.answers]
        offered = tuple(refusal_of(answer.value) for answer in answers if answer.meaning == COLUMN_OPEN)
        return tuple(
            note
            for note in notes
            if not (note == IDS_UNCERTAIN and self.labels) and not (offered and note.startswith(offered))
        )

    @property
    def needs_the_user(self) -> bool:
        """True if something is open, or was decided in a way that the user should see before the work begins."""
        open_questions = any(not (question.certain and question.chosen) for question in self.questions)
        return open_questions or self.labels is None or self.labels.undecided


def ask(
    path: Path, version: ModelVersion, answers: Mapping[str, str | None], earlier: Sequence[Question] = ()
) -> Asked:
    """Reads the dataset at `path` with the answers so far. An answer that does not apply any more is dropped.

    Args:
        earlier: the questions of an earlier call for this dataset, to which the answers were given.

    Raises:
        DatasetError: the dataset cannot be used, whatever the answers.
    """
    choices = Choices(**{topic: answers.get(topic) or "" for topic in CHOICE_TOPICS})
    first = answers.get("labels_from")
    try:
        dataset = open_dataset(path, choices)
        check_splits_are_no_classes(dataset, version)
    except UndecidedError as error:
        answered = [replace(each, chosen=answers.get(each.topic) or each.chosen) for each in earlier]
        others = tuple(
            each for each in answered if each.chosen and each.topic not in ("labels_from", error.question.topic)
        )
        return Asked(choices, (*others, error.question), None, None)
    except DatasetError as error:
        if error.code == "choice" and choices:
            depends = [topic for topic in ("label_column", "labels") if getattr(choices, topic)]
            dropped = depends[:1] or CHOICE_TOPICS  # a column depends on the table, and a table on the split
            return ask(path, version, {t: a for t, a in answers.items() if t not in dropped}, earlier)
        raise
    counts = label_counts(in_class_folders(dataset.samples, version.class_names))
    labels = label_choices(counts, version.class_names, ids_uncertain=IDS_UNCERTAIN in dataset.notes)
    questions = dataset.questions
    unknown = [choice.label for choice in labels.unmatched]
    if better := other_labels(path, dataset, unknown, version.class_names, choices):
        questions = (*questions, better)
        if better.chosen is None:
            return Asked(choices, questions, dataset, None)
    if labels.question:
        starts = [answer.value for answer in labels.question.answers]
        chosen = first if first in starts else None
        questions = (*questions, replace(labels.question, chosen=chosen))
        if chosen is None:
            return Asked(choices, questions, dataset, None)
        labels = label_choices(counts, version.class_names, int(chosen))
        meant = {choice.label: choice.meaning for choice in labels.matched}
        return Asked(choices, questions, dataset, labels, meant)
    above = counts_above(dataset.samples, version.class_names) if labels.unmatched else {}
    return Asked(
        choices, questions, dataset, labels, above=label_choices(above, version.class_names) if above else None
    )


def with_classes_named(path: Path, choices: Choices, label_map: Mapping[str, str]) -> Choices:
    """The choices, with NO_SPLITS if the label map says what each of the folders means that may be splits or copies.

    Raises:
        DatasetError: the dataset cannot be used.
    """
    if choices.split or not label_map:
        return choices
    try:
        questions = open_dataset(path, choices).questions
    except UndecidedError as error:
        questions = (error.question,)
    splits = {answer.value for each in questions if each.topic == "split" for answer in each.answers}
    if NO_SPLITS not in splits or not any(names_split(label) or label.strip("/") in splits for label in label_map):
        return choices
    whole = replace(choices, split=NO_SPLITS)
    samples = open_dataset(path, whole).samples
    meant = with_folders_above(samples, label_map)
    labels = samples.labelled_by_path({label for label in meant if label.endswith("/")}).labels
    return whole if labels and set(labels) <= meant.keys() else choices
