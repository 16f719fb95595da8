from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from dashboard.core.datasets.cifar10_archive import LabelledImages
from dashboard.core.images.corruptions import CORRUPTIONS, NINE, corrupt
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.familiarity import energy
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.training import network
from dashboard.training.__main__ import split_holdout
from dashboard.training.photos import as_photo, as_photos
from dashboard.training.publish import Training, publish
from dashboard.training.recipes import Recipe
from tests.conftest import encoded, picture

INPUT = Preprocessing(32, 32, mean=(0.5,), std=(0.25,))


def test_split_holdout_is_balanced_and_disjoint() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 100))
    kept, held = split_holdout(labels, 250, seed=1)
    assert np.bincount(labels[held]).tolist() == [25] * 10
    assert sorted([*kept, *held]) == list(range(1000)) and not set(kept) & set(held)
    again = split_holdout(labels, 250, seed=1)
    assert np.array_equal(kept, again[0]) and not np.array_equal(held, split_holdout(labels, 250, seed=2)[1])


def test_photos_look_like_the_pictures() -> None:
    images = np.stack([picture(i) for i in range(12)])
    calls: list[int] = []
    photos = as_photos(images, INPUT, seed=1, on_progress=calls.append)
    assert photos.shape == images.shape and photos.dtype == np.uint8
    difference = np.abs(photos.astype(int) - images).mean(axis=(1, 2, 3))
    assert (difference > 0).all() and difference.max() < 12
    assert np.array_equal(photos, as_photos(images, INPUT, seed=1))
    assert np.abs(as_photo(images[0], 4, 95, INPUT).astype(int) - images[0]).mean() < 6


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, keras.Model, np.ndarray]:
    keras.utils.set_random_seed(4)
    model = network.build((4, 4), 10, side=32, squeeze=True)
    images = np.stack([picture(i) for i in range(60)])
    labels = np.arange(60) % 10
    test = LabelledImages(images[30:], labels[30:], tuple(f"{i}.png" for i in range(30)))
    folder = tmp_path_factory.mktemp("models") / "tiny"
    training = Training(Recipe("tiny", widths=(4, 4), epochs=1), INPUT, "float32", "d" * 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.training.publish.STRANGERS", 50)
        patch.setattr("dashboard.training.publish.CORRUPTED_IMAGES", 12)
        for _ in range(2):
            target = publish(model, training, (images[:30], labels[:30]), test, folder)
    return target, model, images


def test_a_published_version_can_be_served(
    published: tuple[Path, keras.Model, np.ndarray], inference: Inference
) -> None:
    target, model, images = published
    version = Registry(target.parents[1]).get("tiny")
    assert version.version == "2" and version.folder == target
    logits = model.predict(normalize(images[:5], INPUT), verbose=0)
    for bfloat16, tolerance in ((False, 1e-5), (True, 1e-3)):
        answers = inference.predict(replace(version, bfloat16=bfloat16), [encoded(image) for image in images[:5]])
        for answer, probs in zip(answers, softmax(logits, version.temperature), strict=True):
            assert isinstance(answer, Prediction) and np.allclose(answer.pred_probs, probs, atol=tolerance)


def test_the_record_says_what_was_measured_on_what(published: tuple[Path, keras.Model, np.ndarray]) -> None:
    target, model, images = published
    version = Registry(target.parents[1]).get("tiny")
    predicted = model.predict(normalize(images[30:], INPUT), verbose=0).argmax(axis=1)
    assert version.metrics["accuracy"] == pytest.approx((predicted == np.arange(30, 60) % 10).mean(), abs=1e-5)
    assert version.metrics["n"] == 30 and version.metrics["flops"] == network.count_flops(model)
    assert version.metrics["accuracy_ci95"][0] <= version.metrics["accuracy"] <= version.metrics["accuracy_ci95"][1]
    assert set(version.metrics["per_class"]) == set(version.class_names) == set(CLASS_NAMES)
    photos = np.stack([as_photo(image, 12, 75, INPUT) for image in images[30:]])
    as_photos = model.predict(normalize(photos, INPUT), verbose=0).argmax(axis=1) == np.arange(30, 60) % 10
    assert version.metrics["accuracy_as_photos"] == pytest.approx(as_photos.mean(), abs=1e-5)
    assert version.bfloat16 == (abs(version.metrics["accuracy_change_bfloat16_held_out"]) <= 0.001)
    assert (
        version.provenance["started_from"] is None
        and version.provenance["recipe"]["name"] == "tiny"
        and version.provenance["data_sha256"] == "d" * 64
    )


def test_the_thresholds_come_from_the_held_out_images(published: tuple[Path, keras.Model, np.ndarray]) -> None:
    target, model, images = published
    version = Registry(target.parents[1]).get("tiny")
    logits = model.predict(normalize(images[:30], INPUT), verbose=0)
    assert version.familiarity is not None
    assert np.mean(energy(logits) > version.familiarity.max_energy) == pytest.approx(0.05, abs=0.03)
    assert len(version.metrics["auroc"]) >= 3
    assert all(0 <= value <= 1 for by_score in version.metrics["auroc"].values() for value in by_score.values())


def test_the_record_holds_the_errors_on_corrupted_images(published: tuple[Path, keras.Model, np.ndarray]) -> None:
    target, model, images = published
    found = Registry(target.parents[1]).get("tiny").metrics["robustness"]
    in_bfloat16 = network.rebuilt(model, "mixed_bfloat16", 32, widths=(4, 4), squeeze=True)
    shown = normalize(corrupt(images[30:42], "contrast", 4), INPUT)
    wrong = in_bfloat16.predict(shown, verbose=0).argmax(axis=1) != np.arange(30, 42) % 10
    assert found["errors"]["contrast"][3] == pytest.approx(wrong.mean(), abs=1e-5)
    assert set(found["errors"]) == set(CORRUPTIONS) and len(found["mean_energy_by_strength"]) == 6
    assert found["trained"] == ["jpeg compression"], "the recipe shows photographs"
    rest = [errors for kind, errors in found["errors"].items() if kind != "jpeg compression"]
    assert found["mean_error_not_trained"] == pytest.approx(np.mean(rest), abs=1e-5)
    assert found["mean_error_nine"] == pytest.approx(np.mean([found["errors"][kind] for kind in NINE]), abs=1e-5)


def test_what_the_start_was_trained_with_counts_too(tiny_version: ModelVersion) -> None:
    def corruptions(recipe: dict[str, object] | None, *trained: str) -> tuple[str, ...]:
        provenance = {"recipe": recipe, "trained_corruptions": list(trained)}
        new = Recipe("tiny", widths=(4, 4), epochs=1, photo_share=0.0, noisy_share=0.1)
        return Training(new, INPUT, "float32", "", replace(tiny_version, provenance=provenance)).corruptions

    assert corruptions(None) == ("gaussian noise",)
    assert corruptions({"distorted_share": 0.5}, "fog") == ("gaussian noise", "contrast", "brightness", "fog")


def test_what_cannot_be_finished_leaves_no_version(
    published: tuple[Path, keras.Model, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, model, images = published

    def refuse(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dashboard.training.publish.write_json", refuse)
    monkeypatch.setattr("dashboard.training.publish.STRANGERS", 20)
    monkeypatch.setattr("dashboard.training.publish.CORRUPTED_IMAGES", 2)
    held, test = (images[:30], np.arange(30) % 10), LabelledImages(images[30:], np.arange(30) % 10, ("x.png",) * 30)
    with pytest.raises(KeyboardInterrupt):
        publish(
            model,
            Training(Recipe("tiny", widths=(4, 4), epochs=1), INPUT, "float32", "d" * 64),
            held,
            test,
            tmp_path / "m" / "tiny",
        )
    assert list((tmp_path / "m").iterdir()) == []
