from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.core.analysis.robustness import TRAINED, measure_robustness, trained_kinds
from dashboard.core.metrics.calibration import expected_calibration_error
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.familiarity import energy
from dashboard.core.models.version import ModelVersion
from tests.conftest import picture

IMAGES = np.stack([picture(i) for i in range(30)])
LABELS = np.arange(30) % 2


def by_brightness(images: np.ndarray) -> np.ndarray:
    """The logits of a "model" that finds bright pictures to be of class 1."""
    bright = images.mean(axis=(1, 2, 3)) / 64
    return np.stack([np.full(len(images), 2.0), bright], axis=1)


def test_each_figure_is_that_of_the_corrupted_pictures() -> None:
    seen: list[np.ndarray] = []

    def predict(images: np.ndarray) -> np.ndarray:
        seen.append(images)
        return by_brightness(images)

    calls: list[int] = []
    found = measure_robustness(
        predict, IMAGES, LABELS, 2.0, kinds=("brightness", "contrast"), trained=("contrast", "snow"), progress=lambda: calls.append(1)
    )  # fmt: skip
    assert len(seen) == len(calls) == 11 and np.array_equal(seen[0], IMAGES)
    everything = [found.clean, *found.corrupted["brightness"], *found.corrupted["contrast"]]
    for one, images in zip(everything, seen, strict=True):
        logits = by_brightness(images)
        assert one.error == pytest.approx((logits.argmax(axis=1) != LABELS).mean())
        assert one.ece == pytest.approx(expected_calibration_error(softmax(logits, 2.0), LABELS))
        assert one.energy == pytest.approx(energy(logits).mean())
    errors = np.array([[one.error for one in row] for row in found.corrupted.values()])
    assert found.mean_error() == pytest.approx(errors.mean()) != found.mean_error(["contrast"])
    assert found.mean_error(["contrast"]) == pytest.approx(errors[1].mean())
    assert found.trained == ("contrast",) and found.untrained == ("brightness",)
    assert np.isnan(found.mean_error(["snow"]))
    energies = found.energies
    assert len(energies) == 6 and energies[0] == found.clean.energy
    assert energies[5] == pytest.approx(
        (found.corrupted["brightness"][4].energy + found.corrupted["contrast"][4].energy) / 2
    )


def test_a_version_may_say_what_it_was_trained_with(tiny_version: ModelVersion) -> None:
    def of(provenance: dict[str, object]) -> tuple[str, ...] | None:
        return trained_kinds(replace(tiny_version, provenance=provenance))

    assert of({}) is None and of({TRAINED: "snow"}) is None and of({TRAINED: []}) == ()
    assert of({TRAINED: ["snow", "frost", "contrast"]}) == ("contrast", "snow")
