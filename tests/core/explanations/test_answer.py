"""The answers that the Predict page shows, from real predictions of tiny models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.core.errors import ImageError, ModelError
from dashboard.core.explanations.answer import DISPLAY_SIDE, Answer, answer_key, ask, explain_again
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import MapRequest
from dashboard.core.images.preprocessing import Fit, Preprocessing
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.version import ModelVersion
from dashboard.schemas.explanations import ExplainedRecord
from tests.conftest import encoded, picture
from tests.core.colour_model import make_registry


@pytest.fixture(scope="module")
def colour_version(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    """A model without a convolution."""
    return make_registry(tmp_path_factory.mktemp("models")).get()


def detailed(width: int, height: int) -> np.ndarray:
    """Blobs with noise, so that different ways of resizing give different pixels."""
    noise = np.random.default_rng(7).integers(-60, 60, (height, width, 3))
    return np.clip(picture(3, width, height) + noise, 0, 255).astype(np.uint8)


def logits_of(inference: Inference, version: ModelVersion, data: bytes) -> np.ndarray:
    [prediction] = inference.predict(version, [data])
    assert isinstance(prediction, Prediction)
    return prediction.logits


def test_a_picture_of_the_models_size_is_shown_as_it_is(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(0)))
    assert np.array_equal(answer.picture, picture(0)) and np.array_equal(answer.model_input, picture(0))
    assert answer.is_model_input and answer.explanation is not None and answer.explanation_fault == ""
    assert answer.predicted_label == tiny_version.class_names[answer.prediction.class_id]


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("fit", ["stretch", "center-crop", "pad"])
@pytest.mark.parametrize("size", [(1300, 700), (300, 450)])
def test_what_is_shown_as_the_models_input_is_what_it_predicted_from(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, format: str, fit: Any, size: tuple[int, int]
) -> None:
    version = tiny_version.fitting(fit)
    answer = ask(inference, explainer, version, "a", encoded(detailed(*size), format))
    again = logits_of(inference, version, encoded(answer.model_input))  # it has the model's size, so it is not resized
    assert np.array_equal(again, answer.prediction.logits)
    assert not answer.is_model_input and answer.map_covers_picture == (fit == "stretch")


def test_a_large_picture_is_kept_small_in_its_proportions(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(1, 3000, 1500)))
    assert answer.picture.shape == (DISPLAY_SIDE // 2, DISPLAY_SIDE, 3)


def test_a_small_picture_is_not_resampled(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(detailed(DISPLAY_SIDE, 50)))
    assert np.array_equal(answer.picture, detailed(DISPLAY_SIDE, 50))


@pytest.mark.parametrize(
    "width, height, words",
    [
        (90, 30, ("the width of the picture",)),
        (320, 20, ("the width of the picture was reduced 16 times more",)),
        (64, 40, ()),
    ],
)
def test_squeezed_pictures_are_told(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, width: int, height: int, words: tuple[str]
) -> None:
    notes = ask(inference, explainer, tiny_version, "a.png", encoded(picture(1, width, height))).notes
    assert len(notes) == len(words) and all(word in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize("fit", ["stretch", "center-crop"])
def test_the_page_and_a_prediction_without_a_map_tell_the_same(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, fit: Fit
) -> None:
    """In a JPEG that is decoded smaller, which also has a caution."""
    pixels = np.full((500, 3000, 3), 255, np.uint8)
    pixels[100:400, 50:60] = 0
    data, version = encoded(pixels, "JPEG"), tiny_version.fitting(fit)
    [alone] = inference.predict(version, [data])
    answer = ask(inference, explainer, version, "a.jpg", data)
    assert isinstance(alone, Prediction) and len(alone.notes) == 2
    assert answer.prediction.notes == alone.notes == (*answer.cautions, *answer.notes)
    assert ExplainedRecord.of_answer(answer).notes == list(alone.notes)


def test_a_small_picture_is_cautioned_about(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    small, usual = (
        ask(inference, explainer, tiny_version, "a.png", encoded(picture(1, side, side))) for side in (8, 32)
    )
    assert "only 8x8 pixels" in small.cautions[0] and (small.notes, usual.cautions) == ((), ())


@pytest.mark.parametrize(
    "height, words", [(30, ["90% of it is not seen"]), (200, ["33% of it is not seen"]), (300, [])]
)
def test_how_much_is_cut_off_is_told(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, height: int, words: list[str]
) -> None:
    version = tiny_version.fitting("center-crop")
    notes = ask(inference, explainer, version, "a.png", encoded(picture(1, 300, height))).notes
    assert [note.split(": ")[1].rstrip(".") for note in notes] == words


def test_a_model_without_a_convolution_still_answers(
    inference: Inference, explainer: Explainer, colour_version: ModelVersion
) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    answer = ask(inference, explainer, colour_version, "red.png", encoded(red))
    assert answer.predicted_label == "red" and answer.explanation is None
    assert "no layer with a grid" in answer.explanation_fault
    assert answer.explanation is None


def test_another_layer_and_class_change_the_map_only(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    data = encoded(picture(2))
    first = ask(inference, explainer, tiny_version, "a.png", data)
    target = next(name for name in tiny_version.class_names if name != first.predicted_label)
    again = explain_again(explainer, first, data, MapRequest(layer="conv_a", target=target))
    assert again.explanation is not None and first.explanation is not None
    assert (first.explanation.layer.name, again.explanation.layer.name) == ("conv_b", "conv_a")
    assert tiny_version.class_names[again.explanation.target_class] == target
    assert again.prediction is first.prediction and again.picture is first.picture


@pytest.mark.parametrize("data, code", [(b"", "empty"), (b"hello", "not_an_image")])
def test_no_picture_no_answer(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, data: bytes, code: str
) -> None:
    with pytest.raises(ImageError) as caught:
        ask(inference, explainer, tiny_version, "a.png", data)
    assert caught.value.code == code


def test_no_model_no_answer(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"model\.keras is missing"):
        ask(inference, explainer, replace(tiny_version, folder=tmp_path), "a.png", encoded(picture(0)))


CHANGES: dict[str, dict[str, Any]] = {
    "model": {"name": "other"}, "file": {"sha256": "f" * 64}, "temperature": {"temperature": 3.0},
    "familiarity": {"familiarity": Familiarity(0.9, 0.0, 0.0, "msp")}, "bfloat16": {"bfloat16": True},
    "output": {"output": "probabilities"}, "class names": {"class_names": tuple("klmnopqrst")},
    "scale": {"preprocessing": Preprocessing(32, 32, scale=1.0)},
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_key_changes_with_the_version(tiny_version: ModelVersion, change: dict[str, Any]) -> None:
    key = answer_key("a.png", b"1", tiny_version)
    assert answer_key("a.png", b"1", replace(tiny_version)) == key
    assert answer_key("a.png", b"1", replace(tiny_version, **change)) != key


def test_the_key_changes_with_picture_layer_and_class(tiny_version: ModelVersion) -> None:
    asked = [
        ("a.png", b"1", None, None), ("b.png", b"1", None, None), ("a.png", b"2", None, None),
        ("a.png", b"1", "cat", None), ("a.png", b"1", None, "cat"),
    ]  # fmt: skip
    keys = {
        answer_key(name, data, tiny_version, MapRequest(layer=layer, target=target))
        for name, data, layer, target in asked
    }
    assert len(keys) == 5


def test_a_picture_that_only_shrinks_to_the_models_size_is_not_taken_for_its_input(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    """A model input of 1024x1024 has the same size as a large picture on the page, but other pixels."""
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(5)))
    other: Answer = replace(answer, model_input=255 - answer.model_input)
    assert answer.is_model_input and not other.is_model_input


def test_an_answer_doubts_where_its_version_says_so(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    answer = ask(inference, explainer, tiny_version, "a.png", encoded(picture(0)))
    assert answer.doubt is None
    strict = replace(answer, version=replace(tiny_version, familiarity=Familiarity(0.95, -1e6, 0.0, "energy")))
    assert strict.doubt is not None and strict.doubt.unknown and not strict.doubt.by_msp
    assert strict.doubt.msp == answer.prediction.confidence


def test_a_panorama_is_answered_as_it_is_in_an_evaluation(
    inference: Inference, explainer: Explainer, tiny_version: ModelVersion
) -> None:
    panorama = encoded(picture(1, 12_000, 1_500), "JPEG")
    answer = ask(inference, explainer, tiny_version, "panorama.jpg", panorama)
    [prediction] = inference.predict(tiny_version, [panorama])
    assert isinstance(prediction, Prediction)
    assert np.allclose(answer.prediction.pred_probs, prediction.pred_probs, atol=1e-5)


def test_a_prediction_without_a_map_is_better_than_none(tiny_version: ModelVersion) -> None:
    class NoGradient:
        def explain(self, *arguments: object) -> None:
            raise ModelError("The model's gradients are not finite.", "Choose occlusion.", "map_not_finite")

        def predict(self, version: ModelVersion, files: list[bytes]) -> list[Prediction]:
            return [Prediction(np.zeros(10, np.float32), np.full(10, 0.1)) for _ in files]

    broken: Any = NoGradient()
    answer = ask(broken, broken, tiny_version, "gray.png", encoded(picture(1)))
    assert answer.explanation is None and "not finite" in answer.explanation_fault
