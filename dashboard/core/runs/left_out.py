"""Images without a prediction because of their label: the user left the label out, or it is no class of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run


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


def _with_label(run: Run, labels: frozenset[str]) -> np.ndarray:
    if not labels or run.failed.empty:
        return np.zeros(len(run.failed), bool)
    reasons = [why_left_out(label, run.manifest) for label in labels]
    reasons += [f"Its label {label!r} is not a class." for label in labels]  # of imported predictions
    stated = run.detail(run.failed, ["reason"])["reason"]
    return stated.isin(reasons).to_numpy(bool)
