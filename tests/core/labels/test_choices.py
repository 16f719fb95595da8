"""The table in which the user says what labels mean."""

from __future__ import annotations

import pytest

from dashboard.core.labels.choices import LabelChoice, decide, label_choices
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL

COUNTS = {"cat": 5, "hound": 30, "Plane": 2, "automobil": 40}


def test_what_matches_nothing_has_no_meaning_and_comes_with_a_hint() -> None:
    choices = label_choices(COUNTS, CLASS_NAMES)
    assert choices.unmatched == (LabelChoice("automobil", 40, "", "automobile"), LabelChoice("hound", 30, "", ""))
    assert choices.matched == (LabelChoice("Plane", 2, "airplane"), LabelChoice("cat", 5, "cat"))
    assert choices.undecided and choices.images_unmatched == 70
    assert not label_choices({"cat": 1}, CLASS_NAMES).undecided
    assert label_choices({"n02084071": 3}, ("cat", "bus")).unmatched[0].hint == "dog"


def test_nothing_is_complete_before_every_label_is_chosen() -> None:
    choices = label_choices(COUNTS, CLASS_NAMES)
    assert decide(choices, {}).missing == ("automobil", "hound") and not decide(choices, {}).complete
    partly = decide(choices, {"hound": "dog", "automobil": None})
    assert partly.missing == ("automobil",) and not partly.complete
    whole = decide(choices, {"hound": "dog", "automobil": "automobile", "cat": "cat"})
    assert whole.complete and whole.label_map == {"hound": "dog", "automobil": "automobile"}


@pytest.mark.parametrize("others", [LEAVE_OUT, NO_LABEL])
def test_all_others_are_one_choice(others: str) -> None:
    decision = decide(label_choices(COUNTS, CLASS_NAMES), {"hound": "dog", "cat": LEAVE_OUT}, others)
    assert decision.complete and decision.label_map == {"hound": "dog", "automobil": others, "cat": LEAVE_OUT}


def test_leaving_everything_out_is_no_evaluation() -> None:
    choices = label_choices({"hound": 3}, CLASS_NAMES)
    assert not decide(choices, {}, LEAVE_OUT).complete and decide(choices, {}, NO_LABEL).complete
    assert decide(label_choices({}, CLASS_NAMES), {}).complete, "a dataset without labels"


def test_uncertain_numbers_are_a_question() -> None:
    assert label_choices({"1": 3}, CLASS_NAMES).question
    counted = label_choices({"1": 3}, CLASS_NAMES, first_id=1)
    assert counted.question is None and counted.matched == (LabelChoice("1", 3, "airplane"),)


@pytest.mark.parametrize("label", ["Lehrer", "bilder", "house", "cart"])
def test_a_word_that_only_shares_letters_with_a_class_is_no_hint(label: str) -> None:
    assert label_choices({label: 1}, CLASS_NAMES).unmatched[0].hint == ""


def test_the_suggestions_are_the_hints_that_are_classes() -> None:
    choices = label_choices({"cat": 1, "cats": 2, "hors": 3, "Lehrer": 4, "n02110341": 5}, (*CLASS_NAMES[1:5], "horse"))
    assert choices.suggestions == {"cats": "cat", "hors": "horse"}, "both cat and cats: perhaps two classes"
    assert {choice.label for choice in choices.unmatched} == {"cats", "hors", "Lehrer", "n02110341"}
