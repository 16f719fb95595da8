"""Reads a label map: what the user says that labels mean."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dashboard.core.errors import DatasetError
from dashboard.core.files import read_whole
from dashboard.core.labels.class_names import LEAVE_OUT
from dashboard.core.parsing import parse_json, parsing, reason


def read_label_map(arguments: Iterable[str]) -> dict[str, str]:
    """Reads a label map from `LABEL=CLASS`, `LABEL=` (leave out), or paths of JSON files {"LABEL": "CLASS" or null}.

    Raises:
        DatasetError: an argument or a file is not a label map, or a label has two meanings; code `label_map`.
    """
    label_map: dict[str, str] = {}
    for argument in arguments:
        if argument.lower().endswith(".json") and "=" not in argument:
            for label, meant in _label_map_file(Path(argument)).items():
                add_meaning(label_map, label, meant)
            continue
        label, equals, meant = argument.rpartition("=")
        if not equals:
            raise DatasetError(f"{argument!r} does not say what a label means.", "Write LABEL=CLASS.", "label_map")
        add_meaning(label_map, label, meant.strip() or LEAVE_OUT)
    return label_map


def add_meaning(label_map: dict[str, str], label: str, meant: str) -> None:
    """Adds what a label means. Raises DatasetError if the map gives it another meaning."""
    if (other := label_map.setdefault(label, meant)) != meant:
        raise DatasetError(
            f"The label {label!r} is given two meanings, {other} and {meant}.", "Give it only one.", "label_map"
        )


def _label_map_file(path: Path) -> dict[str, str]:
    with parsing(
        lambda error: DatasetError(
            f"{path} cannot be read as a label map: {reason(error)}.",
            'Write {"kitten": "cat", "zebra": null}.',
            "label_map",
        )
    ):
        record = parse_json(read_whole(path).decode("utf-8-sig"))
        if not isinstance(record, dict) or not all(isinstance(meant, (str, type(None))) for meant in record.values()):
            raise ValueError("it is not an object of labels and classes")
    return {label: meant or LEAVE_OUT for label, meant in record.items()}
