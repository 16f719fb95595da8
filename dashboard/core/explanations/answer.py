"""One image with everything that is known about it: what the Predict page shows and what it downloads."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dashboard.core.errors import ImageError, ModelError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.images.decoding import DecodedImage, decode_image
from dashboard.core.images.model_input import enough_pixels, read_model_input
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.models.familiarity import Doubt
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

DISPLAY_SIDE = 1024  # pixels that the longer side of a picture is shown with at most


@dataclass(frozen=True)
class Answer:
    """A prediction for one picture, with a heatmap where one could be made."""

    name: str
    version: ModelVersion
    picture: np.ndarray  # (H, W, 3) uint8 RGB, upright, at most DISPLAY_SIDE high and wide
    notes: tuple[str, ...]  # what had to be done to the file
    model_input: np.ndarray  # (height, width, 3) uint8 RGB: what the model sees
    prediction: Prediction
    explanation: Explanation | None  # None where the model has no layer to explain by
    explanation_fault: str = ""  # why there is none

    @property
    def predicted_label(self) -> str:
        """Name of the predicted class."""
        return self.version.class_names[self.prediction.class_id]

    @property
    def doubt(self) -> Doubt | None:
        """Does the picture show any of the classes? None where the version has no thresholds."""
        if self.version.familiarity is None:
            return None
        return self.version.familiarity.doubts(self.prediction.logits, self.prediction.pred_probs)

    @property
    def is_model_input(self) -> bool:
        """The picture has the size that the model takes: nothing was resized."""
        return np.array_equal(self.picture, self.model_input)

    @property
    def has_other_shape(self) -> bool:
        """The picture has not the proportions that the model takes, so what it sees depends on the fit."""
        (height, width), (model_height, model_width) = self.picture.shape[:2], self.model_input.shape[:2]
        return height * model_width != width * model_height

    @property
    def map_covers_picture(self) -> bool:
        """The heatmap can be laid over the whole picture; otherwise only over the model's input."""
        return self.version.preprocessing.fit == "stretch"


def answer_key(
    name: str, data: bytes, version: ModelVersion, request: MapRequest | None = None
) -> tuple[Hashable, ...]:
    """Equal where `ask` and `explain_again` give the same answer."""
    model = (version.ref, version.sha256, version.preprocessing, version.output, version.temperature, version.bfloat16)
    return (
        name, hashlib.sha256(data).hexdigest(), *model, version.class_names, version.familiarity,
        request or MapRequest(),
    )  # fmt: skip


def ask(inference: Inference, explainer: Explainer, version: ModelVersion, name: str, data: bytes) -> Answer:
    """Predicts and explains one image file.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: there is no prediction.
    """
    decoded = _decode_for_display(data, version.preprocessing)
    picture = _for_display(decoded.pixels)
    model_input = read_model_input(data, version.preprocessing)
    explanation, fault = None, ""
    try:
        explanation = explainer.explain(version, data)
        prediction = explanation.prediction
    except ModelError as error:
        if error.code not in ("no_conv_layer", "map_not_finite"):
            raise
        [answer] = inference.predict(version, [data])
        if isinstance(answer, Failure):
            raise ImageError(answer.message, answer.fix, answer.code) from error
        prediction, fault = answer, error.message
    return Answer(name, version, picture, decoded.notes, model_input, prediction, explanation, fault)


def explain_again(explainer: Explainer, answer: Answer, data: bytes, request: MapRequest) -> Answer:
    """The answer for the same image file with another map.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
    return replace(answer, explanation=explainer.explain(answer.version, data, request))


def _decode_for_display(data: bytes, recipe: Preprocessing) -> DecodedImage:
    try:
        return decode_image(data, (DISPLAY_SIDE, DISPLAY_SIDE))
    except ImageError as error:
        if error.code != "too_many_pixels":
            raise
        return decode_image(data, enough_pixels(recipe))  # a panorama: as it is read for the model


def _for_display(pixels: np.ndarray) -> np.ndarray:
    """The same, or a reduced copy that lets go of the large one."""
    if max(pixels.shape[:2]) <= DISPLAY_SIDE:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.LANCZOS)  # keeps the proportions
    return np.asarray(picture)
