"""Predictions with heatmaps by a loaded model, for one image or many.

Probabilities come from `LoadedModel.predict` (perhaps in bfloat16), so they are the same as everywhere else. Gradients
come from a separate pass in the precision of the model file.
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
        image: (height, width, 3) uint8, as `fit_image` returns it.

    Raises:
        ModelError: a method or layer is unknown, or all methods need a layer with a grid and the model has none.
    """
    chosen = [get_method(name) for name in request.methods]
    usable = [method for method in chosen if model.taps.conv_layers or not method.uses_layer]
    [prediction] = model.predict(image[None])
    explanations = [
        _explanation(model, image, prediction, request, method.name, request.layer) for method in usable or chosen
    ]
    return _tested(model, image, explanations) if request.faithfulness else explanations


def _tested(model: LoadedModel, image: np.ndarray, explanations: list[Explanation]) -> list[Explanation]:
    """Adds the test of its map to each explanation; all must be of the same image and class."""
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
    """Compares the map of an image with maps of networks with shuffled weights. See `explain`."""
    [own] = explain(model, image, replace(request, faithfulness=False))
    inputs, target = _inputs(model, image[None]), np.array([own.target_class])
    networks = shuffled_networks(model.model, model.version.output, model.version.input_shape)
    correlations, others = compare(
        networks, own.heatmap[None], lambda network: heatmaps(network, own.method, inputs, target, own.layer)[0]
    )
    spearman = float(correlations[0])
    return RandomizationResult(spearman, others[0], not own.empty and spearman < PASSES_BELOW)


def explain_many(model: LoadedModel, images: np.ndarray, request: MapRequest) -> list[SampleMap]:
    """One map per image; the images are (N, height, width, 3) uint8. See `explain`."""
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
    """The embeddings (N, d) float32 of images (N, height, width, 3) uint8. See `Network.embeddings`."""
    return model.network.embeddings(_inputs(model, images))


def probability(model: LoadedModel, target_class: int) -> Probability:
    """A function from inputs (V, H, W, C) to a class's calibrated probability (V,), computed as in predictions."""
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
    """The id of the class that the map of this image explains."""
    return prediction.class_id if request.target is None else model.version.class_names.index(request.target)


def _inputs(model: LoadedModel, images: np.ndarray) -> np.ndarray:
    return normalize(images, model.version.preprocessing)


def _layer(model: LoadedModel, method: str, name: str | None) -> ConvLayer | None:
    return model.taps.layer(name) if get_method(method).uses_layer else None
