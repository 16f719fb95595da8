"""The answer for one image: prediction, heatmap and notes, as the Predict page shows and downloads them."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dashboard.core.errors import ImageError, ModelError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import cautions, enough_pixels, notes_on_shape
from dashboard.core.images.preprocessing import fit_image
from dashboard.core.models.familiarity import Doubt
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

DISPLAY_SIDE = 1024  # pixels; a picture with a longer side is shown reduced to this


@dataclass(frozen=True)
class Answer:
    """A prediction for one picture, with a heatmap if one could be made."""

    name: str
    version: ModelVersion
    picture: np.ndarray  # (H, W, 3) uint8 RGB, upright, at most DISPLAY_SIDE high and wide
    notes: tuple[str, ...]  # how the file differs from what is shown or seen, such as "Only the first frame is used."
    model_input: np.ndarray  # (height, width, 3) uint8 RGB: what the model sees
    prediction: Prediction
    explanation: Explanation | None  # None if no map could be made
    explanation_fault: str = ""  # why there is no map; "" if there is one
    prediction_id: str = ""  # in the history; "" if it was not recorded
    cautions: tuple[str, ...] = ()  # why the answer may be wrong more often than others, see `cautions`

    @property
    def predicted_label(self) -> str:
        """The name of the predicted class."""
        return self.version.class_names[self.prediction.class_id]

    @property
    def doubt(self) -> Doubt | None:
        """Whether the picture probably shows none of the classes; None if the version has no thresholds for this."""
        if self.version.familiarity is None:
            return None
        return self.version.familiarity.doubts(self.prediction.logits, self.prediction.pred_probs)

    @property
    def unknown(self) -> bool:
        """True if the picture probably shows none of the classes."""
        return self.doubt is not None and self.doubt.unknown

    @property
    def is_model_input(self) -> bool:
        """True if the picture is exactly the model's input: nothing was resized."""
        return np.array_equal(self.picture, self.model_input)

    @property
    def has_other_shape(self) -> bool:
        """True if the picture's aspect ratio differs from the model's, so that the fit decides what the model sees."""
        (height, width), (model_height, model_width) = self.picture.shape[:2], self.model_input.shape[:2]
        return height * model_width != width * model_height

    @property
    def map_covers_picture(self) -> bool:
        """True if the heatmap covers the whole picture; otherwise it covers only the model's input."""
        return self.version.preprocessing.fit == "stretch"


def answer_key(
    name: str, data: bytes, version: ModelVersion, request: MapRequest | None = None
) -> tuple[Hashable, ...]:
    """A key that is equal if `ask` and `explain_again` give the same answer."""
    return (name, hashlib.sha256(data).hexdigest(), version.answers_key, version.familiarity, request or MapRequest())


def ask(inference: Inference, explainer: Explainer, version: ModelVersion, name: str, data: bytes) -> Answer:
    """Predicts and explains one image file.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: no prediction could be made.
    """
    picture = _for_display(decode_image(data, (DISPLAY_SIDE, DISPLAY_SIDE)).pixels)
    seen = decode_image(data, enough_pixels(version.preprocessing))
    model_input = fit_image(seen.pixels, version.preprocessing)
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
    warned = cautions(seen, version.preprocessing)
    notes = (*seen.notes, *notes_on_shape(seen, version.preprocessing))
    prediction = replace(prediction, notes=(*warned, *notes))
    return Answer(name, version, picture, notes, model_input, prediction, explanation, fault, cautions=warned)


def explain_again(explainer: Explainer, answer: Answer, data: bytes, request: MapRequest) -> Answer:
    """The answer for the same image file with another map.

    Raises:
        DependencyError, ModelError, WorkerError.
    """
    return replace(answer, explanation=explainer.explain(answer.version, data, request))


def _for_display(pixels: np.ndarray) -> np.ndarray:
    """The picture itself if it is small enough; otherwise a reduced copy, so that the large array can be freed."""
    if max(pixels.shape[:2]) <= DISPLAY_SIDE:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((DISPLAY_SIDE, DISPLAY_SIDE), Image.Resampling.LANCZOS)  # keeps the aspect ratio
    return np.asarray(picture)
