"""The class names of a model: reads and checks them. Also the words that no class may be called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.errors import ModelError

HOW_TO_NAME = "Give them in the order of the outputs: --class-names a,b,c or --class-names names.txt (one per line)."


def read_class_names(argument: str) -> tuple[str, ...]:
    """Class names from `a,b,c`, or from a text file with one per line. Raises ModelError when it is unreadable."""
    path = Path(argument)
    if not path.is_file() and path.suffix not in (".txt", ".csv"):
        return tuple(name.strip() for name in argument.split(",") if name.strip())
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"The class names cannot be read from {path}: {error}.",
            "Give a UTF-8 text file with one name per line.",
            "class_names",
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


def check_class_names(given: Sequence[str]) -> None:
    """Raises ModelError when two names are the same, one is empty, or one is reserved."""
    if fault := class_names_fault(given):
        raise ModelError(f"The class names {fault}.", HOW_TO_NAME, "class_names")


LEAVE_OUT = "(leave out)"  # instead of a class: images with this label are not evaluated

OTHERS = "*"  # in a label map, instead of a label: every label that matches no class

NO_LABEL = "(no label)"  # instead of a class: images with this label are predicted, but not compared


def class_names_fault(names: Sequence[str]) -> str:
    """What is wrong with the class names of a model; "" if nothing is wrong."""
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        return "must be different and not empty"
    reserved = [name for name in (LEAVE_OUT, NO_LABEL) if name in names]
    return f"must not include {reserved[0]!r}, which has a special meaning here" if reserved else ""
