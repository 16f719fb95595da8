"""Builds a model from the config in a file of Keras 2, or in an .h5 file of Keras 3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from dashboard.core.errors import ModelError
from dashboard.worker.adding.keras2.layers import make_layer, new_name
from dashboard.worker.adding.keras2.operations import graph_node, make_operation, tensorflow_function
from dashboard.worker.models.archive import nodes_of

_MODELS = ("Sequential", "Functional", "Model", "Network")
_HARD_SIGMOID = "hard_sigmoid of Keras 2"  # by another formula than in Keras 3


@dataclass(frozen=True)
class Part:
    """A layer, or a model inside a model, with its own parts in the order of the file."""

    name: str
    class_name: str  # as in the file
    call: Callable[..., Any]
    layer: keras.Layer | None = None  # None for a model and for an operation
    trainable: bool = True
    parts: tuple[Part, ...] = ()

    def leaves(self) -> Iterator[keras.Layer]:
        """All layers, in the order of the file."""
        if self.layer is not None:
            yield self.layer
        for part in self.parts:
            yield from part.leaves()


def build(config: Any, what: str) -> tuple[keras.Model, Part]:
    """The model without its weights, and its parts. Raises ModelError."""
    try:
        model, part = _model(config, what, None)
    except ModelError:
        raise
    except Exception as error:  # a damaged config can cause any exception
        raise ModelError(
            f"{what} cannot be converted to Keras {keras.__version__}: {type(error).__name__}: {str(error)[:300]}",
            'Load it with the version of Keras that saved it, then save it as .keras: `model.save("x.keras")`.',
            "model_unreadable",
        ) from error
    return model, part


def mark_old_formulas(config: Any, what: str) -> None:
    """Marks in a config of Keras 2 what Keras 3 calls the same and computes otherwise. Raises ModelError."""
    for node in nodes_of(config):
        if "hard_sigmoid" not in (node.get("activation"), node.get("recurrent_activation")):
            continue
        if "recurrent_activation" in node:
            raise ModelError(
                f"{what} cannot be converted: the hard_sigmoid in its layer {node.get('name')!r} is another formula "
                "in Keras 3.",
                "Build the model with the activation sigmoid, then train and save it again.", "model_unreadable",
            )  # fmt: skip
        node["activation"] = _HARD_SIGMOID


def _model(spec: dict[str, Any], what: str, shape: Any) -> tuple[keras.Model, Part]:
    """The model of a config. `shape` (batch first) is used if the config does not say what the model takes."""
    config = spec["config"]
    name = (config.get("name") if isinstance(config, dict) else None) or spec.get("name") or "model"
    if spec["class_name"] == "Sequential":
        listed = config if isinstance(config, list) else config["layers"]
        shape = _stated_shape(spec) or shape
        if shape is None:
            raise ModelError(
                f"{what} has no input shape: the model was never built.",
                "Start the model with `keras.Input((height, width, channels))`, or call it before saving.", "model_shape",
            )  # fmt: skip
        inputs = x = keras.Input(batch_shape=[None, *shape[1:]], name=new_name(_input_name(listed, name)))
        parts = []
        for number, each in enumerate(listed):
            if each["class_name"] != "InputLayer":
                if isinstance(each["config"], list):  # Keras 2.0 gave such a model no name
                    each = {"name": f"{name}_{number}", **each}
                parts.append(_part(each, what, tuple(x.shape)))
                x = parts[-1].call(x)
        outputs: Any = x
    else:
        inputs, outputs, parts = _functional(config, what)
    model = keras.Model(inputs, outputs, name=new_name(name))
    trainable = not isinstance(config, dict) or config.get("trainable", True) is not False
    return model, Part(name, spec["class_name"], model, trainable=trainable, parts=tuple(parts))


def _input_name(listed: list[dict[str, Any]], model: str) -> str:
    first = listed[0]["config"].get("name") if listed and listed[0]["class_name"] == "InputLayer" else None
    return first or f"{model}_input"


def _stated_shape(spec: dict[str, Any]) -> Any:
    """The shape of what a layer or model takes, batch first, as far as its description in the file says it; else None."""
    config = spec["config"]
    layers = config if isinstance(config, list) else config.get("layers")
    if layers:
        first = next((each for each in layers if each["class_name"] == "InputLayer"), layers[0])
        if found := _stated_shape(first):
            return found
    own = {} if isinstance(config, list) else config
    built = spec.get("build_config") or {}
    return (
        own.get("batch_input_shape")
        or own.get("batch_shape")
        or own.get("build_input_shape")
        or built.get("input_shape")
    )


def _part(spec: dict[str, Any], what: str, shape: Any) -> Part:
    """The layer, operation or nested model of one entry in the file. `shape` is the shape of its input, if known."""
    class_name, config = spec["class_name"], spec["config"]
    name = spec.get("name") or (config.get("name") if isinstance(config, dict) else None) or class_name
    if class_name in _MODELS:
        return _model(spec, what, shape)[1]
    if class_name in ("TFOpLambda", "SlicingOpLambda"):
        return Part(name, class_name, tensorflow_function(config["function"], name, what))
    if class_name == "TensorFlowOpLayer":
        return Part(name, class_name, graph_node(config, name, what))
    if "trainable" not in config and "dtype" not in config:  # unlike the config of any layer
        operation = make_operation(class_name, config, what)
        operation.name = new_name(name)
        return Part(name, class_name, operation)
    if config.get("activation") == _HARD_SIGMOID and "Activation" in class_name:
        return Part(name, class_name, lambda x: _hard_sigmoid(x, name))
    if config.get("activation") == _HARD_SIGMOID:
        linear = make_layer(class_name, {**config, "activation": "linear"}, what)
        return Part(name, class_name, lambda x: _hard_sigmoid(linear(x), name), linear)
    layer = make_layer(class_name, config, what)
    return Part(name, class_name, layer, layer)


def _hard_sigmoid(x: Any, name: str) -> Any:
    """Keras 2's hard sigmoid: 0.2 x + 0.5, clipped to [0, 1]."""
    line = keras.layers.Rescaling(0.2, 0.5, name=f"{new_name(name)}_line")(x)
    return keras.layers.ReLU(max_value=1.0, name=f"{new_name(name)}_clip")(line)


