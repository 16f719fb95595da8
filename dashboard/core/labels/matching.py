"""Matches the labels of a dataset with the classes of a model. Labels without a certain match are reported."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.errors import Advice, Choice, DatasetError, listed
from dashboard.core.labels import cifar10
from dashboard.core.labels.class_ids import NO_ID, ClassIds, are_numbers, read_class_ids
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL, OTHERS, WITHOUT_CLASS
from dashboard.core.labels.label_map import add_meaning
from dashboard.core.labels.match_notes import about_folders, about_no_class, about_spelling, as_chosen
from dashboard.core.labels.numbered_names import about_numbers, bare_name
from dashboard.core.labels.synsets import match_synsets
from dashboard.core.questions import Question

_NEGATIVE = re.compile(r"\s*-\s*[0-9.]+\s*")
_SHORTEST = 3  # letters of a singular: "bus" is not the plural of "bu"


@dataclass(frozen=True)
class LabelMapping:
    """Which class of the model each label of a dataset means."""

    class_of: dict[str, str | None]  # label -> class of the model; None: the label means "no label"
    unknown: tuple[str, ...]  # labels that match no class
    left_out: tuple[str, ...] = ()  # labels that the user leaves out
    notes: tuple[str, ...] = ()  # explanations of matches that are not obvious
    question: Question | None = None  # whether numbers count from 0 or 1, if not certain; they are unknown then

    def label_map(self) -> dict[str, str]:
        """A label map with which `match_labels` gives the same mapping again."""
        known = {name: NO_LABEL if meant is None else meant for name, meant in self.class_of.items()}
        return known | dict.fromkeys(self.left_out, LEAVE_OUT)


def match_labels(
    names: Iterable[str],
    class_names: Sequence[str],
    label_map: Mapping[str, str] | None = None,
    first_id: int | None = None,
    *,
    ids_uncertain: bool = False,
    unnamed: bool = False,
) -> LabelMapping:
    """Matches labels with classes: exactly; else ignoring case, white space, `-` and `_`; else by CIFAR-10's aliases.

    A label that fits none so is matched without the number before its name (001.Airplane), as the plural of a class
    (Cats), or by its names in WordNet (n02084071), see `match_synsets`. The first two only if no other label has that
    class.

    Aliases work in both directions: `plane` in the dataset matches `airplane` in the model, and the reverse. A label
    that fits two classes stays unknown. A label that is the path of a folder (cat/hard/) is matched by the names in the
    path, see `classes_above`. Labels of exports that name no class (WITHOUT_CLASS) mean "no label".

    If all labels are numbers, -1 means "no label". The numbers are class ids if all of them are valid ids and none is the
    name of a class, see `read_class_ids`. If classes are called by numbers, they are class ids only if the user says so, or
    if the classes have no other names.

    Args:
        names: the labels of the dataset.
        label_map: what the user says that some labels mean: a class, LEAVE_OUT or NO_LABEL. OTHERS, unless it is a
            label of the dataset, stands for all labels that match no class; with `first_id`, if it means LEAVE_OUT, also
            for numbers that are no class ids.
        first_id: the number of the first class, if the user says that the labels are class ids: 0 or 1.
        ids_uncertain: whether the dataset has the note IDS_UNCERTAIN.
        unnamed: `class_names` only number the classes from 0, because they have no names.

    Raises:
        DatasetError: the label map has a label or a class that does not exist, or the labels do not count from
            `first_id`; code `label_map`.
    """
    wanted = sorted(set(names))
    label_map = as_spelled(label_map or {}, wanted, class_names)
    _check_label_map(label_map, wanted, class_names)
    open_names = [name for name in wanted if name not in label_map]
    given = [name for name in open_names if name != NO_ID]
    numbers = are_numbers(given)
    ids = ClassIds({})
    names_are_ids = numbers and (unnamed or (first_id is not None and are_numbers(class_names)))
    called_so = [name for name in open_names if name in class_names]
    if names_are_ids or (numbers and not called_so):
        if first_id is not None and label_map.get(OTHERS) == LEAVE_OUT and OTHERS not in wanted:
            given = [name for name in given if first_id <= int(name) < first_id + len(class_names)]
        ids = read_class_ids(given, class_names, first_id, ids_uncertain) if given else ids
    elif first_id is not None:
        why = f"{listed(called_so)} are names of classes" if numbers else listed(wanted)
        raise DatasetError(
            f"The labels are not class ids: {why}.", Advice("Leave out ", Choice("labels_from"), "."), "label_map"
        )
    absent = numbers and NO_ID in open_names and NO_ID not in class_names
    called = _Classes(class_names)
    by_id_only = names_are_ids and bool(ids.class_of or ids.question)
    class_of: dict[str, str | None] = {}
    unknown = []
    for name in open_names:
        match = None if by_id_only else called(name)
        match = None if absent and name == NO_ID else match or ids.class_of.get(name)
        if match or (absent and name == NO_ID):
            class_of[name] = match
        else:
            unknown.append(name)
    numbered = _alone(unknown, class_of, called.without_number)
    plurals = _alone([name for name in unknown if name not in numbered], class_of | numbered, called.of_plural)
    others = [name for name in unknown if name not in numbered | plurals]
    synsets = match_synsets(others, class_names, called.by_own_names)
    above = classes_above((name for name in wanted if name.endswith("/")), class_names)
    above = {name: meant for name, meant in above.items() if label_map.get(name, meant) == meant}
    others_mean = label_map.get(OTHERS, NO_LABEL)
    no_class = [n for n in wanted if n in WITHOUT_CLASS and not called(n) and label_map.get(n, others_mean) == NO_LABEL]
    class_of |= numbered | plurals | synsets.class_of | above | dict.fromkeys(no_class)
    unknown = [name for name in unknown if name not in class_of]
    if OTHERS in label_map and OTHERS not in wanted:
        label_map = {n: m for n, m in label_map.items() if n != OTHERS} | dict.fromkeys(unknown, label_map[OTHERS])
        unknown = []
    class_of |= {n: None if meant == NO_LABEL else meant for n, meant in label_map.items() if meant != LEAVE_OUT}
    left_out = tuple(name for name in wanted if label_map.get(name) == LEAVE_OUT)
    alike = {name: meant for name in wanted if (meant := called(name))}
    alike |= _alone([name for name in wanted if name not in alike], alike, called.of_plural)
    respelled = {name: meant for name, meant in alike.items() if name != meant and class_of.get(name) == meant}
    about_ids = ids.note if any(label != meant for label, meant in ids.class_of.items()) else ""
    said = (about_spelling(respelled), about_folders(above), about_ids, about_numbers(sorted(numbered.items())))
    about_absent = f"The label {NO_ID} means that there is no label." if absent else ""
    by_itself = respelled | above | dict.fromkeys(no_class, NO_LABEL)
    chosen = as_chosen({name: meant for name, meant in label_map.items() if meant != by_itself.get(name, name)})
    notes = tuple(filter(None, (*said, synsets.note, about_absent, about_no_class(no_class), chosen)))
    return LabelMapping(class_of, tuple(unknown), left_out, notes, ids.question if unknown else None)


class _Classes:
    """Finds the class that a name means."""

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = frozenset(class_names)
        self._by_key, self._by_meaning = _only_ones(class_names, _key), _only_ones(class_names, _meaning)
        self._by_part = _parts(class_names)
        bare = {name: bare_name(name) for name in class_names}
        self._by_bare = _only_ones(list(bare.values()), _key) if all(bare.values()) else {}
        self._class_of_bare = {each: name for name, each in bare.items()}

    def by_own_names(self, name: str) -> str | None:
        """The class with this name, without CIFAR-10's aliases: a plane may also be a tool, and a car of a railway."""
        return name if name in self._names else self._by_key.get(_key(name)) or self._by_part.get(_key(name))

    def __call__(self, name: str) -> str | None:
        if name in self._names:
            return name
        bare = self._by_bare.get(_key(name))
        found = self._by_key.get(_key(name)) or self._by_meaning.get(_meaning(name)) or self._by_part.get(_key(name))
        return found or (self._class_of_bare[bare] if bare else None)

    def without_number(self, name: str) -> str | None:
        """The class of a label such as 001.Airplane."""
        bare = bare_name(name)
        return (self(bare) or self.of_plural(bare)) if bare else None

    def of_plural(self, name: str) -> str | None:
        """The class of which the name is the plural in English, if it is exactly one: Horses, buses, Puppies."""
        found = {meant for word in _singulars(_key(name)) if len(word) >= _SHORTEST and (meant := self(word))}
        return found.pop() if len(found) == 1 else None


