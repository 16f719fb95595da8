"""Guesses the encoding of file names. Names are short, so this is a guess, which the user sees and can change.

charset-normalizer tells how messy a text is in an encoding, but for a few characters most encodings are equally tidy.
What decides then is whether the characters are common: the East Asian character sets put common characters first, and
letters of an alphabet are common if the words made of them are capitalised as words are.

Source of the ranges: GB 2312 level 1, JIS X 0208 level 1, KS X 1001 hangul and Big5 level 1, as in
https://encoding.spec.whatwg.org
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from charset_normalizer import from_bytes

# In the order of preference for texts that are equal in several
ENCODINGS = (
    "gb18030", "cp932", "cp949", "big5", "cp1251", "cp866", "koi8_r", "cp437", "cp850", "cp1252", "cp1250", "cp852",
    "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "euc_jp",
)  # fmt: skip
_MOST_BYTES = 2**16
_EQUAL = 0.03  # scores that differ by less say nothing
_RARE, _WELL = 0.1, 0.9  # scores
# encoding -> (first lead byte, last lead byte, how common the characters are, in [0, 1])
_COMMON = {
    "gb18030": ((0xB0, 0xD7, 1.0), (0xA1, 0xA3, 0.6), (0xD8, 0xF7, 0.3)),
    "cp932": ((0x82, 0x83, 1.0), (0x88, 0x97, 0.95), (0x81, 0x81, 0.7), (0x98, 0x9F, 0.3), (0xE0, 0xEA, 0.3)),
    "cp949": ((0xB0, 0xC8, 1.0),),
    "big5": ((0xA4, 0xC6, 1.0), (0xA1, 0xA3, 0.6), (0xC9, 0xF9, 0.3)),
    "euc_jp": ((0xA4, 0xA5, 0.9), (0xB0, 0xCF, 0.7)),
}
_FEW = 2  # of so few characters, Chinese may by chance all be where the hangul are in Korean
_LATIN = frozenset({"cp437", "cp850", "cp1252", "cp1250", "cp852", "cp1254"})
_WORD = re.compile(r"[^\W\d_]+")
_WESTERN = frozenset("äöüßéèêëàâçñáíóúîïôûùåæøãõìòýœÄÖÜÉÈÀÇÑÁÍÓÚÅÆØ")


def decodings(texts: Iterable[bytes]) -> list[str]:
    """The encodings in which all texts can be read, the likeliest first; of those that read alike, one."""
    data = b"\n".join(dict.fromkeys(texts))
    mess = {
        match.encoding: match.chaos
        for match in from_bytes(data[:_MOST_BYTES], cp_isolation=[*ENCODINGS], threshold=1.0)
    }
    found: dict[str, str] = {}
    for encoding in ENCODINGS:
        try:
            found.setdefault(data.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    scores = {encoding: _score(text, encoding) - mess.get(encoding, 0.5) / 2 for text, encoding in found.items()}
    best = max(scores.values(), default=0.0)
    return sorted(scores, key=lambda each: (round((best - scores[each]) / _EQUAL), ENCODINGS.index(each)))


def reads_well(data: bytes, encoding: str) -> bool:
    """Whether nearly all characters beyond ASCII are common letters, if this is the encoding, one of an alphabet."""
    return _score(data.decode(encoding, "replace"), encoding) > _WELL


def _score(text: str, encoding: str) -> float:
    """How common the characters beyond ASCII are, in [0, 1]."""
    if encoding in _COMMON:
        return _east_asian(text, encoding)
    words = [word for word in _WORD.findall(unicodedata.normalize("NFC", text)) if not word.isascii()]
    strange = sum(not char.isascii() and not char.isalpha() for char in text)
    letters = sum(not char.isascii() for word in words for char in word)
    good = sum(_likely(word, encoding) * sum(not char.isascii() for char in word) for word in words)
    return good / (letters + strange) if letters + strange else 0.0


def _likely(word: str, encoding: str) -> float:
    """How likely a word of an alphabet is, by its letters and its capitals."""
    if word not in (word.lower(), word.upper(), word.capitalize()):
        return _RARE
    scripts = {unicodedata.name(char, "?").split()[0] for char in word}
    if len(scripts) > 1:
        return _RARE
    beyond = [char for char in word if not char.isascii()]
    if scripts == {"LATIN"}:
        if len(beyond) > max(1, 0.7 * len(word)):  # nearly all letters have accents
            return 0.2
        common = sum(1.0 if char in _WESTERN else 0.8 for char in beyond) / len(beyond)
        return common if encoding in _LATIN else common / 2
    return 0.95 if scripts == {"CYRILLIC"} else 0.85


def _east_asian(text: str, encoding: str) -> float:
    beyond = [char for char in text if not char.isascii()]
    leads = [char.encode(encoding) for char in beyond]
    score = sum(_how_common(each, encoding) for each in leads) / len(leads) if leads else 0.0
    if encoding == "cp949" and score == 1 and len({*beyond}) > _FEW:
        score += 2 * _EQUAL
    return score


def _how_common(char: bytes, encoding: str) -> float:
    if len(char) != 2 or (encoding in ("gb18030", "cp949") and char[1] < 0xA1):
        return _RARE
    return next((worth for first, last, worth in _COMMON[encoding] if first <= char[0] <= last), _RARE)
