"""Predictions with heatmaps, for one image or many, by a loaded model.

The prediction is always what `LoadedModel.predict` says, so that a map stands beside the same probabilities as everywhere
else, whatever copy of the model serves them; the pass that a map needs besides is the one its gradient is taken through.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dashboard.core.explanations.faithfulness import Probability, measure
from dashboard.core.explanations.methods import get_method
from dashboard.core.explanations.records import PASSES_BELOW, Explanation, MapRequest, RandomizationResult, SampleMap
from dashboard.core.images.preprocessing import normalize
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.facts import ConvLayer, stages
from dashboard.core.models.prediction import Prediction
from dashboard.worker.explanations.heatmaps import heatmaps
from dashboard.worker.explanations.randomization import compare, shuffled_networks
from dashboard.worker.models.loading import LoadedModel


def explain(model: LoadedModel, image: np.ndarray, request: MapRequest) -> list[Explanation]:
    """One explanation per method, all with the same prediction. See `Explainer.explain_all`.

    Args:
        image: (height, width, 3) uint8, as `fit_image` gives it.

    Raises:
        ModelError: a method or layer is unknown, or the model has no layer with a grid and all methods need one.
    """
    chosen = [get_method(name) for name in request.methods]
    usable = [method for method in chosen if model.taps.conv_layers or not method.uses_layer]
    [prediction] = model.predict(image[None])
    explanations = [
        _explanation(model, image, prediction, request, method.name, request.layer) for method in usable or chosen
    ]
    return _tested(model, image, explanations) if request.faithfulness else explanations


def _tested(model: LoadedModel, image: np.ndarray, explanations: list[Explanation]) -> list[Explanation]:
    """The explanations, all of one image and class, each with the test of its map."""
    if not explanations:
        return []
    [inputs] = _inputs(model, image[None])
    chance = probability(model, explanations[0].target_class)
    results = measure(inputs, [explanation.heatmap for explanation in explanations], chance)
    return [replace(e, faithfulness=result) for e, result in zip(explanations, results, strict=True)]


def explain_layers(model: LoadedModel, image: np.ndarray, request: MapRequest) -> list[Explanation]:
    """One explanation per stage of the network, in the order of the forward pass. See `explain`."""
    [prediction] = model.predict(image[None])
    layers = stages(model.taps.conv_layers)
    found = [_explanation(model, image, prediction, request, request.method, layer.name) for layer in layers]
    return _tested(model, image, found) if request.faithfulness else found


def check_randomization(model: LoadedModel, image: np.ndarray, request: MapRequest) -> RandomizationResult:
    """The map of an image against maps of networks with shuffled weights. See `explain`."""
    [own] = explain(model, image, replace(request, faithfulness=False))
    inputs, target = _inputs(model, image[None]), np.array([own.target_class])
    networks = shuffled_networks(model.model, model.version.output, model.version.input_shape)
    correlations, others = compare(
        networks, own.heatmap[None], lambda network: heatmaps(network, own.method, inputs, target, own.layer)[0]
    )
    spearman = float(correlations[0])
    return RandomizationResult(spearman, others[0], not own.empty and spearman < PASSES_BELOW)


def explain_many(model: LoadedModel, images: np.ndarray, request: MapRequest) -> list[SampleMap]:
    """The map of each of the images (N, height, width, 3) uint8. See `explain`."""
    predictions = model.predict(images)
    targets = np.array([_target(model, request, prediction) for prediction in predictions])
    inputs = _inputs(model, images)
    layer = _layer(model, request.method, request.layer)
    maps, empty = heatmaps(model.network, request.method, inputs, targets, layer)
    rows = zip(maps, empty.tolist(), targets.tolist(), predictions, strict=True)
    answers = [SampleMap(*row) for row in rows]
    if not request.faithfulness:
        return answers
    return [
        replace(a, faithfulness=measure(x, [a.heatmap], probability(model, a.target_class))[0])
        for a, x in zip(answers, inputs, strict=True)
    ]


def embed(model: LoadedModel, images: np.ndarray) -> np.ndarray:
    """What the model's last layer is given for each of the images (N, height, width, 3) uint8: (N, d) float32."""
    return model.network.embeddings(_inputs(model, images))


def probability(model: LoadedModel, target_class: int) -> Probability:
    """From model inputs (V, H, W, C) to the calibrated probability of a class, (V,), computed as predictions are."""
    return lambda inputs: softmax(model.serving.logits(inputs), model.version.temperature)[:, target_class]


def _explanation(
    model: LoadedModel,
    image: np.ndarray,
    prediction: Prediction,
    request: MapRequest,
    method: str,
    layer_name: str | None,
) -> Explanation:
    target, layer = _target(model, request, prediction), _layer(model, method, layer_name)
    [heatmap], [empty] = heatmaps(model.network, method, _inputs(model, image[None]), np.array([target]), layer)
    return Explanation(prediction, heatmap, bool(empty), method, layer, target, model.taps.conv_layers)


def _target(model: LoadedModel, request: MapRequest, prediction: Prediction) -> int:
    """Id of the class that the map of this image is about."""
    return prediction.class_id if request.target is None else model.version.class_names.index(request.target)


def _inputs(model: LoadedModel, images: np.ndarray) -> np.ndarray:
    return normalize(images, model.version.preprocessing)


def _layer(model: LoadedModel, method: str, name: str | None) -> ConvLayer | None:
    return model.taps.layer(name) if get_method(method).uses_layer else None
