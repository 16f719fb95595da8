from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.calibration import softmax
from dashboard.core.preprocessing import normalize
from dashboard.core.registry import ModelVersion
from dashboard.training.targets import load_version, smoothed_labels, taught
from tests.conftest import picture


def test_smoothed_labels_by_hand() -> None:
    assert smoothed_labels(np.array([1, 0]), 4, 0.2) == pytest.approx(
        np.array([[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]])
    )


def test_a_teacher_is_asked_about_both_ways_of_every_view(tiny_version: ModelVersion, tmp_path: Path) -> None:
    images, others = (np.stack([picture(i) for i in seeds]) for seeds in (range(3), range(3, 6)))
    labels = np.eye(10)[[0, 1, 2]]
    found = taught(labels, tiny_version, [images, others], 0.75)
    model = load_version(tiny_version)
    views = [images, images[:, :, ::-1], others, others[:, :, ::-1]]
    seen = [softmax(model.predict(normalize(v, tiny_version.preprocessing), verbose=0)) for v in views]
    assert np.allclose(found, 0.75 * np.mean(seen, axis=0) + 0.25 * labels, atol=1e-6)
    assert np.allclose(found.sum(axis=1), 1)
