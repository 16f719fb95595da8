"""Feedback as a labelled dataset: images in class folders, or a table of labels."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from dashboard.core.errors import DashboardError
from dashboard.core.feedback.opinion import Opinion
from dashboard.core.files import free_member
from dashboard.core.history.history import History

COLUMNS = ("file", "sha256", "label", "predicted_label", "confidence", "model", "user", "time_utc", "note")


@dataclass(frozen=True)
class Exported:
    """What an export holds."""

    written: int  # images or rows
    missing: int  # images that are not at hand


def labelled(opinions: Iterable[Opinion]) -> Iterator[Opinion]:
    """The opinions with a true label, at most one for each image: the first. So the newest should come first."""
    seen: set[str] = set()
    for opinion in opinions:
        image = opinion.image_sha256 or opinion.subject
        if opinion.true_label is not None and image not in seen:
            seen.add(image)
            yield opinion


def write_zip(opinions: Iterable[Opinion], history: History, out: IO[bytes]) -> Exported:
    """Writes the images as LABEL/NAME, a dataset that can be evaluated. `not_exported.json` lists those not at hand.

    Raises:
        DashboardError: no image is at hand.
    """
    missing: dict[str, str] = {}
    taken: set[str] = set()
    written = 0
    with zipfile.ZipFile(out, "w") as archive:  # images are compressed already
        for opinion in labelled(opinions):
            image = history.image_of(opinion.subject, opinion.file, opinion.image_sha256)
            if image is None:
                missing[opinion.file or opinion.subject] = "The image is not kept, or its dataset is gone or changed."
                continue
            archive.writestr(free_member(opinion.true_label or "", opinion.file, written, taken), image)
            written += 1
        if missing:
            archive.writestr("not_exported.json", json.dumps(missing, ensure_ascii=False, indent=2))
    if not written:
        raise DashboardError(
            "None of the images with feedback is at hand.",
            "Export the labels as a .csv file; to keep the images of later predictions, set DASHBOARD_HISTORY_IMAGES=true.",
            "no_images_kept",
        )
    return Exported(written, len(missing))


def write_labels(opinions: Iterable[Opinion], out: IO[bytes]) -> Exported:
    """Writes a table with the file name, the image's SHA-256 and the true label; UTF-8 with byte order mark."""
    import pandas as pd

    from dashboard.core.runs.export import safe_for_spreadsheets

    rows = [
        (
            each.file, each.image_sha256, each.true_label, each.predicted_label, each.confidence,
            f"{each.model_name}@{each.model_version}", each.user, each.time_utc.isoformat(timespec="seconds"), each.note,
        )
        for each in labelled(opinions)
    ]  # fmt: skip
    table = safe_for_spreadsheets(pd.DataFrame(rows, columns=list(COLUMNS), dtype=object))
    text = io.StringIO(newline="")
    table.to_csv(text, index=False, quoting=csv.QUOTE_MINIMAL)
    out.write(text.getvalue().encode("utf-8-sig"))
    return Exported(len(rows), 0)
