from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.training.targets import Teachers, load_version, smoothed_labels
from tests.conftest import ROOT, picture


def test_smoothed_labels_by_hand() -> None:
    assert smoothed_labels(np.array([1, 0]), 4, 0.2) == pytest.approx(
        np.array([[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]])
    )


def test_each_image_is_shown_to_one_teacher_one_way_all_alike_often() -> None:
    versions = [Registry(ROOT / "models").get(name) for name in ("cifar10-resnet", "cifar10-small")]
    pictures = np.stack([picture(i)[:24, :24] for i in range(3)])
    teachers = Teachers(versions, "float32")
    found = teachers.answers(np.tile(pictures, (100, 1, 1, 1)), np.random.default_rng(2)).reshape(100, 3, 10)
    can_say = np.stack(
        [
            softmax(load_version(version).predict(normalize(ways, small(version)), verbose=0))
            for version in versions
            for ways in (pictures, pictures[:, :, ::-1])
        ]
    )
    said = np.isclose(found[:, None], can_say, atol=1e-5).all(axis=-1)  # (100, 4, 3)
    assert (said.sum(axis=1) == 1).all(), "each image gets exactly one of the four possible answers"
    assert (said.mean(axis=0) > 0.12).all(), "each answer is given in about a quarter of the cases"


def test_clean_answers_are_the_mean_of_the_calibrated_probabilities() -> None:
    versions = [Registry(ROOT / "models").get(name) for name in ("cifar10-resnet", "cifar10-small")]
    pictures = np.stack([picture(i) for i in range(3)])
    expected = [
        softmax(load_version(v).predict(normalize(pictures, v.preprocessing), verbose=0), v.temperature)
        for v in versions
    ]
    found = Teachers(versions, "float32").clean_answers(pictures)
    assert found == pytest.approx(np.mean(expected, axis=0), abs=1e-5)


def small(version: ModelVersion) -> Preprocessing:
    return replace(version.preprocessing, height=24, width=24)


def test_a_model_from_elsewhere_cannot_teach(tiny_version: ModelVersion) -> None:
    with pytest.raises(ModelError, match=f"{tiny_version.ref} was not trained by a recipe"):
        Teachers([tiny_version], "float32")


def test_our_own_version_in_half_precision() -> None:
    version = Registry(ROOT / "models").get("cifar10-resnet")
    exact, fast = load_version(version), load_version(version, "mixed_bfloat16")
    assert fast.get_layer("block1_conv1").compute_dtype == "bfloat16"
    x = np.stack([picture(i) for i in range(4)]).astype(np.float32) / 255
    exact_logits, fast_logits = exact.predict(x, verbose=0), fast.predict(x, verbose=0)
    assert np.abs(exact_logits - fast_logits).max() < 0.05 * np.abs(exact_logits).max()
