"""Says in sentences how labels were matched with classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from dashboard.core.errors import listed
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL


def spelled_differently(class_of: Mapping[str, str]) -> list[str]:
    """`Plane is read as airplane` for each label that does not look like its class: more or other spaces are not seen."""
    return [
        f"{label[:40].strip()} is read as {meant[:40]}"
        for label, meant in sorted(class_of.items())
        if unicodedata.normalize("NFC", " ".join(label.split())) != unicodedata.normalize("NFC", meant)
    ]


def about_spelling(class_of: Mapping[str, str]) -> str:
    """Says which labels are spelled unlike their class, or are another word for it; "" if none is."""
    pairs = spelled_differently(class_of)
    return f"Labels that are spelled differently: {listed(pairs)}." if pairs else ""


def about_folders(class_of: Mapping[str, str]) -> str:
    """Says which folders are no classes, but lie in one; "" if none does. The keys are paths such as `cat/hard/`."""
    pairs = [f"{folder} is {meant}" for folder, meant in sorted(class_of.items())]
    return (
        f"Images in folders that are not classes have the class of the folder above: {listed(pairs)}." if pairs else ""
    )


def about_no_class(labels: Sequence[str]) -> str:
    """Says which labels of exports are no classes; "" if none is."""
    verb = "is not a class" if len(labels) == 1 else "are not classes"
    return f"{listed(labels)} {verb}: such images are predicted, but not compared." if labels else ""


def as_chosen(label_map: Mapping[str, str]) -> str:
    """Says what the user chose; "" if nothing."""
    labels_of: dict[str, list[str]] = {}
    for label, meant in sorted(label_map.items()):
        labels_of.setdefault(meant, []).append(label)
    said = []
    for meant, labels in labels_of.items():
        verb = {LEAVE_OUT: "left out", NO_LABEL: "predicted, but not compared"}.get(meant, f"used as {meant}")
        said.append(f"{listed(labels)} {'is' if len(labels) == 1 else 'are'} {verb}")
    return f"As chosen, {'; '.join(said)}." if said else ""
