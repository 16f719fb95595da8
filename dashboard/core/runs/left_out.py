"""Rows without a prediction that are no damaged images.

The user left their label out, their label is no class of the model, or they only stand in a table of labels.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.datasets.label_value import OF_THIS_IMAGE
from dashboard.core.datasets.labelling import NO_SUCH_IMAGE
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run, how_to_finish


def why_left_out(label: str, manifest: RunManifest) -> str:
    """The reason that the row of an image with this label states."""
    if label in manifest.left_out:
        return f"Its label {label!r} was left out."
    return f"Its label {label!r} is not a class of {manifest.model}."


def failures(run: Run) -> pd.DataFrame:
    """The rows of `Run.failed`, but for those whose label the user chose to leave out. Raises DatasetError."""
    return run.failed[~left_out_by_choice(run)]


def left_out_by_choice(run: Run) -> np.ndarray:
    """(N,) bool for the rows of `Run.failed`: the user chose to leave their label out. Raises DatasetError."""
    return _with_label(run, run.manifest.left_out)


def left_out_by_label(run: Run) -> np.ndarray:
    """(N,) bool for the rows of `Run.failed`: their label is left out or not a class. Raises DatasetError."""
    return _with_label(run, run.manifest.left_out.union(run.manifest.unknown_labels))


def without_image(run: Run) -> np.ndarray:
    """(N,) bool for the rows of `Run.failed`: a table names a file that the dataset does not have. Raises DatasetError."""
    return _stating(run, NO_SUCH_IMAGE)


def image_count(run: Run) -> int:
    """The number of rows of `Run.table` that are images, not only rows of a table of labels. Raises DatasetError."""
    without = without_image(run).sum() if run.manifest.n_without_image else 0
    return len(run.table) - int(without)


def not_finished(run: Run) -> str:
    """That a run is not finished, and how to finish it; "" if it is. Raises DatasetError."""
    m = run.manifest
    if run.state == "finished":
        return ""
    # a filter lets only some of the images pass, so their number does not say how far the run is
    done = "" if run.conditions else f": {image_count(run):,} of {m.n_real_images:,} images"
    return f"The evaluation is not finished{done}. {how_to_finish(m, run.state)}"


def no_predictions(run: Run) -> str:
    """Why none of the rows of a run has a prediction. Raises DatasetError."""
    if run.conditions and run.table.empty:
        return f"No image passes the filter. {not_finished(run)}".strip()
    if unfinished := not_finished(run):
        return unfinished
    return ": ".join(filter(None, ("No image got a prediction", in_kinds(run)))) + "."


def _stating(run: Run, reason: str) -> np.ndarray:
    """(N,) bool for the rows of `Run.failed`: their reason contains this text. Raises DatasetError."""
    if run.failed.empty:
        return np.zeros(0, bool)
    stated = run.detail(run.failed, ["reason"])["reason"].astype(str)
    return stated.str.contains(reason, regex=False).to_numpy(bool)


def in_kinds(run: Run) -> str:
    """`1 could not be read, 10 left out by choice`: why rows have no prediction. Raises DatasetError."""
    chosen, by_label, missing = left_out_by_choice(run), left_out_by_label(run), without_image(run)
    uncertain = _stating(run, OF_THIS_IMAGE)
    otherwise = "without a prediction" if run.manifest.imported else "could not be read"
    counts = {
        otherwise: int((~by_label & ~missing & ~uncertain).sum()),
        "without a certain label": int(uncertain.sum()),
        "of a label that is not a class": int((by_label & ~chosen).sum()),
        "left out by choice": int(chosen.sum()),
        "missing, but named in a table": int(missing.sum()),
    }
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def _with_label(run: Run, labels: frozenset[str]) -> np.ndarray:
    if not labels or run.failed.empty:
        return np.zeros(len(run.failed), bool)
    reasons = [why_left_out(label, run.manifest) for label in labels]
    reasons += [f"Its label {label!r} is not a class." for label in labels]  # of imported predictions
    stated = run.detail(run.failed, ["reason"])["reason"]
    return stated.isin(reasons).to_numpy(bool)
