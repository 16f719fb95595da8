"""Checks (c), (d) and (e) on CIFAR-10 test images; `python -m dashboard.studies` runs them on 500 or more images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.core.datasets import open_dataset
from dashboard.core.explanations.methods import METHODS
from dashboard.core.images.preprocessing import normalize
from dashboard.core.models.registry import Registry
from dashboard.studies.__main__ import correctly_classified
from dashboard.studies.study import MethodStudy, study
from dashboard.worker.explanations.integrated_gradients import attributions
from dashboard.worker.models.loading import LoadedModel, load
from tests.conftest import ROOT

IMAGES = 40
Known = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load(Registry(ROOT / "models").get("cifar10-small"))


@pytest.fixture(scope="module")
def known(model: LoadedModel, shared_dir: Path) -> Known:
    """Images that the model classifies correctly, and their classes."""
    return correctly_classified(model, open_dataset(shared_dir / "cifar10" / "cifar10-test-2000.zip"), IMAGES)


@pytest.fixture(scope="module")
def studies(model: LoadedModel, known: Known) -> dict[str, MethodStudy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.core.explanations.faithfulness.RANDOM_MAPS", 3)  # enough for a mean, and faster than 8
        found = study(model, *known)
    return {each.method: each for each in found}


@pytest.mark.parametrize("method", METHODS)
def test_c_maps_are_better_than_random_ones(studies: dict[str, MethodStudy], method: str) -> None:
    assert studies[method].images == IMAGES and studies[method].over_random.low > 0.1


def test_c_and_than_a_centred_spot(studies: dict[str, MethodStudy]) -> None:
    """CIFAR-10's objects are in the middle, so the centre is hard to beat; Integrated Gradients needs few images."""
    assert studies["integrated-gradients"].verdict == "better"


# the others add up channels with only positive weights, so they also show where any network is active (see README)
SIGNED = [method for method in METHODS if method not in ("grad-cam++", "layer-cam", "score-cam")]


@pytest.fixture(scope="module", params=["cifar10-resnet", "cifar10-small"])
def shuffled(request: pytest.FixtureRequest, known: Known) -> dict[str, MethodStudy]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.core.explanations.faithfulness.RANDOM_MAPS", 3)
        found = study(load(Registry(ROOT / "models").get(request.param)), known[0][:8], known[1][:8], SIGNED, 8)
    return {each.method: each for each in found}


@pytest.mark.parametrize("method", SIGNED)
def test_d_shuffled_weights_give_other_maps(shuffled: dict[str, MethodStudy], method: str) -> None:
    spearman = shuffled[method].spearman
    assert shuffled[method].randomized == 8 and spearman is not None and spearman < 0.2
    assert shuffled[method].needs_what_was_learnt


def test_e_attributions_add_up_to_the_logits_rise(model: LoadedModel, known: Known) -> None:
    inputs, targets = normalize(known[0][:8], model.version.preprocessing), known[1][:8]
    plain = np.broadcast_to(inputs.mean(axis=(1, 2), keepdims=True), inputs.shape).astype(np.float32)
    rises = model.network.target_logits(inputs, targets) - model.network.target_logits(plain, targets)
    sums = attributions(model.network, inputs, targets).sum(axis=(1, 2, 3), dtype=np.float64)
    assert np.abs(rises).min() > 0.1 and (np.abs(sums - rises) / np.abs(rises)).max() < 0.01
