"""Predictions with heatmaps, for one image or many, by a loaded model.

The prediction is always what `LoadedModel.predict` says, so that a map stands beside the same probabilities as everywhere
else, whatever copy of the model serves them; the pass that a map needs besides is the one its gradient is taken through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dashboard.core.explanations.faithfulness import Probability, measure
from dashboard.core.explanations.methods import get_method
from dashboard.core.explanations.records import Explanation, RandomizationResult, SampleMap
from dashboard.core.images.preprocessing import normalize
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.facts import ConvLayer, stages
from dashboard.core.models.prediction import Prediction
from dashboard.worker.explanations.heatmaps import heatmaps
from dashboard.worker.explanations.randomization import PASSES_BELOW, compare, shuffled_networks
from dashboard.worker.models.loading import LoadedModel


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
        methods: names in `methods.METHODS`.

    Raises:
        ModelError: a method or layer is unknown, or the model has no layer with a grid and all methods need one.
    """
    chosen = [get_method(name) for name in methods]
    usable = [method for method in chosen if model.taps.conv_layers or not method.uses_layer]
    [prediction] = model.predict(image[None])
    explanations = [
        _explanation(model, image, prediction, target_class, method.name, layer) for method in usable or chosen
    ]
    return _tested(model, image, explanations) if faithfulness else explanations


def _tested(model: LoadedModel, image: np.ndarray, explanations: list[Explanation]) -> list[Explanation]:
    """With what each is worth; all of one image and class."""
    if not explanations:
        return []
    [inputs] = _inputs(model, image[None])
    chance = probability(model, explanations[0].target_class)
    results = measure(inputs, [explanation.heatmap for explanation in explanations], chance)
    return [replace(e, faithfulness=result) for e, result in zip(explanations, results, strict=True)]


def explain_layers(
    model: LoadedModel, image: np.ndarray, target_class: int | None, method: str, faithfulness: bool
) -> list[Explanation]:
    """One explanation a stage of the network, in the order of the forward pass. See `explain`."""
    [prediction] = model.predict(image[None])
    layers = stages(model.taps.conv_layers)
    found = [_explanation(model, image, prediction, target_class, method, layer.name) for layer in layers]
    return _tested(model, image, found) if faithfulness else found


def check_randomization(
    model: LoadedModel, image: np.ndarray, method: str, layer: str | None, target_class: int | None
) -> RandomizationResult:
    """The map of an image against maps of networks with shuffled weights. See `explain`."""
    [own] = explain(model, image, layer, target_class, [method], faithfulness=False)
    inputs, target = _inputs(model, image[None]), np.array([own.target_class])
    networks = shuffled_networks(model.model, model.version.output, model.version.input_shape)
    correlations, others = compare(
        networks, own.heatmap[None], lambda network: heatmaps(network, method, inputs, target, own.layer)[0]
    )
    spearman = float(correlations[0])
    return RandomizationResult(spearman, others[0], not own.empty and spearman < PASSES_BELOW)


def explain_many(
    model: LoadedModel,
    images: np.ndarray,
    target_class: int | None,
    method: str,
    layer: str | None,
    faithfulness: bool = False,
) -> list[SampleMap]:
    """The map of each of the images (N, height, width, 3) uint8. See `explain`."""
    predictions = model.predict(images)
    targets = np.array([p.class_id if target_class is None else target_class for p in predictions])
    inputs = _inputs(model, images)
    maps, empty = heatmaps(model.network, method, inputs, targets, _layer(model, method, layer))
    rows = zip(maps, empty.tolist(), targets.tolist(), predictions, strict=True)
    answers = [SampleMap(*row) for row in rows]
    if not faithfulness:
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
    target_class: int | None,
    method: str,
    layer: str | None,
) -> Explanation:
    target = prediction.class_id if target_class is None else target_class
    chosen = _layer(model, method, layer)
    [heatmap], [empty] = heatmaps(model.network, method, _inputs(model, image[None]), np.array([target]), chosen)
    return Explanation(prediction, heatmap, bool(empty), method, chosen, target, model.taps.conv_layers)


def _inputs(model: LoadedModel, images: np.ndarray) -> np.ndarray:
    return normalize(images, model.version.preprocessing)


def _layer(model: LoadedModel, method: str, name: str | None) -> ConvLayer | None:
    return model.taps.layer(name) if get_method(method).uses_layer else None