def _functional(config: dict[str, Any], what: str) -> tuple[Any, Any, list[Part]]:
    """The inputs, outputs and parts of a graph. Layers are called in the order in which their inputs are ready."""
    tensors: dict[tuple[str, int], list[Any]] = {}  # (layer, number of its call) -> its outputs
    parts: dict[str, Part] = {}
    inputs: dict[str, Any] = {}
    todo: list[tuple[dict[str, Any], int, Any]] = []
    for spec in config["layers"]:
        if spec["class_name"] == "InputLayer":
            shape = _stated_shape(spec)
            dtype = spec["config"].get("dtype")
            name = spec.get("name") or spec["config"]["name"]
            inputs[name] = keras.Input(
                batch_shape=[None, *shape[1:]], name=new_name(name), dtype=dtype if isinstance(dtype, str) else None
            )
            tensors[name, 0] = [inputs[name]]
        todo += [(spec, number, node) for number, node in enumerate(spec.get("inbound_nodes", ()))]
    first_call = _first_calls(config)
    while todo:
        waiting = []
        for spec, number, node in todo:
            name = spec["name"]
            try:
                args, kwargs = _arguments(node, tensors, first_call)
            except _NotReadyError:
                waiting.append((spec, number, node))
                continue
            if name not in parts:
                first = args[0] if args else next(iter(kwargs.values()))
                parts[name] = _part(spec, what, tuple(getattr(first, "shape", ())) or None)
            output = parts[name].call(*args, **kwargs)
            tensors[name, number] = list(output) if isinstance(output, (list, tuple)) else [output]
        if len(waiting) == len(todo):
            raise ModelError(
                f"{what} is damaged: its layer {waiting[0][0]['name']!r} has inputs that nothing gives.",
                "Copy the file again.", "model_damaged",
            )  # fmt: skip
        todo = waiting
    order = [spec["name"] for spec in config["layers"] if spec.get("name") in parts]
    starts = [inputs[reference[0]] for reference in _references(config["input_layers"])]
    ends = [_look_up(reference, tensors, first_call) for reference in _references(config["output_layers"])]
    return _alone(starts), _alone(ends), [parts[name] for name in order]


