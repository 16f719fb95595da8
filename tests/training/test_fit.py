"""Real trainings of a tiny network; one of three epochs is interrupted after the first and resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.training import fit as fit_module
from dashboard.training.fit import TrainingData, fit, learning_rate
from dashboard.training.recipes import QUICK, RECIPES, Recipe

RECIPE = Recipe(
    "tiny", widths=(4, 8), epochs=3, batch_size=16, peak_lr=0.05, crop_padding=1, cutout=0, small_side=4, holdout=0
)
INPUT = Preprocessing(8, 8)
IMAGES = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
TARGETS = np.eye(3)[np.arange(64) % 3]


def train(checkpoint: Path, recipe: Recipe = RECIPE) -> keras.Model:
    keras.utils.set_random_seed(9)
    return fit(recipe, TrainingData(INPUT, IMAGES, IMAGES, TARGETS), checkpoint, verbose=0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, keras.Model]:
    """A training that nobody interrupted: its checkpoint and its network."""
    checkpoint = tmp_path_factory.mktemp("finished") / "checkpoint"
    return checkpoint, train(checkpoint)


class BrokenOff(Exception):
    pass


def test_a_run_broken_off_after_its_first_epoch_goes_on_and_ends_where_an_unbroken_one_does(
    finished: tuple[Path, keras.Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (_, unbroken), backend = finished, keras.backend.backend()
    write_json = fit_module.write_json

    def write_and_break_off(path: Path, record: Any) -> None:
        write_json(path, record)
        raise BrokenOff

    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "write_json", write_and_break_off)
        with pytest.raises(BrokenOff):
            train(tmp_path / "broken")
    assert json.loads((tmp_path / "broken" / "state.json").read_text()) == {"epochs_done": 1, "backend": backend}
    resumed = train(tmp_path / "broken")
    told = capsys.readouterr().out
    assert "after epoch 1 of 3" in told and "Epoch 3 of 3\n" in told
    assert json.loads((tmp_path / "broken" / "state.json").read_text()) == {"epochs_done": 3, "backend": backend}
    for a, b in zip(unbroken.get_weights(), resumed.get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-4)


def test_a_finished_run_is_not_trained_again(finished: tuple[Path, keras.Model]) -> None:
    checkpoint, done = finished
    again = train(checkpoint)
    assert all(np.array_equal(a, b) for a, b in zip(done.get_weights(), again.get_weights(), strict=True))


def test_training_learns(tmp_path: Path) -> None:
    """Each class is one plain colour."""
    images = np.zeros((96, 8, 8, 3), np.uint8)
    labels = np.arange(96) % 3
    images[np.arange(96), ..., labels] = 200
    recipe = replace(RECIPE, epochs=8, weight_decay=0.0)
    keras.utils.set_random_seed(9)
    model = fit(recipe, TrainingData(INPUT, images, images, np.eye(3)[labels]), tmp_path, verbose=0)
    logits = model.predict(normalize(images, INPUT), verbose=0)
    assert (logits.argmax(axis=1) == labels).all()
    assert not model.compiled and {w.dtype for w in model.weights} == {"float32"}


def test_what_is_wanted_follows_patches_and_teachers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are plain black or plain white, so the mean of a mixed image is its share of white."""
    images = np.full((64, 8, 8, 3), 255, np.uint8) * (np.arange(64) % 2).astype(np.uint8)[:, None, None, None]
    recipe = replace(RECIPE, epochs=1, small_share=0.0, mixed_share=0.5, teacher_weight=0.6)
    asked, shown = [], []

    class Grey:
        def answers(self, seen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            asked.append(seen)
            return np.full((len(seen), 2), 0.5, np.float32)

    real = fit_module._train_epoch
    monkeypatch.setattr(fit_module, "_train_epoch", lambda *args: (shown.append(args[3]), real(*args))[1])
    fit(recipe, TrainingData(INPUT, images, images, np.eye(2)[np.arange(64) % 2]), tmp_path, 0, teachers=Grey())  # type: ignore[arg-type]
    white = asked[0].mean(axis=(1, 2, 3)) / 255
    assert 0.2 < ((white > 0) & (white < 1)).mean() < 0.5, (
        "half of the patches come from an image of the same colour, so they change nothing"
    )
    assert shown[0][:, 1] == pytest.approx(0.6 * 0.5 + 0.4 * white, abs=1e-6)


def test_answers_for_clean_images_are_asked_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(RECIPE, epochs=2, clean_answers=True, teacher_weight=0.6, mixed_share=0.0)
    asked, shown = [], []

    class Sure:
        def clean_answers(self, images: np.ndarray) -> np.ndarray:
            asked.append(images)
            return np.eye(3)[np.full(len(images), 2)]

    real = fit_module._train_epoch
    monkeypatch.setattr(fit_module, "_train_epoch", lambda *args: (shown.append(args[3]), real(*args))[1])
    for epochs in (1, 2):  # the second time as after an interruption
        data = TrainingData(INPUT, IMAGES, IMAGES, TARGETS)
        fit(replace(recipe, epochs=epochs), data, tmp_path, 0, teachers=Sure())  # type: ignore[arg-type]
    assert len(asked) == 1 and np.array_equal(asked[0], IMAGES) and len(shown) == 2
    for wanted in shown:
        of = wanted[:, -1].astype(int)
        assert wanted[:, :-1] == pytest.approx(0.6 * np.eye(3)[2] + 0.4 * TARGETS[of], abs=1e-6)


def test_the_schedule_rises_and_falls_to_zero() -> None:
    recipe = replace(RECIPE, peak_lr=0.5, rise_share=0.25)
    at = [learning_rate(recipe, step / 100) for step in range(101)]
    assert at[0] == pytest.approx(0.1) and at[25] == pytest.approx(0.5) and at[100] == pytest.approx(0, abs=1e-6)
    assert int(np.argmax(at)) == 25 and at[62] == pytest.approx(0.5 * 38 / 75, rel=1e-4)


def test_every_epoch_gets_the_learning_rate_of_its_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    monkeypatch.setattr(fit_module, "learning_rate", lambda recipe, progress: asked.append(progress) or 0.01)
    train(tmp_path)
    assert asked == pytest.approx([1 / 6, 3 / 6, 5 / 6])


def test_training_can_start_from_a_trained_network(tmp_path: Path) -> None:
    start = train(tmp_path / "first", replace(RECIPE, squeeze=False))
    keras.utils.set_random_seed(3)
    further = fit(
        replace(RECIPE, peak_lr=0.0, weight_decay=0.0),
        TrainingData(INPUT, IMAGES, IMAGES, TARGETS),
        tmp_path / "further",
        0,
        start,
    )
    kernel = start.get_layer("block1_conv2").get_weights()[0]
    assert np.allclose(further.get_layer("block1_conv2").get_weights()[0], kernel)
    assert further.get_layer("block1_se_gate") is not None


def test_the_last_losses_are_those_of_the_images(tmp_path: Path) -> None:
    """The losses equal those that Keras computes. They arrive in two batches, and the images are not in order."""
    losses = fit_module.SampleLosses(6)
    rng = np.random.default_rng(0)
    logits, labels, numbers = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0]), np.array([5, 0, 3, 1, 4])
    truth = np.concatenate([np.eye(3)[labels], numbers[:, None]], axis=1).astype(np.float32)
    for rows in ([0, 1], [2, 3, 4]):
        losses.update_state(truth[rows], logits[rows])
    losses.reset_state()
    wanted = np.zeros(6)
    wanted[numbers] = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    assert np.allclose(losses.losses, wanted, atol=1e-6)


def test_recipes_are_named_as_they_are_looked_up() -> None:
    assert all(recipe.name == name and recipe.epochs > 0 for name, recipe in RECIPES.items())
    assert RECIPES[QUICK].epochs < RECIPES["cifar10-resnet"].epochs
