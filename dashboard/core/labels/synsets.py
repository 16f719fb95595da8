"""Labels that are ids of WordNet, such as n02084071 for dog: ImageNet calls its folders so.

The names lie in wordnet_nouns.txt.gz: for each noun of animals, plants, food, artifacts and other things its number, the
numbers of its hypernyms (what it is a kind of; `-` if none), and its names. Source: WordNet 3.0, whose numbers ImageNet
uses, https://wordnet.princeton.edu; license in data/licenses/wordnet.txt.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("wordnet_nouns.txt.gz")
_ID = re.compile(r"n([0-9]{8})(?:[\s._-].*)?")  # a name may follow, as in n02085620-Chihuahua
_ALL_THINGS = frozenset({"entity", "physical_entity", "object", "whole", "thing", "matter", "substance", "part"})


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


def match_synsets(labels: Sequence[str], class_called: Callable[[str], str | None]) -> SynsetMatches:
    """Matches ids of WordNet with classes: by a name of the synset, else by the nearest that it is a kind of.

    If several labels have the same class by their own names, they have different meanings of one word, such as the bird
    and the machine called crane; none of them is matched then.

    Args:
        class_called: the class with a name; None if there is none.
    """
    known = {label: synset for label in labels if (synset := _synset(label))}
    own: dict[str, str] = {}
    inherited: dict[str, str] = {}
    for label, synset in known.items():
        if found := _class_of(synset, class_called):
            own[label] = found
        elif found := next(filter(None, (_class_of(kind, class_called) for kind in _kinds(synset))), None):
            inherited[label] = found
    often = list(own.values())
    own = {label: meant for label, meant in own.items() if often.count(meant) == 1}
    class_of = own | inherited
    said = [_in_words(label, known[label].names[0], class_of[label]) for label in sorted(class_of)]
    more = f" and {len(said) - 8:,} more" if len(said) > 8 else ""
    note = f"Labels are read as ids of WordNet: {'; '.join(said[:8])}{more}." if said else ""
    return SynsetMatches(class_of, note)


def _in_words(label: str, name: str, meant: str) -> str:
    name = name.replace("_", " ")
    return f"{label} is {name}" + ("" if name == meant else f", used as {meant}")


def _class_of(synset: Synset, class_called: Callable[[str], str | None]) -> str | None:
    if not _ALL_THINGS.isdisjoint(synset.names):
        return None
    return next(filter(None, map(class_called, synset.names)), None)


def _kinds(synset: Synset) -> Iterator[Synset]:
    """What a synset is a kind of, the nearest first."""
    level, seen = [synset], {synset.number}
    while level:
        numbers = dict.fromkeys(number for each in level for number in each.kinds if number not in seen)
        seen |= set(numbers)
        level = [_synsets()[number] for number in numbers]
        yield from level


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
