from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dashboard.core.errors import ModelError
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.inference import Inference
from dashboard.core.models.scalings import better_scaling, choose_scaling, scaled
from dashboard.core.models.self_test import SelfTest, read_samples, self_test
from dashboard.core.models.version import ModelVersion
from tests.core.colour_model import make_registry, make_samples


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_the_scaling_that_mends_a_blind_model_is_found(tmp_path: Path, samples: Path, inference: Inference) -> None:
    version = make_registry(tmp_path, "1/255").get("colour@1")
    files = read_samples(samples)
    found = self_test(version, files, inference.predict)
    assert (found.answer, found.share) == ("dark", 1.0)
    better = better_scaling(version, files, inference.predict, found)
    assert better is not None
    assert better[0] == "raw"
    assert better[1].accuracy.value == 1.0


def test_no_scaling_is_named_when_none_mends_it(tmp_path: Path, samples: Path, inference: Inference) -> None:
    wrong_order = ("red", "green", "blue", "dark")
    version = make_registry(tmp_path, "raw", wrong_order).get("colour@1")
    files = read_samples(samples)
    tried: list[ModelVersion] = []

    def predict(candidate: ModelVersion, data: Sequence[bytes]) -> list[object]:
        tried.append(candidate)
        return inference.predict(candidate, data)

    found = self_test(version, files, predict)
    assert found.accuracy.value == 0
    assert better_scaling(version, files, predict, found) is None
    assert len(tried) == 4  # itself and the three other scalings


def test_a_scaling_that_does_not_fit_gray_pictures() -> None:
    assert scaled(Preprocessing(8, 8, color="grayscale"), "-1..1").scaling_name == "-1..1"
    with pytest.raises(ModelError):
        scaled(Preprocessing(8, 8, color="grayscale"), "imagenet")


class TestChoosingTheScaling:
    """Self-tests on 20 samples. Each scaling gets the given number right, always the first ones."""

    def results(self, **right: int) -> dict[str, SelfTest]:
        names = {"scaled": "1/255", "raw": "raw"}
        return {names[k]: SelfTest((True,) * n + (False,) * (20 - n), "a", 0.1, 10) for k, n in right.items()}

    def test_clearly_better_one_is_taken(self) -> None:
        chosen, found = choose_scaling(None, False, self.results(scaled=9, raw=14))  # 5 to 0: p = 1/32
        assert chosen == "raw"
        assert "raw is used: on the samples it is clearly better" in found[0]

    def test_slightly_better_one_is_only_mentioned(self) -> None:
        chosen, found = choose_scaling(None, False, self.results(scaled=10, raw=14))  # 4 to 0: p = 1/16
        assert chosen == "1/255"
        assert found == (
            "No scaling was given. 1/255 is assumed.",
            "Correct predictions on 20 labelled samples, by scaling: 1/255 10, raw 14.",
        )

    def test_order_is_obeyed_with_a_warning(self) -> None:
        chosen, found = choose_scaling("1/255", False, self.results(scaled=5, raw=18))
        assert chosen == "1/255"
        assert "Warning: on the samples raw is clearly better" in found[0]
        assert "predicts only 5 of 20 samples correctly" in found[2]

    def test_without_samples(self) -> None:
        assert choose_scaling("raw", False, {}) == ("raw", ())
        assert choose_scaling("1/255", True, {})[0] == "1/255"
        chosen, [note] = choose_scaling(None, True, {})
        assert chosen == "raw" and "scales its input itself" in note
