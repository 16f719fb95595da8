"""Feedback as a labelled dataset: images in class folders, or a table of labels."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from dashboard.core.errors import DashboardError, counted
from dashboard.core.feedback.disputes import disputed_images, image_of, words_on_images
from dashboard.core.feedback.feedback import last_word_on
from dashboard.core.feedback.opinion import Opinion
from dashboard.core.history.entry import Entry
from dashboard.core.history.exporting import FeedbackOn
from dashboard.core.history.history import HOW_TO_KEEP_IMAGES, History
from dashboard.core.history.prediction_ids import place_in_run
from dashboard.core.labels.label_folders import LABELS_MEMBER, LabelFolders
from dashboard.core.shell import in_command

if TYPE_CHECKING:
    from dashboard.core.history.run_rows import RunState

_Reason = tuple[int, str, str]  # how many images are left out, why, and what helps
_NOT_AT_HAND = "The image is not kept, its evaluation was deleted, or its dataset is gone or changed."
_MOST_NAMED = 3  # evaluations in a command
COLUMNS = (
    "file", "image_sha256", "prediction_id", "label", "predicted_label", "confidence", "model", "user", "time_utc", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What an export holds."""

    written: int  # images or rows
    missing: int  # images that are not at hand
    disputed: int  # images about which there are different answers; they are left out


@dataclass(frozen=True)
class Agreed:
    """What users say about images, taken together."""

    labelled: tuple[Opinion, ...]  # for each image with a true label that nobody disputes, the newest that says one
    disputed: int  # images about which there are different answers
    unlabelled: int = 0  # images whose true label nobody named


def agreed(opinions: Sequence[Opinion]) -> Agreed:
    """What users agree about.

    Args:
        opinions: the last word of each user on each prediction, the newest first.
    """
    words = words_on_images(opinions)
    disputed = disputed_images(words)
    found: dict[str, Opinion] = {}
    for word in words:
        if word.true_label is not None and image_of(word) not in disputed:
            found.setdefault(image_of(word), word)
    unlabelled = {image_of(word) for word in words} - disputed - found.keys()
    return Agreed(tuple(found.values()), len(disputed), len(unlabelled))


def images_not_at_hand(said: Agreed, history: History) -> tuple[Opinion, ...]:
    """The labelled images that `write_zip` probably leaves out, because they are gone. No image is read."""
    at_hand = history.at_hand([(each.subject, each.image_sha256) for each in said.labelled])
    return tuple(each for each, is_there in zip(said.labelled, at_hand, strict=True) if not is_there)


def why_not_in_zip(said: Agreed, gone: Sequence[Opinion], history: History) -> str:
    """How many of the labelled images are not in the ZIP, why, and what helps.

    Args:
        gone: as `images_not_at_hand` gives them, one or more.
    """
    are = "is" if len(gone) == 1 else "are"
    of = f"{len(gone):,} of {counted(len(said.labelled), 'image')} with a true label"
    reasons = [reason for reason in _why_gone(gone, history) if reason[0]]
    return " ".join([f"{of} {are} not in the ZIP: {_counted(reasons)}.", *(fix for *_, fix in reasons if fix)])


def why_no_images(said: Agreed, gone: Sequence[Opinion], history: History) -> DashboardError | None:
    """Why `write_zip` could write no image, and what helps; None if it probably can.

    Args:
        gone: as `images_not_at_hand` gives them.
    """
    return _no_images(said, history) if len(gone) == len(said.labelled) else None


def write_zip(opinions: Sequence[Opinion], history: History, out: IO[bytes]) -> Exported:
    """Writes the images as LABEL/NAME, a dataset that can be evaluated; with LABELS_MEMBER if a folder cannot be called so. `not_exported.json` lists those not at hand.

    Args:
        opinions: as for `agreed`.

    Raises:
        DashboardError: no image has a true label that all agree on, or no such image is at hand.
    """
    said = agreed(opinions)
    missing: dict[str, str] = {}
    folders = LabelFolders()
    written = 0
    with zipfile.ZipFile(out, "w") as archive:  # images are compressed already
        for opinion in said.labelled:
            image = history.image_of(opinion.subject, opinion.file, opinion.image_sha256)
            if image is None:
                name = opinion.subject if opinion.file in missing else opinion.file or opinion.subject
                missing[name] = _NOT_AT_HAND
                continue
            archive.writestr(folders.member(opinion.true_label, opinion.file, written), image)
            written += 1
        if labels := folders.labels:
            archive.writestr(LABELS_MEMBER, labels)
        if missing:
            archive.writestr("not_exported.json", json.dumps(missing, ensure_ascii=False, indent=2))
    if not written:
        raise _no_images(said, history)
    return Exported(written, len(missing), said.disputed)


