"""The answer for one image: prediction, heatmap and notes, as the Predict page shows and downloads them."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dashboard.core.errors import ImageError, ModelError
from dashboard.core.explanations.explainer import Explainer
from dashboard.core.explanations.records import Explanation, MapRequest
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import cautions, read_model_input
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.metrics.percent import percent
from dashboard.core.models.familiarity import Doubt
from dashboard.core.models.inference import Inference
from dashboard.core.models.prediction import Failure, Prediction
from dashboard.core.models.version import ModelVersion

DISPLAY_SIDE = 1024  # pixels; a picture with a longer side is shown reduced to this
_LEAST_UNSEEN = 0.01  # share of a cropped picture from which it is told
_STRETCHED = 3  # ratio of the scales of both sides from which a picture is called squeezed


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
    decoded = decode_image(data, (DISPLAY_SIDE, DISPLAY_SIDE))
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
    notes = (*decoded.notes, *_notes_on_shape(decoded.pixels, version.preprocessing))
    return Answer(
        name, version, picture, notes, model_input, prediction, explanation, fault,
        cautions=cautions(decoded, version.preprocessing),
    )  # fmt: skip


def _notes_on_shape(picture: np.ndarray, recipe: Preprocessing) -> Iterator[str]:
    """What was done to a picture (H, W, 3) of another shape than the model input."""
    height, width = picture.shape[:2]
    across, down = width / recipe.width, height / recipe.height
    unseen = 1 - min(across, down) / max(across, down)
    if recipe.fit == "center-crop" and unseen >= _LEAST_UNSEEN:
        yield f"To fit the model, the picture was cropped to its centre: {percent(unseen, 0)} of it is not seen."
    if max(across, down) >= _STRETCHED * min(across, down) and recipe.fit == "stretch":
        longer, shorter = ("width", "height") if across > down else ("height", "width")
        yield (
            f"To fit the model, the {longer} of the picture was reduced {max(across, down) / min(across, down):,.0f} times more "
            f"than its {shorter}. It may be recognised better if it is cropped or padded instead."
        )


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
