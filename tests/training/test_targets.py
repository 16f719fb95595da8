from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.calibration import softmax
from dashboard.core.preprocessing import normalize
from dashboard.core.registry import ModelVersion, Registry
from dashboard.training.targets import load_version, smoothed_labels, taught
from tests.conftest import ROOT, picture


def test_smoothed_labels_by_hand() -> None:
    assert smoothed_labels(np.array([1, 0]), 4, 0.2) == pytest.approx(
        np.array([[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]])
    )


def test_a_teacher_is_asked_about_both_ways_of_each_image(tiny_version: ModelVersion) -> None:
    images = np.stack([picture(i) for i in range(3)])
    labels = np.eye(10)[[0, 1, 2]]
    model, recipe = load_version(tiny_version), tiny_version.preprocessing
    found = taught(labels, model, recipe, images, 0.75)
    seen = [softmax(model.predict(normalize(v, recipe), verbose=0)) for v in (images, images[:, :, ::-1])]
    assert np.allclose(found, 0.75 * np.mean(seen, axis=0) + 0.25 * labels, atol=1e-6)
    assert np.allclose(found.sum(axis=1), 1)


def test_our_own_version_in_half_precision() -> None:
    version = Registry(ROOT / "models").get("cifar10-resnet")
    exact, fast = load_version(version), load_version(version, "mixed_bfloat16")
    assert fast.get_layer("block1_conv1").compute_dtype == "bfloat16"
    x = np.stack([picture(i) for i in range(4)]).astype(np.float32) / 255
    exact_logits, fast_logits = exact.predict(x, verbose=0), fast.predict(x, verbose=0)
    assert np.abs(exact_logits - fast_logits).max() < 0.05 * np.abs(exact_logits).max()
