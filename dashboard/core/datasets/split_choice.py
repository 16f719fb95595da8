"""Which split of a dataset is evaluated. Never several without the user's word: figures over training images mislead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dashboard.core.datasets.choices import ALL_SPLITS, NO_SPLITS
from dashboard.core.datasets.split_names import split_called
from dashboard.core.errors import Advice, Choice, DatasetError, counted, listed
from dashboard.core.questions import Answer, Question, UndecidedError


@dataclass(frozen=True)
class Split:
    """A split, as a user chooses it."""

    name: str  # train, val or test; or what a column calls another one
    called: tuple[str, ...]  # what the dataset calls it
    size: int
    unit: str  # what `size` counts: image or file


@dataclass(frozen=True)
class SplitChoice:
    """The splits that are evaluated, and how that was decided."""

    splits: tuple[str, ...]
    question: Question
    note: str


def choose_split(
    dataset_name: str,
    splits: Sequence[Split],
    wanted: str,
    labelled: Callable[[str], bool],
    may_be_classes: bool = False,
    may_pool: bool = True,
    certain: bool = True,
    noun: str = "split",
    about_others: Sequence[str] = (),
    without_labels: Mapping[str, str] | None = None,
) -> SplitChoice:
    """Takes the split that the user wants; else test; else the only split with labels.

    Args:
        wanted: a split in any spelling, ALL_SPLITS, or "".
        labelled: True if the images of a split have labels.
        may_be_classes: True if NO_SPLITS is a possible answer.
        may_pool: True if ALL_SPLITS is one.
        certain: False if the user has to say whether these are splits.
        noun: what they are, for messages: "split", "copy" or "split or copy".
        about_others: sentences about images in none of them.
        without_labels: further splits that have no labels, with a sentence that says why.

    Raises:
        UndecidedError: the user has to choose; code `several_splits`.
        DatasetError: there is no such split; code `choice`.
    """
    plural = noun.replace("copy", "copies").replace("split", "splits")
    instead = "classes" if noun == "split" else "different images"
    names = [split.name for split in splits]
    answers = [Answer(split.name, _in_words(split)) for split in splits]
    if may_pool:
        answers.append(
            Answer(ALL_SPLITS, f"{counted(sum(s.size for s in splits), splits[0].unit)}, all of these together")
        )
    if may_be_classes:
        answers.append(Answer(NO_SPLITS, f"these are {instead}, not {plural}"))
    question = Question("split", f"Which {noun} of {dataset_name}?", tuple(answers))
    sizes = "; ".join(f"{split.name}: {_in_words(split)}" for split in splits)
    chosen, why = _chosen(names, wanted, labelled, splits) if wanted or certain else (None, "")
    if wanted and chosen not in [answer.value for answer in answers]:
        why = f"has no {noun} {wanted!r}" if chosen is None else f"has {plural} that cannot be read as one dataset"
        if reason := (without_labels or {}).get(split_called(wanted) or ""):
            why = f"has no labels for the {noun} {wanted!r}. {reason.removesuffix('.')}"
        raise DatasetError(f"{dataset_name} {why}.", question.way_out, "choice")
    doubt = "" if certain else f", or {instead} in folders that are called so"
    if chosen is None:
        raise UndecidedError(
            " ".join((f"{dataset_name} holds more than one {noun}{doubt}: {sizes}.", *about_others)),
            question,
            "several_splits",
        )
    question = replace(question, chosen=chosen, certain=bool(wanted))
    if chosen == ALL_SPLITS:
        return SplitChoice(tuple(names), question, f"All {plural} are pooled, {why} ({sizes}).")
    no_labels = may_be_classes and not wanted and not labelled(chosen)
    or_classes = f" If these are {instead}, choose the {noun} {NO_SPLITS}." if no_labels else ""
    return SplitChoice((chosen,), question, f"Only the {noun} {chosen} is used, {why} ({sizes}).{or_classes}")


def _chosen(
    names: Sequence[str], wanted: str, labelled: Callable[[str], bool], splits: Sequence[Split]
) -> tuple[str | None, str]:
    """The split to use, or ALL_SPLITS, and why; None if that is not certain."""
    if wanted:
        own = {name.casefold(): split.name for split in splits for name in (*split.called, split.name)}
        spelled = wanted.casefold()
        found = spelled if spelled == ALL_SPLITS else own.get(spelled) or split_called(wanted)
        return (found if found in (*names, ALL_SPLITS) else None), "as chosen"
    if "test" in names and labelled("test"):
        return "test", "as is usual where there is one"
    with_labels = [name for name in names if labelled(name)]
    if len(with_labels) == 1:
        return with_labels[0], "since no other has labels"
    if not with_labels and "test" in names:
        return "test", "since none has labels"
    return None, ""


def _in_words(split: Split) -> str:
    return f"{counted(split.size, split.unit)} in {listed(split.called, 3)}"


def no_splits(dataset_name: str, wanted: str) -> DatasetError:
    """The error for a split that is wanted from a dataset without splits."""
    return DatasetError(
        f"{dataset_name} has no splits, so {wanted!r} cannot be chosen.",
        Advice("Leave out ", Choice("split"), ". Splits are folders such as train and test."), "choice",
    )  # fmt: skip
