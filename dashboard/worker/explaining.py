"""Predictions with heatmaps, for one image or many, by a loaded model.

The prediction is always what `LoadedModel.predict` says, so that a map stands beside the same probabilities as everywhere
else; the forward pass that a map needs besides is the one that the gradient is taken through.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboard.core.explanation_methods import get_method
from dashboard.core.preprocessing import normalize
from dashboard.core.records import ConvLayer, Explanation, Prediction, stages
from dashboard.worker.explanations.explainers import heatmaps
from dashboard.worker.keras_model import LoadedModel


def explain(
    model: LoadedModel,
    image: np.ndarray,
    layer: str | None,
    target_class: int | None,
    methods: Sequence[str],
    faithfulness: bool,
) -> list[Explanation]:
    """One explanation a method, all with the same prediction.

    Where several methods are asked for and the model has no layer with a grid, those that need one are left out.

    Args:
        image: (height, width, 3) uint8, as `fit_image` gives it.
        layer: name of a layer in `Explanation.layers`; None for the default.
        target_class: class id; None for the predicted class.
        methods: names in `explanation_methods.METHODS`.

    Raises:
        ModelError: a method or layer is unknown, or the model has no layer with a grid and all methods need one.
    """
    chosen = [get_method(name) for name in methods]
    usable = [method for method in chosen if model.taps.conv_layers or not method.uses_layer]
    [prediction] = model.predict(image[None])
    return [
        _explanation(model, image, prediction, target_class, method.name, layer if method.uses_layer else None)
        for method in usable or chosen
    ]


def explain_layers(model: LoadedModel, image: np.ndarray, target_class: int | None, method: str) -> list[Explanation]:
    """One explanation a stage of the network, in the order of the forward pass. See `explain`."""
    [prediction] = model.predict(image[None])
    return [
        _explanation(model, image, prediction, target_class, method, layer.name)
        for layer in stages(model.taps.conv_layers)
    ]


def _explanation(
    model: LoadedModel,
    image: np.ndarray,
    prediction: Prediction,
    target_class: int | None,
    method: str,
    layer: str | None,
) -> Explanation:
    target = prediction.class_id if target_class is None else target_class
    chosen: ConvLayer | None = model.taps.layer(layer) if get_method(method).uses_layer else None
    inputs = normalize(image[None], model.version.preprocessing)
    [heatmap], [empty] = heatmaps(model.network, method, inputs, np.array([target]), chosen)
    return Explanation(prediction, heatmap, bool(empty), method, chosen, target, model.taps.conv_layers)
