"""Labels that are ids of WordNet, such as n02084071 for dog: ImageNet calls its folders so.

The names lie in wordnet_nouns.txt.gz: for each noun of animals, plants, food, artifacts and other things its number, the
numbers of its hypernyms (what it is a kind of; `-` if none), and its names. Source: WordNet 3.0, whose numbers ImageNet
uses, https://wordnet.princeton.edu; license in data/licenses/wordnet.txt.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("wordnet_nouns.txt.gz")
_ID = re.compile(r"n([0-9]{8})(?:[\s._-].*)?")  # a name may follow, as in n02085620-Chihuahua
_ALL_THINGS = frozenset({"entity", "physical_entity", "object", "whole", "thing", "matter", "substance", "part"})
_SORTS = frozenset({"animal", "plant", "food", "artifact", "person", "natural_object", "substance", "body_part"})
_USUAL = frozenset({"01503061", "01639765", "02374451"})  # bird, frog and horse as animals, as in CIFAR-10
_MANY = 10  # labels


@dataclass(frozen=True)
class Synset:
    """A meaning in WordNet."""

    number: str
    names: tuple[str, ...]  # the usual one first, with `_` for spaces
    kinds: tuple[str, ...]  # numbers of the synsets that it is a kind of


@dataclass(frozen=True)
class SynsetMatches:
    """What labels that are ids of WordNet mean."""

    class_of: dict[str, str]  # label -> class
    note: str = ""


def synset_name(label: str) -> str:
    """The name of a label that is an id of WordNet; "" for any other label."""
    found = _synset(label)
    return found.names[0].replace("_", " ") if found else ""


def _synset(label: str) -> Synset | None:
    found = _ID.fullmatch(label)
    return _synsets().get(found[1]) if found else None


def match_synsets(
    labels: Sequence[str], class_names: Sequence[str], class_called: Callable[[str], str | None]
) -> SynsetMatches:
    """Matches ids of WordNet with classes: by a name of the synset, else by the nearest that it is a kind of.

    A class whose name has several meanings, such as the animal and the device called mouse, is matched only if it is
    certain which of them is meant; see `Meanings`. If many labels are certainly meant by classes of their own names, the
    model has the classes of such a dataset; then the others match by their own names too, as far as only one label does.

    Args:
        class_called: the class with a name; None if there is none.
    """
    known = {label: synset for label in labels if (synset := _synset(label))}
    meanings = Meanings(class_names, class_called)
    own: dict[str, str] = {}
    inherited: dict[str, str] = {}
    unclear: dict[str, str] = {}
    unclear_own: dict[str, str] = {}
    for label, synset in known.items():
        for kind in (synset, *_kinds(synset)):
            if (found := meanings.meant_by(kind)) is None:
                continue
            if found.certain:
                (own if kind is synset else inherited)[label] = found.class_name
            else:
                (unclear_own if kind is synset else unclear)[label] = found.class_name
            break
    if len(own) >= max(_MANY, 3 * len(unclear_own)):
        own |= unclear_own
        unclear_own = {}
    often = Counter(own.values())
    class_of = {label: meant for label, meant in own.items() if often[meant] == 1} | inherited
    said = [_in_words(label, known[label].names[0], class_of[label]) for label in sorted(class_of)]
    notes = [f"Labels are read as ids of WordNet: {_joined(said)}."] if said else []
    if unclear := unclear | unclear_own:
        not_said = [f"{label} ({synset_name(label)}) with {unclear[label]}" for label in sorted(unclear)]
        notes.append(f"Not matched, since the name of the class has several meanings: {_joined(not_said)}.")
    return SynsetMatches(class_of, " ".join(notes))


def _joined(said: Sequence[str]) -> str:
    return "; ".join(said[:8]) + (f" and {len(said) - 8:,} more" if len(said) > 8 else "")


def _in_words(label: str, name: str, meant: str) -> str:
    name = name.replace("_", " ")
    return f"{label} is {name}" + ("" if name == meant else f", used as {meant}")


@dataclass(frozen=True)
class Meant:
    """A class that may mean a synset."""

    class_name: str
    certain: bool  # False: the name of the class has other meanings that are as likely


class Meanings:
    """What the names of a model's classes mean.

    Of the synsets that share a name, those count that have most names of the class, and of these those whose usual name
    it is. If several are left, a class means the only one of the same sort (animal, plant, food ...) as other classes,
    else the one that is usual in datasets of images, else it is not certain which.
    """

    def __init__(self, class_names: Sequence[str], class_called: Callable[[str], str | None]) -> None:
        self._class_names, self._class_called = class_names, class_called

    def meant_by(self, synset: Synset) -> Meant | None:
        """The class that means a synset; None if there is none."""
        found = next(filter(None, map(self._class_called, synset.names)), None)
        if found is None or not _ALL_THINGS.isdisjoint(synset.names):
            return None
        likely = self._likely(found, synset.names)
        if len(likely) > 1:
            of_this_sort = [each for each in likely if not self._sorts.isdisjoint(_sorts_of(each))]
            usual = [each for each in likely if each.number in _USUAL]
            likely = of_this_sort if len(of_this_sort) == 1 else usual or likely
        return Meant(found, len(likely) == 1) if synset in likely else None

    def _likely(self, class_name: str, words: Sequence[str]) -> list[Synset]:
        """The most likely meanings of a class, among the synsets with one of these words as a name."""

        def rank(synset: Synset) -> tuple[int, bool]:
            fits = [self._class_called(name) == class_name for name in synset.names]
            return sum(fits), fits[0]

        ranks = {synset: rank(synset) for word in words for synset in _synsets_called().get(_word(word), ())}
        best = max(ranks.values(), default=(0, False))
        return [synset for synset, each in ranks.items() if each == best and best[0]]

    @cached_property
    def _sorts(self) -> frozenset[str]:
        """The sorts of the classes that are of one sort whatever they mean."""
        likely = filter(None, (self._likely(name, name.split(",")) for name in self._class_names))
        return frozenset().union(*(frozenset.intersection(*map(_sorts_of, each)) for each in likely))


def _sorts_of(synset: Synset) -> frozenset[str]:
    return _SORTS.intersection(each.names[0] for each in (synset, *_kinds(synset)))


def _kinds(synset: Synset) -> Iterator[Synset]:
    """What a synset is a kind of, the nearest first."""
    level, seen = [synset], {synset.number}
    while level:
        numbers = dict.fromkeys(number for each in level for number in each.kinds if number not in seen)
        seen |= set(numbers)
        level = [_synsets()[number] for number in numbers]
        yield from level


def _word(name: str) -> str:
    return name.strip().replace(" ", "_").casefold()


@lru_cache(maxsize=1)
def _synsets_called() -> dict[str, list[Synset]]:
    """All synsets by each of their names."""
    found: dict[str, list[Synset]] = {}
    for synset in _synsets().values():
        for word in set(map(_word, synset.names)):
            found.setdefault(word, []).append(synset)
    return found


@lru_cache(maxsize=1)
def _synsets() -> dict[str, Synset]:
    """All synsets by number."""
    with gzip.open(_FILE, "rt", encoding="ascii") as lines:
        return {synset.number: synset for synset in map(_read, lines)}


def _read(line: str) -> Synset:
    number, *rest = line.split()
    kinds = [word for word in rest if word.isdecimal() and len(word) == len(number)]
    names = rest[max(1, len(kinds)) :]
    return Synset(number, tuple(names), tuple(kinds))