def _parts(class_names: Sequence[str]) -> dict[str, str]:
    """Key -> class, for classes that are called by several names, such as `tench, Tinca tinca` in ImageNet."""
    pairs = [(_key(part), name) for name in class_names if "," in name for part in name.split(",")]
    often = Counter(key for key, _ in pairs)
    return {key: name for key, name in pairs if key and often[key] == 1}


def likely_classes(labels: Iterable[str], class_names: Sequence[str]) -> dict[str, str]:
    """The class of each label that means one by its number or as a plural, were it the only one with that class."""
    called = _Classes(class_names)
    return {label: meant for label in labels if (meant := called.without_number(label) or called.of_plural(label))}


def classes_above(folders: Iterable[str], class_names: Sequence[str]) -> dict[str, str]:
    """The class of each folder that lies in folders of exactly one class.

    Args:
        folders: paths such as `cat/hard/`. Class ids in them are no names, since they may also number other things.
    """
    parts = {folder: folder.rstrip("/").split("/")[:-1] for folder in folders}
    names = {part for each in parts.values() for part in each if part in class_names or not are_numbers([part])}
    class_of = match_labels(names, class_names).class_of if names else {}
    found = {folder: {class_of[part] for part in each if part in class_of} for folder, each in parts.items()}
    return {folder: meant for folder, each in found.items() if len(each) == 1 and (meant := each.pop())}


