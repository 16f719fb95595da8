"""The class names of a model from elsewhere, which its file does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dashboard.core.cifar10 import CLASS_NAMES
from dashboard.core.errors import ModelError
from dashboard.core.foreign_model import ForeignModelFacts
from dashboard.core.labels import class_names_fault

_HOW_TO_NAME = "Give them in the order of the outputs: --class-names a,b,c or --class-names names.txt (one a line)."


def read_class_names(argument: str) -> tuple[str, ...]:
    """Class names from `a,b,c`, or from a text file with one a line. Raises ModelError when the file cannot be read."""
    path = Path(argument)
    if not path.is_file() and path.suffix not in (".txt", ".csv"):
        return tuple(name.strip() for name in argument.split(",") if name.strip())
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"The class names cannot be read from {path}: {error}.",
            "Give a UTF-8 text file, one name a line.",
            "class_names",
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


def check_class_names(given: Sequence[str]) -> None:
    """Raises ModelError when two are the same, one is empty, or one means something else here."""
    if fault := class_names_fault(given):
        raise ModelError(f"The class names {fault}.", _HOW_TO_NAME, "class_names")


def choose_class_names(
    given: Sequence[str] | None, facts: ForeignModelFacts, what: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One name for each output, and notes on what was assumed. Raises ModelError."""
    wanted = 2 if facts.outputs == 1 else facts.outputs
    if given is None:
        if wanted == len(CLASS_NAMES) and facts.input_shape[2] == 3:
            return CLASS_NAMES, (f"No class names were given; CIFAR-10's are assumed: {', '.join(CLASS_NAMES)}.",)
        raise ModelError(f"{what} has {wanted} classes, and their names are not known.", _HOW_TO_NAME, "class_names")
    if len(given) != wanted:
        raise ModelError(
            f"{what} has {wanted} classes, but {len(given)} names were given.", _HOW_TO_NAME, "class_names"
        )
    if wanted < 2:
        raise ModelError(f"{what} knows one class only.", "A classifier needs two or more.", "class_names")
    return tuple(given), ()
