"""Whether labelled samples tell that the class names of a model are in the wrong order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.core.images.preprocessing import SCALINGS
from dashboard.core.metrics.other_order import OtherOrder
from dashboard.core.models.self_test import SelfTest, best_of, clearly_better
from dashboard.core.shell import in_command

_NEARLY_ALL = 0.8  # share of the samples that another order must explain: less may also be a wrong scaling
_MOST_SHOWN = 50  # class names in a message


@dataclass(frozen=True)
class OtherNames:
    """The class names in an order that explains the samples."""

    scaling: str  # the one of the self-tests that this order goes with
    test: SelfTest  # in this order
    order: OtherOrder
    given: tuple[str, ...]  # the names as they are

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names in this order; None: the samples do not tell the place of each."""
        return None if self.order.without_images else self.test.class_names

    @property
    def option(self) -> str:
        """The option of `models add` that gives this order; with a, b and c for names that are unknown or too many."""
        names = self.names
        if names is None or len(names) > _MOST_SHOWN or "," in "".join(names):
            names = ("a", "b", "c")
        return f"--class-names {in_command(','.join(names))}"

    def __str__(self) -> str:
        """What is wrong and what speaks for it, as a sentence without its full stop."""
        return (
            f"{self.order.in_words(self.given)}: with the class names in another order and the scaling {self.scaling}, "
            f"{self.test.right} of {self.test.accuracy.n} labelled samples are right"
        )


def other_names(tests: Mapping[str, SelfTest], mine: str | None = None) -> OtherNames | None:
    """The order of the class names that explains the samples as well as the best scaling does in the present order.

    Args:
        tests: self-tests on the same samples, by scaling.
        mine: the scaling that is given or known. Its own answers must be clearly worse than those in the other order.
    """
    if not tests:
        return None
    best = tests[best_of(tests)]
    found = []
    for scaling, test in tests.items():
        order, other = test.in_other_order() or (None, test)
        if order is None or other.accuracy.value < _NEARLY_ALL:
            continue
        # red and blue swapped in the names and in the pixels are right again, which speaks for neither
        mirrored = scaling in SCALINGS and SCALINGS[scaling].color == "bgr" and not clearly_better(other, best)
        if not mirrored and not clearly_better(best, other):
            found.append(OtherNames(scaling, other, order, test.class_names))
    first = max(found, key=lambda each: (each.test.right, each.scaling == mine), default=None)
    if first and mine is not None and mine in tests and not clearly_better(first.test, tests[mine]):
        return None
    return first
