"""The command that evaluates the dataset of a run again, or imports its predictions, with what the user chose then."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.core.labels.class_ids import IDS_CHOSEN, IDS_UNCERTAIN
from dashboard.core.labels.class_names import LEAVE_OUT, NO_LABEL
from dashboard.core.labels.matching import match_labels
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.shell import in_command

_MOST_MEANINGS = 20  # that stand in the command
_MOST_NAMES = 20  # of classes


def evaluate_again(manifest: RunManifest, by: RunManifest | None = None) -> tuple[str, str]:
    """The command, and a sentence that one needs to use it; "" if none is needed.

    How the dataset is read, such as its split, needs no option: the path of the run leads to a description that says so.

    Args:
        by: the run whose model and fit are used; the same run if it is None. Meanings that are none of its classes are left
            out.
    """
    by = by or manifest
    fit = ["--fit", by.fit] if by.fit else []
    meanings, note = _meanings(manifest, by.class_names)
    return _command("evaluate", manifest.dataset, "--model", by.model, *fit, *meanings), note


def import_again(manifest: RunManifest) -> tuple[str, str]:
    """As `evaluate_again`, for a run of imported predictions."""
    names = ",".join(manifest.class_names)
    meanings, note = _meanings(manifest, manifest.class_names)
    if len(manifest.class_names) > _MOST_NAMES or any("," in name for name in manifest.class_names):
        names = "NAMES.txt"
        note = f"NAMES.txt holds the names of the classes in the order of the probabilities, one a line. {note}".strip()
    words = ["--labels", manifest.labels] if manifest.labels else []
    words += ["--arrays", manifest.arrays] if manifest.arrays else []
    words += ["--class-names", names, "--name", manifest.model, *meanings]
    return _command("import", manifest.dataset, *words), note


def _command(*words: str) -> str:
    return " ".join(map(in_command, ["python", "-m", "dashboard", *words]))


def _meanings(manifest: RunManifest, class_names: Sequence[str]) -> tuple[list[str], str]:
    """The options that say what the labels mean, and a sentence that one needs to use them."""
    chosen = _chosen(manifest, class_names)
    meanings = [f"{label}={'' if meant == LEAVE_OUT else meant}" for label, meant in chosen.items()]
    note = ""
    if len(meanings) > _MOST_MEANINGS:
        meanings = ["FILE.json"]
        note = "FILE.json holds what the labels mean; report.json has it as label_map."
    return [word for meaning in meanings for word in ("--map", meaning)], note


def _chosen(manifest: RunManifest, class_names: Sequence[str]) -> dict[str, str]:
    """What the labels mean that these classes do not tell by themselves."""
    labels = dict.fromkeys(manifest.unknown_labels, LEAVE_OUT) | dict(manifest.label_map)
    uncertain = not {IDS_CHOSEN, IDS_UNCERTAIN}.isdisjoint(manifest.notes)  # the second is in runs of earlier builds
    told = match_labels(labels, class_names, ids_uncertain=uncertain).label_map()
    possible = {*class_names, LEAVE_OUT, NO_LABEL}
    return {label: meant for label, meant in labels.items() if meant in possible and told.get(label) != meant}