def write_labels(opinions: Sequence[Opinion], out: IO[bytes]) -> Exported:
    """Writes a table with the file name, the image's SHA-256, the prediction and the true label; UTF-8 with byte order mark.

    Args:
        opinions: as for `agreed`.
    """
    import pandas as pd

    from dashboard.core.runs.export import safe_for_spreadsheets

    said = agreed(opinions)
    rows = [
        (
            each.file, each.image_sha256, each.subject, each.true_label, each.predicted_label, each.confidence,
            f"{each.model_name}@{each.model_version}", each.user, each.time_utc.isoformat(timespec="seconds"), each.note,
        )
        for each in said.labelled
    ]  # fmt: skip
    table = safe_for_spreadsheets(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))
    text = io.StringIO(newline="")
    table.to_csv(text, index=False, quoting=csv.QUOTE_MINIMAL)
    out.write(text.getvalue().encode("utf-8-sig"))
    return Exported(len(rows), 0, said.disputed)


def feedback_on(words: Sequence[Opinion], user: str) -> FeedbackOn:
    """The columns of feedback for an export of the history. For the arguments, see `last_word_on`."""
    last_word = last_word_on(words, user)

    def columns(entry: Entry) -> dict[str, str | None]:
        said = last_word(entry)
        if said is None:
            return {"feedback": None, "true_label": None, "note": None}
        return {"feedback": said.verdict, "true_label": said.true_label, "note": said.note}

    return columns


def _no_images(said: Agreed, history: History) -> DashboardError:
    """Counts the images by what is missing, each with the way out."""
    reasons = (
        (
            said.unlabelled,
            "true label not known",
            "Open such an image again, on Predict or in its evaluation, and name its true label.",
        ),
        (
            said.disputed,
            "different answers about the true label",
            "Delete the feedback that is wrong on History > Feedback.",
        ),
        *_why_gone(said.labelled, history),
    )
    found = _counted(reasons)
    why = f": {found}." if found else ", because there is no feedback yet."
    fixes = [fix for count, _, fix in reasons if count and fix]
    if said.labelled:
        fixes.insert(0, "The true labels alone can be exported as a table (.csv).")
    fix = " ".join(fixes) or "Say which predictions are right, then export again."
    return DashboardError(f"No image can be exported as a class folder{why}", fix, "no_images_kept")


def _why_gone(gone: Sequence[Opinion], history: History) -> tuple[_Reason, ...]:
    run_ids = [place[0] for each in gone if (place := place_in_run(each.subject))]
    of_state: dict[RunState, list[str]] = defaultdict(list)  # the evaluation of each image
    states = history.run_states(dict.fromkeys(run_ids))
    for run_id in run_ids:
        of_state[states[run_id]].append(run_id)
    return (
        (len(gone) - len(run_ids), "image not kept", "" if history.keeps_images else HOW_TO_KEEP_IMAGES),
        (len(of_state["deleted"]), "its evaluation was deleted", _how_to_restore(of_state["deleted"])),
        (
            len(of_state["removed"]),
            "its evaluation was removed for good",
            "Evaluate the dataset again, and say there which predictions are right.",
        ),
        (
            len(of_state["damaged"]),
            "its evaluation is damaged",
            "Batch evaluation and `python -m dashboard runs list` say what is wrong with it.",
        ),
        (len(of_state["there"]), "dataset gone or changed", "Put the dataset back as it was."),
    )


def _how_to_restore(run_ids: Sequence[str]) -> str:
    from dashboard.core.runs.folder import DAYS_KEPT

    names = [in_command(run_id) for run_id in dict.fromkeys(run_ids)]
    command = f"`python -m dashboard runs restore {' '.join(names)}`"
    if len(names) > _MOST_NAMED:
        command = "`python -m dashboard runs restore RUN_ID`; `python -m dashboard runs list --deleted` lists them"
    return (
        f"A deleted evaluation can be restored for {DAYS_KEPT} days: on Batch evaluation, where those deleted are listed, "
        f"or with {command}."
    )


def _counted(reasons: Sequence[_Reason]) -> str:
    return ", ".join(f"{why} ({counted(count, 'image')})" for count, why, _ in reasons if count)
