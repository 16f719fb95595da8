"""The table in which the user says, before a run, which class of the model each label of a dataset means."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.matching import likely_classes, match_labels
from dashboard.core.labels.synsets import synset_name
from dashboard.core.labels.why_unknown import why_unknown
from dashboard.core.questions import Question

_ALIKE = 0.86  # in [0, 1], of `difflib`; less is no hint: a word of four letters may lack one, but not have another


@dataclass(frozen=True)
class LabelChoice:
    """One label of a dataset, a row of the table."""

    label: str  # as the dataset spells it
    images: int  # number of images with this label
    meaning: str  # a class, LEAVE_OUT or NO_LABEL; "" if the user has to choose
    hint: str = ""  # only for reading: its name in WordNet, or a class that is spelled alike


@dataclass(frozen=True)
class LabelChoices:
    """The labels of a dataset."""

    unmatched: tuple[LabelChoice, ...]  # match no class, those with the most images first
    matched: tuple[LabelChoice, ...]
    class_names: tuple[str, ...]  # of the model
    question: Question | None = None  # where class ids begin, if that is not certain
    reasons: tuple[str, ...] = ()  # why unmatched labels that look like classes are not read as these, in sentences

    @property
    def undecided(self) -> bool:
        """True if the user has to say something before the dataset can be evaluated."""
        return bool(self.unmatched or self.question)

    @property
    def suggestions(self) -> dict[str, str]:
        """Label -> class, for the labels that match none and whose hint is a class."""
        return {choice.label: choice.hint for choice in self.unmatched if choice.hint in self.class_names}

    @property
    def images_unmatched(self) -> int:
        """The number of images whose label matches no class."""
        return sum(choice.images for choice in self.unmatched)


@dataclass(frozen=True)
class Decision:
    """What the user has chosen so far."""

    label_map: dict[str, str]  # only what differs from the matches, see `match_labels`
    missing: tuple[str, ...]  # labels that still need a meaning
    nothing_left: bool  # every label is left out

    @property
    def complete(self) -> bool:
        """True if the dataset can be evaluated."""
        return not self.missing and not self.nothing_left


NOTHING_DECIDED = Decision({}, (), nothing_left=True)


def label_choices(
    counts: Mapping[str, int],
    class_names: Sequence[str],
    first_id: int | None = None,
    ids_uncertain: bool = False,
    unnamed: bool = False,
) -> LabelChoices:
    """Each label with the class that it matches. A label that matches none has no meaning until the user chooses one.

    Args:
        counts: the number of images with each label.
        first_id: the number of the first class, if the user has said so; see `match_labels`.
        ids_uncertain, unnamed: see `match_labels`.
    """
    mapping = match_labels(counts, class_names, first_id=first_id, ids_uncertain=ids_uncertain, unnamed=unnamed)
    meanings = mapping.label_map()
    unmatched = sorted(mapping.unknown, key=lambda label: (-counts[label], label))
    likely = likely_classes(unmatched, class_names)
    return LabelChoices(
        tuple(
            LabelChoice(label, counts[label], "", _hint(label, likely.get(label, ""), class_names))
            for label in unmatched
        ),
        tuple(LabelChoice(label, counts[label], meanings[label]) for label in sorted(meanings)),
        tuple(class_names),
        mapping.question,
        why_unknown(mapping, class_names),
    )


def decide(choices: LabelChoices, meanings: Mapping[str, str | None], others: str = "") -> Decision:
    """What the user's entries in the table amount to.

    Args:
        meanings: label -> a class, LEAVE_OUT or NO_LABEL; None or "" where nothing is chosen.
        others: the meaning of all labels for which nothing is chosen: LEAVE_OUT, NO_LABEL, or "" if each needs one.
    """
    every = (*choices.unmatched, *choices.matched)
    chosen = {choice.label: meanings.get(choice.label) or choice.meaning or others for choice in every}
    missing = tuple(label for label, meaning in chosen.items() if not meaning)
    changed = {
        choice.label: chosen[choice.label] for choice in every if chosen[choice.label] not in ("", choice.meaning)
    }
    nothing_left = bool(chosen) and all(meaning == LEAVE_OUT for meaning in chosen.values())
    return Decision(changed, missing, nothing_left)


def meanings_for(class_names: Sequence[str]) -> list[str]:
    """All meanings that the user can choose for a label."""
    return [*class_names, NO_LABEL, LEAVE_OUT]


def _hint(label: str, likely: str, class_names: Sequence[str]) -> str:
    if name := likely or synset_name(label):
        return name
    spelled = {name.casefold(): name for name in class_names}
    alike = difflib.get_close_matches(label.casefold(), list(spelled), 1, _ALIKE)
    return spelled[alike[0]] if alike else ""
