"""What a new temperature would do for the images of a run, and whether a model can get it."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.core.errors import DashboardError, DatasetError
from dashboard.core.evaluation.recalibration import LEAST_IMAGES, check_model
from dashboard.core.metrics.recalibration import Refit, log_probabilities, refit
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.labelled_rows import labelled_rows
from dashboard.core.runs.run import Run
from dashboard.core.shell import in_command

_MOST_NUMBERS = 10_000_000  # logits; the fit goes over half of them some thirty times


@dataclass(frozen=True)
class RefitPreview:
    """A temperature, fitted on one half of the labelled rows and measured on the other."""

    refit: Refit
    of: int  # labelled rows; the refit used only a random part of them if it counts fewer
    is_factor: bool  # the temperature is a factor of the present one, because there is no model with logits
    command: str  # stores the temperature as a new version; "" if it cannot or should not
    reason: str  # why there is no command; "" if there is one


def preview_refit(registry: Registry, run: Run) -> RefitPreview:
    """Fits a temperature to the rows of a run.

    Without a model, the probabilities themselves are fitted, and the temperature is a factor of the present one.

    Raises:
        DatasetError: there are fewer than `LEAST_IMAGES` labelled rows, they cannot be read, or they have no best temperature.
    """
    if len(run.labelled) < LEAST_IMAGES:
        raise DatasetError(
            f"There are {len(run.labelled):,} labelled images. A new temperature needs at least {LEAST_IMAGES}: half of "
            "them to fit it, half to check it.",
            "Evaluate more labelled images, or use a wider filter.", "too_few_images",
        )  # fmt: skip
    version, reason = _version_of(registry, run)
    rows = labelled_rows(run, "logits" if version else "pred_probs", _MOST_NUMBERS)
    logits = rows.values if version else log_probabilities(rows.values)
    found = refit(logits, rows.labels, version.temperature if version else 1.0)
    if not reason and not found.is_better:
        reason = "So no new version is offered. An evaluation of more labelled images can show more."
    elif not reason and run.conditions:
        reason = "The command always uses all images of the evaluation. Clear the filter to see what it would do."
    model, run_id = in_command(run.manifest.model), in_command(run.manifest.run_id)
    command = "" if reason else f"python -m dashboard models recalibrate {model} --run {run_id}"
    return RefitPreview(found, rows.of, version is None, command, reason)


def _version_of(registry: Registry, run: Run) -> tuple[ModelVersion | None, str]:
    """The model version that made the run, or None and why it cannot get a new temperature from the run."""
    if run.manifest.imported:
        return None, "These predictions were imported, so there is no model here that could get a new temperature."
    try:
        version = registry.get(run.manifest.model)
        check_model(run, version)
    except DashboardError as error:
        return None, f"{error.message} {error.fix}"
    return version, ""
