"""The class names of a model: reads and checks them. Also the words that no class may be called."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dashboard.core.errors import ModelError, listed
from dashboard.core.files import read_whole
from dashboard.core.labels.label_folders import NO_LABEL_FOLDER
from dashboard.core.labels.names_file import NAMES_SUFFIXES, counts_up, read_names_file
from dashboard.core.parsing import parsing, reason

HOW_TO_NAME = (
    "Give them in the order of the outputs: --class-names a,b,c or a file: --class-names labels.txt (one per line), "
    "or the .json or .csv file that was saved at the training."
)
LEAVE_OUT = "(leave out)"  # instead of a class: images with this label are not evaluated
OTHERS = "*"  # in a label map, instead of a label: every label that matches no class
NO_LABEL = "(no label)"  # instead of a class: images with this label are predicted, but not compared
NONE_OF_THESE = "none of these"  # as a true label: the image shows none of the model's classes
WITHOUT_CLASS = frozenset({NONE_OF_THESE, NO_LABEL_FOLDER})  # labels in exports that stand for NO_LABEL


def read_class_names(argument: str) -> tuple[str, ...]:
    """Class names from `a,b,c`, or from a file; see `class_names_in`. Raises ModelError when it is unreadable."""
    path = Path(argument)
    is_file = False
    with contextlib.suppress(OSError):  # a list of names may be too long for the name of a file
        is_file = path.is_file()
    if not is_file and path.suffix.lower() not in NAMES_SUFFIXES:
        return tuple(name.strip() for name in argument.split(",") if name.strip())
    try:
        return class_names_in(read_whole(path), path.name)
    except OSError as error:
        raise ModelError(
            f"The class names cannot be read from {path}: {error.strerror or error}.", "Check the path.", "class_names"
        ) from error


def class_names_in(data: bytes, name: str) -> tuple[str, ...]:
    """The class names in the content of a file called `name`, in the order of the model's outputs.

    The forms are those of `read_names_file`; numbers must count from 0 or 1.

    Raises:
        ModelError: the content has none of these forms; code `class_names`.
    """
    with parsing(
        lambda error: ModelError(
            f"The class names cannot be read from {name}: {reason(error)}.",
            "Give a UTF-8 text file with one name per line, or the names themselves: --class-names a,b,c.",
            "class_names",
        )
    ):
        found = read_names_file(data, name)
        numbers = sorted(found.names)
        if not found.is_list and not counts_up(numbers):
            raise ValueError(f"its numbers are not 0 to {len(numbers) - 1}, each once")
        return tuple(found.names[number] for number in numbers)


def check_class_names(given: Sequence[str]) -> None:
    """Raises ModelError when two names are the same, one is empty, or one is reserved."""
    if fault := class_names_fault(given):
        raise ModelError(f"The class names {fault}.", HOW_TO_NAME, "class_names")


def class_names_fault(names: Sequence[str]) -> str:
    """What is wrong with the class names of a model; "" if nothing is wrong."""
    if not all(name.strip() for name in names):
        return "must not be empty"
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        return f"must be different; these occur more than once: {listed([repr(name) for name in twice])}"
    reserved = [name for name in (LEAVE_OUT, NO_LABEL) if name in names]
    return f"must not include {reserved[0]!r}, which has a special meaning here" if reserved else ""
