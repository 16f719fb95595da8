"""Whether predictions fit the labels better if the classes are put in another order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MOST_ORDERED = 2000  # classes that occur: the best order of K takes memory for K^2 and time for K^3
LEAST_MOVED = 5  # images
_CLEARLY = 3.0  # times as many images must fit the other order


@dataclass(frozen=True)
class OtherOrder:
    """A permutation of the classes, and the images of those that it moves."""

    place: Mapping[int, int]  # class id of a label -> the other class that is predicted for it
    without_images: frozenset[int]  # those that no image is of: their place only follows from the others'
    fits: int  # images that are right in this order
    kept: int  # images that are right as it is
    n: int
    p_value: float  # that as many fit by chance, although any order was looked for

    def in_words(self, names: Sequence[str]) -> str:
        """What is wrong with the order of the K names, as a sentence without its full stop."""
        if len(self.place) == 2:
            a, b = sorted(self.place)
            return f"{names[a]} and {names[b]} look swapped"
        steps = {(b - a) % len(names) for a, b in self.place.items() if a not in self.without_images}
        if len(steps) == 1:
            (step,) = steps
            by = min(step, len(names) - step)
            return f"The order of the classes looks shifted by {'one' if by == 1 else by}"
        return f"The order of {len(self.place)} classes looks mixed up"

    def applied(self, names: Sequence[str]) -> tuple[str, ...]:
        """The K names in the order that fits."""
        found = list(names)
        for a, b in self.place.items():
            found[b] = names[a]
        return tuple(found)


def other_order(confusion: np.ndarray) -> OtherOrder | None:
    """The order in which clearly more of the images are right, each class of it; None if there is no such order.

    Args:
        confusion: (K, K) counts; rows are labels, columns predictions.
    """
    from scipy.stats import binom

    images = confusion.sum(axis=1)
    present = np.flatnonzero(images + confusion.sum(axis=0))
    if not 2 <= len(present) <= MOST_ORDERED:
        return None
    among = confusion[np.ix_(present, present)]
    moved = [cycle for cycle in _cycles(best_order(among)) if _fits_better(among, cycle)]
    if not moved:
        return None
    place = {int(present[a]): int(present[b]) for cycle in moved for a, b in cycle}
    fits = sum(int(confusion[a, b]) for a, b in place.items())
    kept = sum(int(confusion[a, a]) for a in place)
    orders = len(confusion) ** 2  # that were looked for: each class could have been any other
    p_value = min(1.0, orders * float(binom.sf(fits - 1, fits + kept, 0.5)))
    without = frozenset(a for a in place if not images[a])
    return OtherOrder(place, without, fits, kept, sum(int(images[a]) for a in place), p_value)


def best_order(confusion: np.ndarray) -> np.ndarray:
    """(K,) for each label another class, such that as many predictions as possible agree."""
    from scipy.optimize import linear_sum_assignment

    settled = confusion * len(confusion) * 4 + np.eye(len(confusion), dtype=confusion.dtype)  # ties change nothing
    return linear_sum_assignment(settled, maximize=True)[1]


def _cycles(order: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """The cycles of a permutation that move something, as pairs (class, its place)."""
    left = {a for a, b in enumerate(order.tolist()) if a != b}
    while left:
        cycle, a = [], min(left)
        while a in left:
            left.remove(a)
            cycle.append((a, int(order[a])))
            a = int(order[a])
        yield cycle


def _fits_better(confusion: np.ndarray, cycle: list[tuple[int, int]]) -> bool:
    """Every class of the cycle that has images, which are at least two, is predicted mostly as the next one."""
    has_images = [(a, b) for a, b in cycle if confusion[a].sum()]
    moved = sum(confusion[a, b] for a, b in has_images)
    return (
        len(has_images) > 1
        and moved >= LEAST_MOVED
        and all(
            confusion[a, b] == confusion[a].max() and confusion[a, b] >= _CLEARLY * confusion[a, a]
            for a, b in has_images
        )
    )
