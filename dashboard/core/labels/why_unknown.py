"""Says why a label that looks like a class of the model is not read as this class."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from dashboard.core.labels.matching import LabelMapping, likely_classes

_MOST = 5  # sentences


def why_unknown(mapping: LabelMapping, class_names: Sequence[str]) -> tuple[str, ...]:
    """Sentences about unknown labels that are plurals or numbered names, or have letters of another script."""
    likely = likely_classes(mapping.unknown, class_names)
    labels_of: dict[str | None, list[str]] = {}
    for label, meant in sorted((likely | mapping.class_of).items()):
        labels_of.setdefault(meant, []).append(label)
    said = []
    for label in mapping.unknown:
        meant = likely.get(label, "")
        if others := [other for other in labels_of.get(meant, ()) if other != label]:
            said.append(
                f"{label[:60]} is not read as {meant}, because the dataset also has the label {others[0][:60]}."
            )
        elif strange := _strange_character(label, class_names):
            name = unicodedata.name(strange, f"U+{ord(strange):04X}")
            said.append(f"{label[:60]} contains the character {name}, which no class name has.")
    return tuple(said[:_MOST])


def _strange_character(label: str, class_names: Sequence[str]) -> str:
    """The first character that is invisible, or a letter in a script that no class name has; "" if there is none."""
    known = {_script(c) for name in class_names for c in name if c.isalpha()}
    letters = [c for c in label if c.isalpha()]
    if not any(_script(c) in known for c in letters):
        return ""
    used = set("".join(class_names))
    strange = (
        c for c in label
        if c not in used and (unicodedata.category(c) == "Cf" or (c.isalpha() and _script(c) not in known))
    )  # fmt: skip
    return next(strange, "")


def _script(letter: str) -> str:
    """The first word of its name in Unicode: LATIN, CYRILLIC, GREEK ..."""
    return unicodedata.name(letter, "").partition(" ")[0]
