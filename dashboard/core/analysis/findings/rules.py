"""The rules, one a row: what is looked for, and which other findings would already explain it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.core.analysis.findings.below_record import below_record
from dashboard.core.analysis.findings.class_order import at_chance, wrong_order, wrong_pixels
from dashboard.core.analysis.findings.classes import never_predicted, rare_class, weak_class
from dashboard.core.analysis.findings.copies import conflicting_labels, repeated_images
from dashboard.core.analysis.findings.evidence import Evidence
from dashboard.core.analysis.findings.failures import unreadable
from dashboard.core.analysis.findings.finding import Search
from dashboard.core.analysis.findings.labels import confident_mistakes, label_errors, mislabelled_class
from dashboard.core.analysis.findings.pairs import confused_pair
from dashboard.core.analysis.findings.properties import depends_on_property
from dashboard.core.analysis.findings.trust import miscalibrated
from dashboard.core.analysis.findings.unfamiliar import unfamiliar


@dataclass(frozen=True)
class Rule:
    """A rule."""

    ids: tuple[str, ...]  # of its findings
    search: Callable[[Evidence], Search]
    explained_by: tuple[str, ...] = ()  # a finding is left out if findings of these rules have most of its images
    needs_labels: bool = True
    about_answers: bool = True  # makes no sense if the images were chosen by their answers
    about_confidence: bool = False  # makes no sense without probabilities


_WHOLE = ("wrong_pixels", "wrong_order")
_CAUSES = (*_WHOLE, "never_predicted", "at_chance", "mislabelled_class")
WRONG_LABELS = ("mislabelled_class", "label_errors")  # so many that they change the figures
ABOUT_LABELS = ("conflicting_labels", *WRONG_LABELS)
# whatever they cost: while labels or classes are certainly wrong, other findings may be, too
FIRST = (*_WHOLE, "never_predicted", "at_chance", "conflicting_labels")
RULES = (  # a rule stands after those that explain it
    Rule(("unreadable",), unreadable, needs_labels=False, about_answers=False),
    Rule(("wrong_pixels",), wrong_pixels),
    Rule(("unfamiliar",), unfamiliar, ("wrong_pixels",), needs_labels=False),
    Rule(("wrong_order",), wrong_order, ("wrong_pixels",)),
    Rule(("never_predicted",), never_predicted, _WHOLE),
    Rule(("at_chance",), at_chance, (*_WHOLE, "never_predicted")),
    Rule(("conflicting_labels",), conflicting_labels, about_answers=False),
    Rule(("repeated_images",), repeated_images, ("conflicting_labels",), needs_labels=False, about_answers=False),
    Rule(("mislabelled_class",), mislabelled_class, (*_WHOLE, "never_predicted", "at_chance"), about_confidence=True),
    Rule(("confused_pair",), confused_pair, _CAUSES),
    Rule(("depends_on_property",), depends_on_property, (*_CAUSES, "depends_on_property")),
    Rule(("rare_class",), rare_class, ("never_predicted",)),
    Rule(
        ("label_errors",), label_errors, (*_CAUSES, "conflicting_labels", "depends_on_property"), about_confidence=True
    ),
    Rule(
        ("overconfident", "underconfident", "miscalibrated"),
        miscalibrated,
        (*_CAUSES, "depends_on_property", "label_errors"),
        about_confidence=True,
    ),
    Rule(
        ("confident_mistakes",),
        confident_mistakes,
        (*_CAUSES, *ABOUT_LABELS, "confused_pair", "depends_on_property", "overconfident", "miscalibrated"),
        about_confidence=True,
    ),
    Rule(("weak_class",), weak_class, (*_CAUSES, "confused_pair")),
    Rule(
        ("below_record",),
        below_record,
        (*_CAUSES, "confused_pair", "depends_on_property", "label_errors", "weak_class"),
    ),
)
IDS = tuple(each for rule in RULES for each in rule.ids)
WITHOUT_LABELS = tuple(each for rule in RULES if not rule.needs_labels for each in rule.ids)  # found in any images


def rule_of(finding_id: str) -> Rule:
    """The rule that gives the findings with this id."""
    return next(rule for rule in RULES if finding_id in rule.ids)


def meant_by(finding_id: str) -> tuple[str, ...]:
    """The ids that a reader means by this one: confidence that is too high or too low is miscalibrated, too."""
    return rule_of(finding_id).ids if finding_id == "miscalibrated" else (finding_id,)
