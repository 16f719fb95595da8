"""What the name of a folder, a shard or a value in a column says about splits.

Splits are called train, val and test here, whatever the dataset calls them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from dashboard.core.datasets.columns import HUMP
from dashboard.core.datasets.file_names import WORDS_FOR_IMAGES

SPLIT_OF = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "validate": "val", "vld": "val", "dev": "val", "eval": "val",
    "test": "test", "testing": "test", "tst": "test", "t10k": "test", "holdout": "test", "evaluation": "test",
    "trainval": "train",  # what the model was fitted to; so it is with "train+val", see `parts_of`
    # German, French, Spanish, Italian and Portuguese, without accents
    "entrainement": "train", "apprentissage": "train", "entrenamiento": "train", "addestramento": "train",
    "treino": "train", "treinamento": "train",
    "validierung": "val", "validacion": "val", "validazione": "val", "validacao": "val",
    "prueba": "test", "pruebas": "test", "teste": "test",
}  # fmt: skip
_WHOLE_NAMES = {"tr": "train", "va": "val", "te": "test"}  # in a longer name, and beside others, they may be anything
PLURALS = {"trains": "train", "tests": "test"}  # if they hold the same classes
_SETS = frozenset({"set", "sets", "split"})
_OTHERS = frozenset(
    {"dev", "eval", "holdout", "evaluation", "t10k", "trainval"}
)  # beside val, test or train, they differ
SPLITS = ("test", "val", "train")  # in the order in which they are offered
# Words that may stand beside train or test in the name of a folder: test_set, train_images, seg_test
PLAIN = WORDS_FOR_IMAGES | {"set", "sets", "split", "data", "dataset", "folder", "the", "final", "daten"}
_PARTS = PLAIN | {"part", "parts", "batch", "batches", "chunk", "shard"}  # stand beside the number of a part
WORD = re.compile(r"[^\W\d_]+")  # in the name of a folder
_GLUED = rf"({'|'.join(sorted(SPLIT_OF, key=len, reverse=True))})(?:s?(?:{'|'.join(sorted(PLAIN))}))?"  # also testset
_SPLIT_WORD = re.compile(_GLUED)
_SHARD = re.compile(rf"(?<![a-z]){_GLUED}(?![a-z])", re.IGNORECASE)


def split_called(name: str) -> str | None:
    """The split that a folder called `name` certainly holds, such as test for `Test_set`; None if it may be a class."""
    word = word_of_split(name)
    return SPLIT_OF[word] if word else None


def word_of_split(name: str) -> str | None:
    """As `split_called`, but dev, eval and a few others keep their own name: see `told_apart`."""
    word, rest = parts_of(name)
    return word if word and set(rest) <= PLAIN else None


def names_split(name: str) -> bool:
    """True if one of the words in a name is the name of a split, such as in labeled_train and PublicTest."""
    return parts_of(name)[0] is not None


def are_parts(folders: Collection[str | None]) -> bool:
    """True for folders that differ in a number only, and are called parts or images: images_part_1, images_part_2."""
    words = {tuple(word.casefold() for word in WORD.findall(folder or "")) for folder in folders}
    return len(folders) > 1 and len(words) == 1 and not _PARTS.isdisjoint(next(iter(words)))


def split_named_in(name: str, among: Collection[str]) -> str | None:
    """The split of `among` whose name is one of the words in a name, such as train in trainLabels; None if it is none of them."""
    word = parts_of(name)[0]
    return next((split for split in (word, SPLIT_OF.get(word or "")) if split in among), None)


def told_apart(words: Iterable[str]) -> dict[str, str]:
    """The split of each word of `word_of_split`. Words for the same one, such as dev and eval, are splits of their own."""
    of_word = {word: SPLIT_OF[word] for word in words}
    times = Counter(of_word.values())
    return {word: split if times[split] == 1 else word for word, split in of_word.items()}


def in_order(splits: Iterable[str]) -> list[str]:
    """The different splits: SPLITS, then those with names of their own."""
    found = set(splits) - {""}
    return [*(split for split in SPLITS if split in found), *sorted(found.difference(SPLITS))]


def _word(text: str) -> str:
    return text if text in _OTHERS else SPLIT_OF[text]


def is_short_word(name: str) -> bool:
    """True for the name of a folder that may be a code of two letters as well: tr, va, te."""
    return name.casefold() in _WHOLE_NAMES


def parts_of(name: str) -> tuple[str | None, tuple[str, ...]]:
    """The split in the name of a folder, as `word_of_split`, and the other words in it. None if it names none, or several."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    if short := _WHOLE_NAMES.keys() & {"_".join(w for w in WORD.findall(bare.casefold()) if w not in _SETS)}:
        return _WHOLE_NAMES[short.pop()], ()
    found: dict[str, str] = {}  # split -> the first word for it
    rest = []
    for word in WORD.findall(HUMP.sub(" ", bare)):
        if split := _SPLIT_WORD.fullmatch(word := word.casefold()):
            found.setdefault(SPLIT_OF[split[1]], _word(split[1]))
        else:
            rest.append(word)
    if found.keys() == {"train", "val"}:
        return "trainval", tuple(rest)
    return (next(iter(found.values())) if len(found) == 1 else None), tuple(rest)


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