def _alone(tensors: list[Any]) -> Any:
    """The only tensor, or the list of several."""
    return tensors[0] if len(tensors) == 1 else tensors


def _first_calls(config: dict[str, Any]) -> dict[str, int]:
    """The number of the first call of each nested model: 0, or 1 where building the model itself counted as a call."""
    models = {spec["name"] for spec in config["layers"] if spec["class_name"] in _MODELS}
    first: dict[str, int] = {}
    todo = [config["output_layers"], *(spec.get("inbound_nodes", []) for spec in config["layers"])]
    while todo:
        item = todo.pop()
        if _is_reference(item) and item[0] in models:
            first[item[0]] = min(item[1], first.get(item[0], item[1]))
        todo.extend(item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
    return first


def _is_reference(value: Any) -> bool:
    """True for the list [layer, call, output], after which the arguments of the call may follow."""
    return isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int)


class _NotReadyError(Exception):
    """A layer's input is not computed yet."""


def _references(value: Any) -> list[list[Any]]:
    """All [layer, call, output] in a nested list or object."""
    if isinstance(value, dict):
        return [found for each in value.values() for found in _references(each)]
    if value and isinstance(value[0], str):
        return [value]
    return [found for each in value for found in _references(each)]


def _look_up(reference: Any, tensors: dict[tuple[str, int], list[Any]], first_call: dict[str, int]) -> Any:
    name, call, output = reference[:3]
    found = tensors.get((name, call - first_call.get(name, 0)))
    if found is None:
        raise _NotReadyError
    return found[output]


def _arguments(
    node: Any, tensors: dict[tuple[str, int], list[Any]], first_call: dict[str, int]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of one call of a layer."""
    if isinstance(node, dict):  # Keras 3
        return (
            [_new_value(each, tensors, first_call) for each in node["args"]],
            {key: _new_value(each, tensors, first_call) for key, each in node["kwargs"].items() if key != "training"},
        )

    def tensor(entry: Any) -> Any:
        return entry[2] if entry[0] == "_CONSTANT_VALUE" else _look_up(entry, tensors, first_call)

    entries = [node] if isinstance(node[0], str) else node
    first = [tensor(entry) for entry in entries]
    given = entries[0][3] if len(entries[0]) > 3 else {}
    kwargs = {
        key: _old_value(each, tensors, first_call) for key, each in given.items() if key not in ("training", "mask")
    }
    return [first[0] if len(first) == 1 else first], kwargs


def _old_value(value: Any, tensors: dict[tuple[str, int], list[Any]], first_call: dict[str, int]) -> Any:
    if _is_reference(value) and len(value) == 3:
        return _look_up(value, tensors, first_call)
    if isinstance(value, list):
        return [_old_value(each, tensors, first_call) for each in value]
    return value


def _new_value(value: Any, tensors: dict[tuple[str, int], list[Any]], first_call: dict[str, int]) -> Any:
    if isinstance(value, list):
        return [_new_value(each, tensors, first_call) for each in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config", {})
    if kind == "__keras_tensor__":
        return _look_up(config["keras_history"], tensors, first_call)
    if kind == "__tuple__":
        return tuple(_new_value(each, tensors, first_call) for each in config)
    if kind in ("__numpy__", "__tensor__", "__bytes__", "__ellipsis__", "__slice__"):
        return keras.saving.deserialize_keras_object(value)
    return {key: _new_value(each, tensors, first_call) for key, each in value.items()}