def _alone(
    names: Sequence[str], taken: Mapping[str, str | None], class_by: Callable[[str], str | None]
) -> dict[str, str]:
    """Labels with their classes, as far as no two labels have the same class."""
    found = {name: meant for name in names if (meant := class_by(name))}
    often = Counter([*found.values(), *taken.values()])
    return {name: meant for name, meant in found.items() if often[meant] == 1}


def as_spelled(label_map: Mapping[str, str], names: Sequence[str], class_names: Sequence[str]) -> dict[str, str]:
    """The label map with labels as in `names` and classes as in `class_names`.

    Only the form of accents, and white space around a word, may differ. Raises DatasetError if a label has two meanings.
    """
    label_of, class_of = _spellings([*names, OTHERS]), _spellings(class_names)
    spelled: dict[str, str] = {}
    for label, meant in label_map.items():
        add_meaning(spelled, _spelled(label, label_of), _spelled(meant, class_of))
    return spelled


def _spellings(words: Sequence[str]) -> dict[str, str]:
    """The words by their forms: as they are, with composed accents, and without white space around them."""
    composed = {unicodedata.normalize("NFC", word): word for word in words}
    return _only_ones(list(composed.values()), _bare) | composed | {word: word for word in words}


def _bare(word: str) -> str:
    return unicodedata.normalize("NFC", word).strip()


def _spelled(word: str, words: Mapping[str, str]) -> str:
    forms = (word, unicodedata.normalize("NFC", word), _bare(word))
    return next((words[each] for each in forms if each in words), _bare(word))


def _check_label_map(label_map: Mapping[str, str], names: Sequence[str], class_names: Sequence[str]) -> None:
    labels, meanings = {*names, OTHERS}, {*class_names, LEAVE_OUT, NO_LABEL}
    for label, meant in label_map.items():
        if label not in labels:
            raise DatasetError(
                f"{label!r} is not a label of the dataset.", f"Its labels: {listed(names, 20)}.", "label_map"
            )
        if meant not in meanings:
            raise DatasetError(
                f"{label!r} cannot mean {meant!r}: the model has no such class.",
                f"Its classes: {listed(class_names, 20)}.", "label_map",
            )  # fmt: skip


def _only_ones(class_names: Sequence[str], key_of: Callable[[str], str]) -> dict[str, str]:
    """Key -> class, for the keys that exactly one class has."""
    keys = Counter(map(key_of, class_names))
    return {key_of(name): name for name in class_names if key_of(name) and keys[key_of(name)] == 1}


def _key(name: str) -> str:
    if _NEGATIVE.fullmatch(name):  # keeps the minus: -1 is not 1
        return name
    return "".join(c for c in unicodedata.normalize("NFC", name).casefold() if c not in " _-")  # macOS writes NFD


def _singulars(key: str) -> Iterator[str]:
    """The words of which a word may be the plural."""
    if key.endswith("s") and not key.endswith("ss"):
        yield key[:-1]
    if key.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        yield key[:-2]
    if key.endswith("ies"):
        yield f"{key[:-3]}y"
    if key.endswith("ves"):
        yield from (f"{key[:-3]}f", f"{key[:-3]}fe")


def _meaning(name: str) -> str:
    return cifar10.ALIASES.get(_key(name), _key(name))
