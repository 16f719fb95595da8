"""Check (a): compares every method, on every kind of model, with a NumPy version that uses finite differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from dashboard.core.explanations.methods import METHODS
from dashboard.worker.explanations import integrated_gradients, smooth_grad
from dashboard.worker.explanations.heatmaps import heatmaps, raw_maps
from dashboard.worker.explanations.integrated_gradients import attributions, completeness_error
from dashboard.worker.explanations.smooth_grad import noisy_copies
from dashboard.worker.models.loading import load_file
from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps
from tests.worker.explanations import reference_methods as wanted
from tests.worker.reference_models import (
    Array,
    as_functional,
    as_sequential,
    features,
    heads,
    images,
    reference,
    scramble,
)

pytestmark = pytest.mark.usefixtures("fixed")
TARGETS = np.array([1, 0])
PLACES = np.array([0, 1, 2, 210, 211, 212, 429, 430, 431])  # three pixels of 12x12, all channels


@dataclass
class Case:
    model: keras.Model
    parts: list[layers.Layer]  # in the order of the forward pass, without nesting
    output: str = "probabilities"
    tap: str = "conv2"
    x: Array | None = None


def plain(build: Callable[..., keras.Model], kind: str, channels: int = 3) -> Case:
    parts = [*features(), *heads(kind)]
    output = "logits" if kind.endswith("logits") else "probabilities"
    return Case(build(parts, channels), parts, output, x=images(channels))


def nested(outer: Callable[..., keras.Model], inner: Callable[..., keras.Model], kind: str) -> Case:
    body, head = features(), heads(kind)
    backbone = inner(body)
    backbone.trainable = False
    return Case(outer([backbone, *head]), [*body, *head], tap=f"{backbone.name}/conv2")


def sigmoid() -> Case:
    parts = [*features(), layers.GlobalAveragePooling2D(), layers.Dense(1, activation="sigmoid")]
    return Case(as_functional(parts), parts)


def whole_numbers(dtype: str) -> Case:
    """A model that scales pixels itself and whose convolutions are not trainable."""
    parts = [layers.Rescaling(1 / 127.5, offset=-1), *features(), *heads("gap-fused")]
    inputs = x = keras.Input((12, 12, 3), dtype=dtype)
    for part in parts:
        part.trainable = isinstance(part, layers.Dense)
        x = part(x)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 12, 12, 3)).astype(np.float32)
    return Case(keras.Model(inputs, x), parts, x=pixels)


CASES: dict[str, Callable[[], Case]] = {
    "sequential, GAP, softmax": lambda: plain(as_sequential, "gap-fused"),
    "functional, Flatten, logits": lambda: plain(as_functional, "flatten-logits"),
    "functional, GAP, softmax as an activation": lambda: plain(as_functional, "gap-activation"),
    "functional backbone in a sequential, softmax layer": lambda: nested(as_sequential, as_functional, "flatten-layer"),
    "sequential backbone in a functional": lambda: nested(as_functional, as_sequential, "gap-fused"),
    "one sigmoid unit": sigmoid,
    "grayscale": lambda: plain(as_sequential, "gap-fused", channels=1),
    "uint8": lambda: whole_numbers("uint8"),
    "float 0 to 255": lambda: whole_numbers("float32"),
}


def check(case: Case) -> None:
    scramble(case.model)
    check_methods(case)


def check_methods(case: Case) -> None:
    taps = Taps(case.model, case.output)
    network, layer = Network(taps), taps.layer(case.tap)
    x = images() if case.x is None else case.x
    found = {
        method: raw_maps(network, about, x, TARGETS, layer if about.uses_layer else None)
        for method, about in METHODS.items()
    }
    assert all(maps.max() > 0 for maps in found.values()), "empty maps would prove nothing"
    _, activations, gradients = reference(case.parts, "conv2", x, TARGETS)
    smooth = smooth_grad.attributions(network, x, TARGETS)
    attribution, logits = attributions(network, x, TARGETS), network.target_logits(x, TARGETS)
    for n, target in enumerate(TARGETS.tolist()):
        image, a, g = x[n].astype(np.float64), activations[n], gradients[n]
        agree(found["grad-cam"][n], wanted.grad_cam(a, g))
        agree(found["grad-cam++"][n], wanted.grad_cam_plus_plus(a, g))
        agree(found["layer-cam"][n], wanted.layer_cam(a, g))
        agree(found["hires-cam"][n], wanted.hires_cam(a, g))
        agree(found["score-cam"][n], wanted.score_cam(case.parts, image, target, a))
        patch, positions = (
            4,
            [round(-3 + i * 14 / 12) for i in range(13)],
        )  # the patch is 3/8 of 12; positions from 1 - 4 to 12 - 1
        agree(found["occlusion"][n], wanted.occlusion(case.parts, image, target, patch, positions))
        some = PLACES[image.size > PLACES]
        agree(
            attribution[n].ravel()[some], wanted.integrated_gradients(case.parts, image, target, some), attribution[n]
        )
        baseline = np.broadcast_to(x[n].mean(axis=(0, 1)), x[n].shape)[None].astype(np.float32)
        rise = float(logits[n] - network.target_logits(baseline, TARGETS[n : n + 1])[0])
        assert completeness_error(attribution[n], rise) < 0.01  # check (e)
        slopes = wanted.smooth_grad(case.parts, image, noisy_copies(x[n]), target, some)
        agree(smooth[n].ravel()[some], slopes, smooth[n])


def agree(found: Array, expected: Array, whole: Array | None = None) -> None:
    """The values agree to 1e-4 of the map's peak."""
    peak = np.abs(expected if whole is None else whole).max()
    assert found.shape == expected.shape and np.abs(found - expected).max() <= 1e-4 * peak


@pytest.mark.parametrize("name", CASES)
def test_a_every_method_on_every_kind_of_model(name: str) -> None:
    check(CASES[name]())


def test_a_a_sequential_that_was_saved_and_loaded(tmp_path: Path) -> None:
    case = plain(as_sequential, "flatten-fused")
    scramble(case.model)
    case.model.save(tmp_path / "m.keras")
    loaded = load_file((tmp_path / "m.keras").read_bytes(), "it")
    check_methods(Case(loaded, loaded.layers))


def test_a_mixed_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with the same model in float32: with 8 bits of precision, finite differences are useless."""
    monkeypatch.setattr(
        integrated_gradients, "STEPS", (8,)
    )  # bfloat16 is slow on most CPUs, and its attributions are never complete
    monkeypatch.setattr(smooth_grad, "COPIES", 8)
    full = plain(as_functional, "gap-fused").model
    scramble(full)
    keras.config.set_dtype_policy("mixed_bfloat16")
    half = plain(as_functional, "gap-fused").model
    half.set_weights(full.get_weights())
    for method, about in METHODS.items():
        maps = []
        for model in (full, half):
            taps = Taps(model, "probabilities")
            layer = taps.layer("conv2") if about.uses_layer else None
            found, empty = heatmaps(Network(taps), method, images(n=1), TARGETS[:1], layer)
            assert found.dtype == np.float32 and not empty.any()
            maps.append(found)
        assert np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1] > 0.95, method
