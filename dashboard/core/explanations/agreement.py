"""Do the maps that passed their test agree, and which part of the picture do they point to? One sentence answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from dashboard.core.errors import listed_and
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.overlay import resize_maps
from dashboard.core.explanations.records import Explanation

SIDE = 32  # cells per side of the grid on which maps are compared
TOP = 0.2  # share of the picture that counts as its most marked part; two unrelated maps share a fifth of it on average
LEAST_CORRELATION = 0.5  # Spearman
LEAST_OVERLAP = 0.5  # of the most marked parts
STRONG = 0.5  # share of a map's maximum; fainter evidence does not count for the place, as fine maps have much of it
SPREAD_FROM = 0.24  # root mean square distance from the middle of the strong part, in sides, beyond a disc of its area
EDGES = (
    1 / 3,
    2 / 3,
)  # where the left and the upper part of a picture end, and where the right and the lower part begin


_NOWHERE = ("several places", "nothing")  # what `place_in_words` says if there is no single place


@dataclass(frozen=True)
class Agreement:
    """Maps that mark the same part of a picture."""

    methods: tuple[str, ...]  # titles, the highest score first
    place: str  # such as "the upper left"
    spearman: float  # the lowest rank correlation of two of the maps; 1 for a single map
    overlap: float  # the smallest share of the most marked fifth that two of the maps have in common
    same_source: bool  # all are made from one layer, so they agree more easily


@dataclass(frozen=True)
class MapSummary:
    """What the tested maps of one picture say together."""

    sentence: str
    reason: str  # how the sentence was found


def summarise(explanations: Sequence[Explanation], of: int) -> MapSummary:
    """One sentence on the tested maps of a picture: which can be relied on, and where they point.

    Args:
        explanations: maps of the same picture and class, at least one, each with its test.
        of: number of the maps that could be made; some may not have been made yet.
    """
    passed = sorted((e for e in explanations if _verdict(e) == "better"), key=_score, reverse=True)
    count = len(explanations)
    reason = (
        f"{len(passed)} of {count} maps passed the faithfulness test: they score higher than random maps and than a plain spot in "
        "the picture's centre. The second test, with shuffled weights, is on the tab One map and is not counted here."
    )
    if count < of:
        reason += f" {of - count} more can be made on the tab Methods."
    if not passed:
        return MapSummary(_none_passed(explanations, of), reason)
    groups = _groups(passed)
    names = groups[0].methods
    if any(group.place == "the centre" for group in groups):
        reason += (
            " A map that points to the centre is not that spot: it has a shape of its own, and it passed because it scores "
            "higher."
        )
    if len(names) == 1:
        return MapSummary(_none_agree(groups, of - count), reason)
    several = [group for group in groups if len(group.methods) > 1]
    who = (
        f"All {len(names)} maps that passed the faithfulness test"
        if len(names) > 3 and len(groups) == 1
        else listed_and(names)
    )
    sentence = f"{who} agree{_they_point(groups[0])}."
    for group in several[1:]:
        sentence += f" {listed_and(group.methods)} agree with each other{_they_point(group)}."
    sentence += "".join(_another_map(group, groups[0].place) for group in groups[len(several) :])
    reason += (
        f" Maps agree here if the rank correlation of each two is at least {LEAST_CORRELATION:.1f} (lowest: "
        f"{min(group.spearman for group in several):.2f}) and they share at least {LEAST_OVERLAP:.0%} of their most marked fifth "
        f"(least: {min(group.overlap for group in several):.0%})."
    )
    return MapSummary(sentence, reason)


def _groups(explanations: Sequence[Explanation]) -> list[Agreement]:
    """All maps in groups that agree: the largest group, then the largest of the maps that are left, and so on."""
    found: list[Agreement] = []
    while left := [e for e in explanations if not any(_title(e) in group.methods for group in found)]:
        found.append(largest_agreement(left))
    return found


def _they_point(group: Agreement) -> str:
    expected = ", as maps of one layer mostly do" if group.same_source else ""
    return f"{expected}: they point to {group.place}"


def largest_agreement(explanations: Sequence[Explanation]) -> Agreement:
    """The largest group of maps of which each two agree; of equally large groups the one with the highest scores.

    Args:
        explanations: at least one, the highest score first, none empty.
    """
    maps = np.stack([on_common_grid(e.heatmap) for e in explanations])
    spearman, overlap = correlations(maps), overlaps(maps)
    agree = (spearman >= LEAST_CORRELATION) & (overlap >= LEAST_OVERLAP)
    group: tuple[int, ...] = (0,)
    for size in range(len(explanations), 1, -1):
        found = [
            g for g in combinations(range(len(explanations)), size) if all(agree[a, b] for a, b in combinations(g, 2))
        ]
        if found:  # the first is the one with the highest scores
            group = found[0]
            break
    pairs = list(combinations(group, 2))
    return Agreement(
        tuple(_title(explanations[i]) for i in group),
        place_in_words(maps[list(group)].mean(axis=0)),
        min((float(spearman[pair]) for pair in pairs), default=1.0),
        min((float(overlap[pair]) for pair in pairs), default=1.0),
        all(METHODS[explanations[i].method].uses_layer for i in group),
    )


def on_common_grid(heatmap: np.ndarray) -> np.ndarray:
    """The heatmap (h, w) on SIDE x SIDE cells, with a maximum of 1."""
    if max(heatmap.shape) > SIDE:
        import cv2

        resized = cv2.resize(np.asarray(heatmap, np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    else:
        resized = resize_maps(heatmap[None], (SIDE, SIDE))[0]
    return np.asarray(resized / max(float(resized.max()), np.finfo(np.float32).tiny))


def correlations(maps: np.ndarray) -> np.ndarray:
    """The rank correlations (Spearman) of maps (M, h, w) with each other, (M, M); 0 for a map of one value."""
    return np.nan_to_num(pd.DataFrame(maps.reshape(len(maps), -1).T).corr("spearman").to_numpy())


def overlaps(maps: np.ndarray) -> np.ndarray:
    """Which share of their most marked parts maps (M, h, w) have in common, (M, M) in [0, 1]."""
    parts = np.stack([most_marked(m).ravel() for m in maps]).astype(float)
    sizes = parts.sum(axis=1)
    shared: np.ndarray = parts @ parts.T / np.maximum(np.maximum.outer(sizes, sizes), 1)
    return shared


def most_marked(heatmap: np.ndarray) -> np.ndarray:
    """The cells of a map (h, w) that are its highest fifth, (h, w) bool; cells without evidence never count."""
    least = np.quantile(heatmap, 1 - TOP)
    return (heatmap >= least) & (heatmap > 0)


def place_in_words(heatmap: np.ndarray) -> str:
    """Where the strong part of a map (h, w) lies, such as "the upper left" or "the centre".

    It is the map's highest fifth, or less: maps made from pixels have narrow peaks, and their highest fifth reaches far into
    faint evidence all over the picture. A narrow part may spread less than a wide one, whose cells cannot all be in one place.
    """
    strong = most_marked(heatmap) & (heatmap >= STRONG * heatmap.max())
    if not strong.any():
        return "nothing"
    y, x = ((each + 0.5) / n for each, n in zip(np.nonzero(strong), heatmap.shape, strict=True))
    of_disc = min(strong.mean(), TOP) / (2 * np.pi)  # its variance; a larger part has many equal values
    if x.var() + y.var() - of_disc >= SPREAD_FROM**2:
        return "several places"
    down = _part(float(y.mean()), ("upper", "", "lower"))
    across = _part(float(x.mean()), ("left", "", "right"))
    if down and across:
        return f"the {down} {across}"
    if down:
        return f"the {down} part"
    return f"the {across}" if across else "the centre"


def _none_passed(explanations: Sequence[Explanation], of: int) -> str:
    verdicts = {_verdict(e) for e in explanations}
    count = len(explanations)
    if count == of:
        subject, empty = "No map can", "There is no evidence for this class: all maps are empty."
    elif count == 1:
        title = _title(explanations[0])
        subject, empty = f"{title} cannot", f"{title} shows no evidence for this class."
    else:
        these = f"the {count} quick maps" if _are_the_quick_ones(explanations) else f"these {count} maps"
        subject, empty = f"None of {these} can", f"{these.capitalize()} show no evidence for this class."
    if verdicts == {"empty"}:
        sentence = empty
    elif verdicts <= {"unmoved", "empty"}:
        sentence = f"{subject} be judged for this picture: the probability of this class hardly changes."
    else:
        sentence = f"{subject} be relied on for this picture."
    untested = of - count
    if untested > 1 and _are_the_quick_ones(explanations):
        return f"{sentence} The {untested} slower ones have not been tried yet: the tab Methods makes them."
    return sentence + _not_tested(untested)


def _are_the_quick_ones(explanations: Sequence[Explanation]) -> bool:
    """True for the maps that are made at once, before the reader asks for more."""
    return {e.method for e in explanations} == {m.name for m in METHODS.values() if m.cost == "instant"}


def _another_map(group: Agreement, place: str) -> str:
    """What to say of a map that agrees with no other one. `place`: where the largest group points."""
    if group.place == place and place not in _NOWHERE:
        return f" {group.methods[0]} points there too, with another shape."
    return f" {group.methods[0]} points to {group.place}."


def _none_agree(groups: Sequence[Agreement], untested: int) -> str:
    """The sentence on maps of which no two agree, one per group."""
    name, place = groups[0].methods[0], groups[0].place
    if len(groups) > 1:
        if place not in _NOWHERE and all(group.place == place for group in groups):
            return f"The {len(groups)} maps that passed the faithfulness test point to {place}, with different shapes."
        return f"The maps that passed the faithfulness test disagree. The best, {name}, points to {place}."
    if untested:
        return f"{name} passed the faithfulness test: it points to {place}.{_not_tested(untested)}"
    return f"Only {name} can be relied on: it points to {place}."


def _not_tested(untested: int) -> str:
    if not untested:
        return ""
    return f" The tab Methods tests the other {'one' if untested == 1 else untested}."


def _part(position: float, names: tuple[str, str, str]) -> str:
    low, high = EDGES
    return names[0] if position < low else names[2] if position > high else names[1]


def _verdict(explanation: Explanation) -> str:
    return explanation.faithfulness.verdict if explanation.faithfulness else ""


def _score(explanation: Explanation) -> float:
    return explanation.faithfulness.map.score if explanation.faithfulness else 0.0


def _title(explanation: Explanation) -> str:
    return METHODS[explanation.method].title
