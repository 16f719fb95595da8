"""A better temperature for a model, from the labelled images of one of its runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from dashboard.core.errors import DatasetError, ModelError
from dashboard.core.images.preprocessing import FIT_NAMES
from dashboard.core.metrics.halves import halves
from dashboard.core.metrics.recalibration import Refit, refit
from dashboard.core.models.recalibrating import store_recalibrated
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.run import Run, how_to_finish
from dashboard.core.runs.store import RunStore
from dashboard.core.shell import in_command

LEAST_IMAGES = 200  # a hundred in each half; with fewer, chance decides which temperature looks better
_COLUMNS = ("true_label", "status", "logits")


@dataclass(frozen=True)
class Recalibrated:
    """A new version, and what its temperature does."""

    version: ModelVersion
    refit: Refit


def recalibrate(registry: Registry, version: ModelVersion, store: RunStore, run_id: str) -> Recalibrated:
    """Fits the temperature on half of the labelled rows of a run, checks it on the others, and stores it as a new version.

    Raises:
        DatasetError, ModelError: see `labelled_logits`.
        DatasetError: these images have no best temperature.
        ModelError: the new temperature is not significantly better on the checked rows, or the version cannot be written.
    """
    logits, labels = labelled_logits(version, store, run_id)
    found = refit(logits, labels, version.temperature)
    if not found.is_better:
        raise ModelError(
            f"A new temperature ({found.temperature:.3f} instead of {version.temperature:.3f}) is not stored. {found.in_words()} "
            f"It is {found.before.nll:.4f} with the present temperature and {found.after.nll:.4f} with the new one.",
            f"Keep {version.ref}, or try an evaluation of more labelled images.", "temperature_not_better",
        )  # fmt: skip
    new = store_recalibrated(
        registry, version, round(found.temperature, 4), f"{found.n_fit:,} labelled images of the evaluation {run_id}",
        logits[halves(len(labels))[0]], {"run": run_id, **asdict(found)},
    )  # fmt: skip
    return Recalibrated(new, found)


def labelled_logits(version: ModelVersion, store: RunStore, run_id: str) -> tuple[np.ndarray, np.ndarray]:
    """The logits (N, K) and true class ids (N,) of the labelled images of a finished run of `version`.

    Raises:
        DatasetError: the run does not exist, cannot be read, or has fewer than `LEAST_IMAGES` labelled images.
        ModelError: the run is not finished, or is not of this version.
    """
    run = store.folder(run_id).load(_COLUMNS)
    check_model(run, version)
    rows = run.evaluated.dropna(subset=["true_label"])
    if len(rows) < LEAST_IMAGES:
        raise DatasetError(
            f"The evaluation {run_id} has {len(rows):,} labelled images with a prediction. A new temperature needs at least "
            f"{LEAST_IMAGES}: half of them to fit it, half to check it.",
            f"Evaluate more labelled images: `python -m dashboard evaluate DATASET --model {in_command(version.ref)}`.",
            "too_few_images",
        )
    return np.stack(rows["logits"].to_list()), rows["true_label"].cat.codes.to_numpy(np.int64)


def check_model(run: Run, version: ModelVersion) -> None:
    """Raises ModelError if the run is not finished, or is not of this version."""
    m = run.manifest
    again = f"Evaluate labelled images with it first: `python -m dashboard evaluate DATASET --model {in_command(version.ref)}`."
    if m.imported:
        fault = f"The evaluation {m.run_id} holds predictions that were made elsewhere, not by {version.ref}."
    elif m.model != version.ref:
        fault = f"The evaluation {m.run_id} is of {m.model}, not of {version.ref}."
    elif m.model_sha256 != version.sha256:
        fault = f"The evaluation {m.run_id} is of other weights: {version.ref} has changed since."
    elif m.fit is not None and m.fit != version.preprocessing.fit:
        fault = f"The evaluation {m.run_id} makes pictures fit by “{FIT_NAMES[m.fit]}”, but {version.ref} by “{FIT_NAMES[version.preprocessing.fit]}”."
    elif run.state != "finished":
        raise ModelError(
            f"The evaluation {m.run_id} is not finished ({run.state}).",
            how_to_finish(m, run.state), "run_unfinished",
        )  # fmt: skip
    else:
        return
    raise ModelError(fault, again, "run_of_other_model")
