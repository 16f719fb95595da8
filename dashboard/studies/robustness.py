"""How robust is a model against corrupted pictures? Reads labelled pictures and writes the tables."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from dashboard.core.analysis.robustness import Measured, Robustness
from dashboard.core.datasets import Dataset
from dashboard.core.errors import DatasetError
from dashboard.core.images.corruptions import NINE, STRENGTHS
from dashboard.core.metrics.percent import rounded
from dashboard.core.models.version import ModelVersion
from dashboard.studies.labelled_pictures import in_random_order


def labelled_images(version: ModelVersion, dataset: Dataset, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` pictures with a class that the model knows, in an order that is random but always the same.

    Returns:
        Images (N, height, width, 3) uint8 and their class ids (N,).

    Raises:
        DatasetError: there are none, or the model takes no square colour pictures.
    """
    p = version.preprocessing
    if p.height != p.width or p.channels != 3:
        raise DatasetError(
            f"{version.ref} takes pictures of {p.height} x {p.width} pixels with {p.channels} channels, "
            "but the corruptions are made for square colour pictures.",
            "Choose a model that takes square colour pictures.",
        )
    found = list(islice(in_random_order(version, dataset), count))
    if not found:
        raise DatasetError("No picture has a label that the model knows.", "Choose pictures labelled with its classes.")
    return np.stack([picture for picture, _ in found]), np.array([class_id for _, class_id in found])


def markdown(found: Robustness, says_trained: bool) -> str:
    """The tables of one model: errors in percent by kind and strength, then the means."""
    head = ["| corruption | " + " | ".join(map(str, STRENGTHS)) + " | mean | ECE |", "|---" * 8 + "|"]
    rows = [
        f"| {kind}{' (trained)' if kind in found.trained else ''} | "
        + " | ".join(_percent(one.error) for one in measured)
        + f" | {_percent(found.mean_error([kind]))} | {_percent(found.mean_ece([kind]))} |"
        for kind, measured in found.corrupted.items()
    ]
    means = [("the nine", NINE), ("all", tuple(found.corrupted))]
    means += [("not trained", found.untrained)] if says_trained else []
    summary = [
        f"| mean of {name} | | | | | | {_percent(found.mean_error(kinds))} | {_percent(found.mean_ece(kinds))} |"
        for name, kinds in means
        if any(kind in found.corrupted for kind in kinds)
    ]
    clean = f"| none | | | | | | {_percent(found.clean.error)} | {_percent(found.clean.ece)} |"
    interval = f"With {found.images:,} images, the 95% interval of an error by strength reaches up to {_percent(found.half_width)} points to either side."
    energies = "Mean energy, clean and by strength: " + ", ".join(f"{rounded(value, 2)}" for value in found.energies)
    unsaid = "" if says_trained else "\nIts model.json does not say which corruptions it was trained with."
    return "\n".join([*head, clean, *rows, *summary, "", interval, "", energies]) + unsaid


def record(found: Robustness, says_trained: bool) -> dict[str, Any]:
    """The same for programs; shares in [0, 1]."""
    return {
        "images": found.images,
        "seed": found.seed,
        "clean": _record(found, found.clean),
        "corruptions": {
            kind: {
                "trained": kind in found.trained if says_trained else None,
                "strengths": [_record(found, one) for one in measured],
            }
            for kind, measured in found.corrupted.items()
        },
        "mean_error": found.mean_error(),
        "mean_error_not_trained": found.mean_error(found.untrained) if says_trained and found.untrained else None,
        "mean_ece": found.mean_ece(),
        "mean_energy_by_strength": list(found.energies),
    }


def _record(found: Robustness, one: Measured) -> dict[str, Any]:
    interval = found.interval(one)
    return {"error": one.error, "error_ci95": [interval.low, interval.high], "ece": one.ece, "energy": one.energy}


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
