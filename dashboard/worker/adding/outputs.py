"""Which output of a foreign model holds the classes, and whether that is probabilities or logits."""

from __future__ import annotations

from itertools import count
from typing import Literal

import keras
import numpy as np

from dashboard.core.errors import ModelError
from dashboard.core.metrics.temperature import softmax
from dashboard.core.models.foreign import ForeignModel
from dashboard.core.models.version import Output
from dashboard.worker.models.network import Network
from dashboard.worker.models.taps import Taps, is_squashing, last_operation

SUM_TOLERANCE = 1e-3  # outputs whose sum is closer to 1 than this count as probabilities
_SAME_ANSWER = 0.02  # difference of two probabilities that half precision may cause
_SAME_RATIO = 0.02  # the same for the logarithm of the ratio of two probabilities
_OF_REGRESSION = {
    "mse", "mae", "mape", "msle", "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "huber_loss", "log_cosh", "logcosh",
}  # fmt: skip
_LEAST_SHARE = 0.01  # of the largest probability
_LEAST_PROBABILITY = 1e-12  # is added to each, because 0 has no logarithm


def with_one_output(model: keras.Model, order: ForeignModel) -> keras.Model:
    """The model with the output that holds the classes. Raises ModelError if it is not known which one that is."""
    outputs = getattr(model, "outputs", None) or []
    inputs = model.inputs[0] if outputs and len(model.inputs) == 1 else getattr(model, "inputs", None)
    if len(outputs) < 2 and order.output is None:
        packed = isinstance(getattr(model, "_outputs_struct", None), (dict, list, tuple))
        return keras.Model(inputs, outputs[0], name=model.name) if packed and outputs else model
    names = _different(list(getattr(model, "output_names", None) or map(str, range(len(outputs)))))
    listed = ", ".join(f"{name} {tuple(output.shape[1:])}" for name, output in zip(names, outputs, strict=True))
    if order.output not in names:
        first = f"{order.shown_as} has {len(outputs)} outputs: {listed}."
        if order.output is not None:
            first = f"{order.shown_as} has no output {order.output!r}; it has {listed}."
        units = {
            name: output.shape[1] or 0 for name, output in zip(names, outputs, strict=True) if len(output.shape) == 2
        }
        fix = "None of them is one row of numbers per image: end the model with a Dense layer with one unit per class."
        if units:
            example = next((name for name in units if units[name] > 1), next(iter(units)))
            fix = f"Name the one that holds the classes, for example --output {example}."
        raise ModelError(first, fix, "several_outputs")
    return keras.Model(inputs, outputs[names.index(order.output)], name=model.name)


def _different(names: list[str]) -> list[str]:
    """The names; those that occur more than once with their position: two outputs of one nested model share its name."""
    return [name if names.count(name) == 1 else f"{name}:{position}" for position, name in enumerate(names, 1)]


def count_outputs(model: keras.Model, what: str) -> int:
    """The number of classes, or 1. Raises ModelError if the output is not one row of numbers per image."""
    shape = tuple(model.outputs[0].shape[1:])
    if len(shape) != 1 or shape[0] is None:
        fix = "End the model with a Dense layer with one unit per class."
        if shape[:-1] == (1, 1):
            fix = "Put `keras.layers.Flatten()` before its last softmax, then save it again."
        raise ModelError(
            f"{what} is not a classifier: its output shape per image is {shape}, not one row of numbers.",
            fix, "model_shape",
        )  # fmt: skip
    return int(shape[0])


