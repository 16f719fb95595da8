"""Recognises the splits of a dataset by the names of its folders or shards: train/cat/1.png, test/cat/1.png.

Splits are called train, val and test here, whatever the dataset calls them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.core.datasets.columns import HUMP

_SPLIT_OF = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "validate": "val", "vld": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "tst": "test", "t10k": "test", "holdout": "test", "evaluation": "test",
    "trainval": "train",  # what the model was fitted to; so it is with "train+val", see `_parts`
    # German, French, Spanish, Italian and Portuguese, without accents
    "entrainement": "train", "apprentissage": "train", "entrenamiento": "train", "addestramento": "train",
    "treino": "train", "treinamento": "train",
    "validierung": "val", "validacion": "val", "validazione": "val", "validacao": "val",
    "prueba": "test", "pruebas": "test", "teste": "test",
}  # fmt: skip
_WHOLE_NAMES = {"tr": "train", "va": "val", "te": "test"}  # in a longer name, and beside others, they may be anything
_PLURALS = {"trains": "train", "tests": "test"}  # if they hold the same classes
_SETS = frozenset({"set", "sets", "split"})
_OTHERS = frozenset(
    {"dev", "eval", "holdout", "evaluation", "t10k", "trainval"}
)  # beside val, test or train, they differ
SPLITS = ("test", "val", "train")  # in the order in which they are offered
# Words that may stand beside train or test in the name of a folder: test_set, train_images, seg_test
_PLAIN = frozenset(
    {
        "set", "sets", "split", "data", "dataset", "image", "images", "img", "imgs", "folder", "the", "final",
        "daten", "bilder",
    }
)  # fmt: skip
WORD = re.compile(r"[^\W\d_]+")  # in the name of a folder
_GLUED = rf"({'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})(?:s?(?:{'|'.join(sorted(_PLAIN))}))?"  # also testset
_SPLIT_WORD = re.compile(_GLUED)
_SHARD = re.compile(rf"(?<![a-z]){_GLUED}(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Splits:
    """The splits of a dataset and the files in each."""

    positions: Mapping[str, np.ndarray]  # split -> positions of its files, ascending; see `in_order`
    folders: Mapping[str, tuple[str, ...]]  # split -> what the dataset calls it
    outside: np.ndarray  # positions of the files that are in no split
    markers: frozenset[str]  # folders, as paths, whose names are the name of a split instead of a class
    certain: bool = True  # False: the folders may be classes as well
    certain_if_labelled: bool = True  # False: they may be classes, unless something else labels their images
    noun: str = "split"  # for messages: what they are


def split_called(name: str) -> str | None:
    """The split that a folder called `name` certainly holds, such as test for `Test_set`; None if it may be a class."""
    word = word_of_split(name)
    return _SPLIT_OF[word] if word else None


def word_of_split(name: str) -> str | None:
    """As `split_called`, but dev, eval and a few others keep their own name: see `told_apart`."""
    word, rest = _parts(name)
    return word if word and set(rest) <= _PLAIN else None


def names_split(name: str) -> bool:
    """True if one of the words in a name is the name of a split, such as in labeled_train and PublicTest."""
    return _parts(name)[0] is not None


def split_named_in(name: str, among: Collection[str]) -> str | None:
    """The split of `among` whose name is one of the words in a name, such as train in trainLabels; None if it is none of them."""
    word = _parts(name)[0]
    return next((split for split in (word, _SPLIT_OF.get(word or "")) if split in among), None)


def told_apart(words: Iterable[str]) -> dict[str, str]:
    """The split of each word of `word_of_split`. Words for the same one, such as dev and eval, are splits of their own."""
    of_word = {word: _SPLIT_OF[word] for word in words}
    times = Counter(of_word.values())
    return {word: split if times[split] == 1 else word for word, split in of_word.items()}


def in_order(splits: Iterable[str]) -> list[str]:
    """The different splits: SPLITS, then those with names of their own."""
    found = set(splits) - {""}
    return [*(split for split in SPLITS if split in found), *sorted(found.difference(SPLITS))]


def _word(text: str) -> str:
    return text if text in _OTHERS else _SPLIT_OF[text]


def is_plain_word(word: str) -> bool:
    """True for words that may stand beside the name of a split, such as set and images."""
    return word in _PLAIN


def _parts(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The split in the name of a folder, as `word_of_split`, and the other words in it. None if it names none, or several."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    if short := _WHOLE_NAMES.keys() & {"_".join(w for w in WORD.findall(bare.casefold()) if w not in _SETS)}:
        return _WHOLE_NAMES[short.pop()], ()
    found: dict[str, str] = {}  # split -> the first word for it
    rest = []
    for word in WORD.findall(HUMP.sub(" ", bare)):
        if split := _SPLIT_WORD.fullmatch(word := word.casefold()):
            found.setdefault(_SPLIT_OF[split[1]], _word(split[1]))
        else:
            rest.append(word)
    if found.keys() == {"train", "val"}:
        return "trainval", tuple(rest)
    return (next(iter(found.values())) if len(found) == 1 else None), tuple(rest)


@dataclass(frozen=True)
class Folders:
    """The folders of many files."""

    paths: tuple[str, ...]  # different; "" for the top level
    codes: np.ndarray  # (n,) int32: for each file, the position of its folder in `paths`

    @staticmethod
    def of(names: Sequence[str]) -> Folders:
        """The folders of files with these paths."""
        known: dict[str, int] = {}
        codes = (known.setdefault(name[: max(name.rfind("/"), 0)], len(known)) for name in names)
        return Folders(codes=np.fromiter(codes, np.int32, len(names)), paths=tuple(known))

    def holding(self, files: np.ndarray) -> list[str]:
        """The folders that hold any of the files (n,) bool directly."""
        return [self.paths[code] for code in np.flatnonzero(np.bincount(self.codes[files], minlength=1)).tolist()]


def find_splits(folders: Folders, is_image: np.ndarray) -> Splits | None:
    """The splits of a dataset of files; None if it has not at least two.

    A folder counts if it is called like a split (train, Test, test_set), or like another folder beside it except for
    the split (seg_train beside seg_test), or if a word in its name is a split (labeled_train) and it holds folders of
    the same names as another split beside it. It does not count if it holds images beside folders of images that are
    no splits, and there is no second split beside it: then it is a class among other classes. Folders beside each other
    with different names for the same split, such as dev and eval, are splits of their own.

    Args:
        folders: of all files.
        is_image: (n,) bool.
    """
    holding = folders.holding(is_image)
    split_in, certain, certain_if_labelled = _marked_folders(frozenset(holding))
    found = splits_in(folders, holding, split_in)
    return found and replace(found, certain=certain, certain_if_labelled=certain_if_labelled)


def splits_in(folders: Folders, holding: Sequence[str], split_in: Mapping[str, str]) -> Splits | None:
    """The files of each split; None if not at least two hold images.

    Args:
        folders: of all files.
        holding: the folders that hold images directly.
        split_in: the folders that are splits, by path.
    """
    with_images = {_outermost(folder, split_in) for folder in holding} - {""}
    if len(with_images) < 2:
        return None
    called: dict[str, dict[str, None]] = defaultdict(dict)
    for folder in sorted(split_in):
        called[split_in[folder]][folder.rpartition("/")[2]] = None
    present = in_order(with_images)
    of_folder = np.array([_outermost(path, split_in) for path in folders.paths])
    return Splits(
        {split: np.flatnonzero((of_folder == split)[folders.codes]) for split in present},
        {split: tuple(called[split]) for split in present},
        np.flatnonzero((of_folder == "")[folders.codes]),
        frozenset(split_in),
    )


def _marked_folders(holding: Collection[str]) -> tuple[dict[str, str], bool, bool]:
    """The folders that are splits, by path; whether that is certain; and whether it is if something labels their images.

    Args:
        holding: the folders that hold images directly.
    """
    children: dict[str, set[str]] = defaultdict(set)
    classes_in: dict[str, set[str]] = defaultdict(set)  # names of the folders of images in a folder
    for folder in holding:
        parts = folder.split("/") if folder else []
        for depth in range(len(parts)):
            children["/".join(parts[:depth])].add("/".join(parts[: depth + 1]))
            classes_in["/".join(parts[:depth])].add(parts[-1])
    marked: dict[str, str] = {}
    certain = certain_if_labelled = True
    words: dict[str, str] = {}  # folder -> its word for the split
    apart: set[str] = set()  # splits for which folders beside each other have different words
    for siblings in children.values():
        name_of = {folder: folder.rpartition("/")[2] for folder in siblings}
        found = _marked_among(name_of)
        alike = _alike_inside(siblings, classes_in)
        if not alike.keys() <= found.keys():
            inside = set().union(*(classes_in[folder] for folder in alike))
            others = [folder for folder in siblings if folder not in alike and inside & classes_in.get(folder, set())]
            certain = certain and not others and not alike.keys().isdisjoint(found)
            found |= alike
        if len(set(found.values())) < 2 and (pair := _with_one_beside(name_of, classes_in)):
            certain, found = False, pair
        classes = [folder for folder in siblings if folder not in found and folder in holding]
        a_class = len(set(found.values())) == 1 and any(folder in holding for folder in found)
        if classes and a_class:
            continue
        marked |= found
        words |= {folder: _parts(name_of[folder])[0] or split for folder, split in found.items()}
        times = Counter(_SPLIT_OF.get(word, word) for word in {words[folder] for folder in found})
        apart |= {split for split in times if times[split] > 1}
        others = [folder for folder in siblings if not names_split(name_of[folder])]
        may_be_codes = any(name_of[folder].casefold() in _WHOLE_NAMES for folder in found)  # tr is Turkish, too
        certain = certain and not (may_be_codes and others)
        kinds = {(split, frozenset(_parts(name_of[folder])[1]) - _PLAIN) for folder, split in found.items()}
        certain_if_labelled &= len(kinds) == len(set(found.values())) or any(f not in holding for f in found)
        if found and all(folder in holding for folder in found):
            certain_if_labelled &= not (may_be_codes or any(folder in holding for folder in others))
    for folder in [*marked]:  # train_val/train and train_val/val
        if marked[folder] == "train" and {"train", "val"} <= {marked.get(child) for child in children[folder]}:
            del marked[folder]
    marked = {folder: words[folder] if split in apart else split for folder, split in marked.items()}
    return marked, certain, certain_if_labelled


def _alike_inside(siblings: Collection[str], classes_in: Mapping[str, set[str]]) -> dict[str, str]:
    """The folders with the name of a split in theirs that hold classes of the same names as one of another split."""
    words = {path: _parts(name := path.rpartition("/")[2])[0] or _PLURALS.get(name.casefold()) for path in siblings}
    named = {path: _SPLIT_OF[word] for path, word in words.items() if word}
    classes: dict[str, set[str]] = {split: set() for split in SPLITS}
    for path, split in named.items():
        classes[split] |= classes_in.get(path, set())
    return {
        path: split
        for path, split in named.items()
        if any(other != split and classes_in.get(path, set()) & classes[other] for other in SPLITS)
    }


def _with_one_beside(siblings: Mapping[str, str], classes_in: Mapping[str, set[str]]) -> dict[str, str]:
    """A split and the only other folder beside it with the same classes, such as rps-test-set and rps; else {}.

    The other one is a split called like itself. Takes the names of the folders by path.
    """
    pair = [path for path in siblings if classes_in.get(path)]
    if len(pair) != 2 or not classes_in[pair[0]] & classes_in[pair[1]]:
        return {}
    for one, other in (pair, pair[::-1]):
        (word, rest), (no_word, others) = _parts(siblings[one]), _parts(siblings[other])
        if word and not no_word and (set(rest) <= _PLAIN or set(rest) - _PLAIN == set(others) - _PLAIN):
            return {one: _SPLIT_OF[word], other: siblings[other]}
    return {}


def _marked_among(siblings: Mapping[str, str]) -> dict[str, str]:
    """The splits among folders beside each other. Takes their names by path."""
    certain = {path: split for path, name in siblings.items() if (split := split_called(name))}
    alike: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for path, name in siblings.items():
        word, rest = _parts(name)
        if word:
            alike[rest][path] = _SPLIT_OF[word]
    for group in alike.values():
        if len(set(group.values())) > 1:
            certain |= group
    return certain


def _outermost(folder: str, split_in: Mapping[str, str]) -> str:
    """The split of the first folder on the way that is one; "" if there is none."""
    parts = folder.split("/")
    for depth in range(1, len(parts) + 1):
        if split := split_in.get("/".join(parts[:depth])):
            return split
    return ""


def shards_by_split(shards: Iterable[str]) -> dict[str, list[str]]:
    """The shards of each split, see `in_order`, then those of no split as "". The name of the file decides, else its folders."""
    by_word: dict[str, list[str]] = defaultdict(list)
    for shard in shards:
        parts = shard.split("/")
        last = _SHARD.search(parts[-1])
        folders = (word for part in reversed(parts[:-1]) if (word := word_of_split(part)))
        by_word[_word(last[1].lower()) if last else next(folders, "")].append(shard)
    of_word = told_apart(word for word in by_word if word)
    found = {of_word.get(word, ""): files for word, files in by_word.items()}
    return {split: found[split] for split in (*in_order(found), "") if split in found}
