"""One image with everything that is known about it: what the Predict page shows and what it downloads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from dashboard.core.errors import ModelError
from dashboard.core.images import decode_image
from dashboard.core.inference import Inference
from dashboard.core.preprocessing import fit_image
from dashboard.core.records import Explanation, Failure, Prediction
from dashboard.core.registry import ModelVersion

DISPLAY_SIDE = 1024  # pixels; a larger JPEG is decoded at a reduced scale


@dataclass(frozen=True)
class Answer:
    """A prediction for one picture, with a heatmap where one could be made."""

    name: str
    version: ModelVersion
    picture: np.ndarray  # (H, W, 3) uint8 RGB, upright
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
    def is_model_input(self) -> bool:
        """The picture has the size that the model takes: nothing was resized."""
        return self.picture.shape == self.model_input.shape

    @property
    def map_covers_picture(self) -> bool:
        """The heatmap can be laid over the whole picture; otherwise only over the model's input."""
        return self.version.preprocessing.fit == "stretch"

    def to_json(self) -> str:
        """The downloadable result."""
        record = {
            "file": self.name,
            "predicted_label": self.predicted_label,
            "confidence": self.prediction.confidence,
            "pred_probs": dict(zip(self.version.class_names, self.prediction.pred_probs.tolist(), strict=True)),
            "model": {"name": self.version.name, "version": self.version.version},
        }
        if self.explanation:
            record["explanation"] = {
                "method": self.explanation.method,
                "layer": self.explanation.layer.name,
                "grid": list(self.explanation.layer.grid),
                "target_label": self.version.class_names[self.explanation.target_class],
                "empty": self.explanation.empty,
                "heatmap": np.round(self.explanation.heatmap.astype(float), 4).tolist(),
            }
        return json.dumps(record, indent=2, ensure_ascii=False)


def answer_key(data: bytes, version: ModelVersion, layer: str | None, target: str | None) -> tuple[str, ...]:
    """Equal for the same picture, model file, layer and target."""
    return (hashlib.sha256(data).hexdigest(), version.ref, version.sha256, layer or "", target or "")


def ask(
    inference: Inference, version: ModelVersion, name: str, data: bytes, layer: str | None, target: str | None
) -> Answer:
    """Predicts and explains one image file.

    Raises:
        ImageError, DependencyError, ModelError, WorkerError: there is no prediction.
    """
    decoded = decode_image(data, (DISPLAY_SIDE, DISPLAY_SIDE))
    explanation, fault = None, ""
    try:
        explanation = inference.explain(version, data, layer, target)
        prediction = explanation.prediction
    except ModelError as error:
        if error.code != "no_conv_layer":
            raise
        [answer] = inference.predict(version, [data])
        if isinstance(answer, Failure):
            raise
        prediction, fault = answer, error.message
    return Answer(
        name,
        version,
        decoded.pixels,
        decoded.notes,
        fit_image(decoded.pixels, version.preprocessing),
        prediction,
        explanation,
        fault,
    )