def kind_of_output(
    model: keras.Model, outputs: int, answers: np.ndarray, loss: str, what: str
) -> tuple[Output, tuple[str, ...]]:
    """What the model's numbers are, and notes about it.

    Args:
        outputs: the number of units in its last layer.
        answers: (N, outputs), what it answers for some inputs.
        loss: what it was trained with; "" if that is not known.

    Raises:
        ModelError: its classes do not exclude each other, or it is no classifier.
    """
    activation = _last_activation(model)
    sums = answers.sum(axis=1)
    error = np.abs(sums - 1).max() if answers.min() >= 0 else np.inf
    is_sigmoid = activation == "sigmoid" or (error >= SUM_TOLERANCE and _is_made_of(model, "sigmoid"))
    if is_sigmoid and outputs > 1:
        if "categorical" not in loss:
            how = "give each network a softmax instead of its sigmoid"
            if activation == "sigmoid":
                how = "end the model with a softmax (`model.layers[-1].activation = keras.activations.softmax`)"
            raise ModelError(
                f"{what} answers for each of its {outputs} classes by itself (sigmoid), so several may be right at the "
                "same time. This dashboard is for models whose classes exclude each other.",
                f"If exactly one class is right for each picture, {how}, then save it again.",
                "multi_label",
            )
        return "probabilities", (
            f"Its outputs are those of a sigmoid, but it was trained with {loss}: exactly one of its classes is right. So they "
            "are divided by their sum.",
        )
    if activation == "sigmoid":
        return "probabilities", ("One output: a value near 0 means the first class name, near 1 the second.",)
    if activation not in ("softmax", "sigmoid") and loss in _OF_REGRESSION:
        raise ModelError(
            f"{what} was trained with {loss} and gives numbers without a softmax or sigmoid: that is a regression, and "
            "its outputs say nothing about the probabilities of classes.",
            "End a classifier with a softmax, or with one sigmoid unit for two classes, and train it with a crossentropy.",
            "model_shape",
        )  # fmt: skip
    if outputs == 1:
        if activation == "linear":
            return "logits", ("One output: a value below 0 means the first class name, above 0 the second.",)
        fix = "End a two-class model with a Dense layer with one sigmoid unit or two softmax units, and train it."
        if answers.min() >= 0 and answers.max() <= 1:
            fix = (
                "If it is the probability of the second class, save a model that gives both: `keras.Model(model.inputs[0], "
                f"keras.layers.Concatenate()([1 - model.outputs[0], model.outputs[0]]))`. If not: {fix}"
            )
        raise ModelError(
            f"{what} gives one number that is neither a logit nor a sigmoid ({activation}): perhaps a regression.",
            fix, "model_shape",
        )  # fmt: skip
    if activation == "softmax" or error < SUM_TOLERANCE:  # half precision rounds each number of a softmax
        return "probabilities", ()
    if error == np.inf or not _is_made_of(model, "softmax"):
        return "logits", ()
    if error < _SAME_ANSWER:
        return "probabilities", ()
    low, high = (f"{end:.3g}" for end in (sums.min(), sums.max()))
    return "probabilities", (
        f"Warning: its last layer, {last_operation(model).name}, turns softmaxes into outputs that do not sum to 1, but to "
        f"{low if low == high else f'numbers from {low} to {high}'}. So they are divided by their sum, which keeps the order "
        "of the classes. For a sum of several networks, that is their mean. If the mean is meant and this is something else, "
        "such as the maximum or the product, end the model with `keras.layers.Average()` and add it again.",
    )


def _is_made_of(model: keras.Model, activation: Literal["softmax", "sigmoid"]) -> bool:
    """True if the outputs are computed from those of such layers alone, and without weights."""
    waiting, seen = [model.outputs[0]], set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, index = tensor._keras_history
        if isinstance(operation, keras.Model):
            waiting.append(operation.outputs[index])
        elif _activation_of(operation) != activation:
            before = operation._inbound_nodes[node].input_tensors
            if not before or getattr(operation, "weights", None):
                return False
            waiting += before
    return True


def with_logits(model: keras.Model, inputs: np.ndarray, answers: np.ndarray) -> tuple[keras.Model, tuple[str, ...]]:
    """A model that gives the same probabilities and has logits, with a note if it is not the same model.

    It has none if the mean of several models or the like comes after the softmax, or if the layer with the last softmax
    also works elsewhere in the model. Then a softmax over the logarithms of the probabilities is put behind it.

    Args:
        model: gives probabilities of at least two classes.
        inputs: (N, height, width, channels), what it was tried with.
        answers: (N, outputs), what it answered.
    """
    if _last_activation(model) in ("softmax", "sigmoid") and not _has_other_logits(model, inputs, answers):
        return model, ()
    probabilities = keras.Input(model.outputs[0].shape[1:])
    logs = keras.ops.log(keras.ops.cast(probabilities, "float32") + _LEAST_PROBABILITY)
    taken = {operation.name for operation in getattr(model, "operations", model.layers)}
    name = next(name for i in count() if (name := f"softmax_of_logs_{i}") not in taken)
    # a model of its own, whose operations may be called like those of the other one
    last = keras.Model(probabilities, keras.layers.Softmax(dtype="float32")(logs), name=name)
    note = (
        f"Its logits are the logarithms of its probabilities: behind its last layer, {last_operation(model).name}, a "
        "softmax over them was added. The answers stay the same."
    )
    return keras.Model(model.inputs[0], last(model.outputs[0]), name=model.name), (note,)


def _has_other_logits(model: keras.Model, inputs: np.ndarray, answers: np.ndarray) -> bool:
    """True if the model without its last softmax does not give the logits of its own probabilities."""
    if _last_activation(model) != "softmax":
        return False
    logits = Network(Taps(model, "probabilities", inputs.shape[1:])).logits(inputs)
    return bool(np.abs(softmax(logits) - answers).max() > _SAME_ANSWER) or _other_ratios(logits, answers)


def _other_ratios(logits: np.ndarray, probabilities: np.ndarray) -> bool:
    """True if the logits differ otherwise than the logarithms of the probabilities, also where all are nearly the same.

    Only probabilities that half precision can tell from 0 count.
    """
    counts = probabilities > _LEAST_SHARE * probabilities.max(axis=1, keepdims=True)
    logs = np.where(counts, np.log(np.where(counts, probabilities, 1)), np.nan)
    differences = logits - logs  # one constant per row

    def spread(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.nanmax(rows, axis=1) - np.nanmin(rows, axis=1))

    return bool((spread(differences) > _SAME_RATIO * (1 + spread(logs))).any())


def _last_activation(model: keras.Model) -> str:
    return _activation_of(last_operation(model))


def _activation_of(operation: keras.Operation) -> str:
    if is_squashing(operation):
        return type(operation).__name__.lower()
    return str(getattr(getattr(operation, "activation", None), "__name__", type(operation).__name__))
