"""Fills a model with the weights of a file. Every weight must fit by order, shape and, where it is known, by name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, takewhile
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np
from keras.src.utils.naming import to_snake_case

from dashboard.core.errors import ModelError
from dashboard.worker.adding.keras2.graph import Part

# In Keras 2.13, which lists a layer with weights twice, as a layer and as one with weights.
_OLD_TOP = "_layer_checkpoint_dependencies"
_UNNAMED = "variable"  # Keras 3 names weights like this if their layer does not name them
_CHECKED = {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "pointwise_kernel"}


def fill_from_h5(model: Part, group: h5py.Group, what: str) -> None:
    """Fills from the group of an .h5 file: a group of weights for each layer of the outer model. Raises ModelError."""
    stored = {
        name: names for name in _attribute(group, "layer_names") if (names := _attribute(group[name], "weight_names"))
    }
    parts = {part.name: part for part in model.parts if any(layer.weights for layer in part.leaves())}
    if len(stored) != len(parts):
        raise misfit(
            what, model.name, f"{len(parts)} of its layers have weights, but the file has them for {len(stored)}"
        )
    if stored.keys() != parts.keys():  # Keras 2.0 did not name models inside a model
        parts = dict(zip(stored, parts.values(), strict=True))
    for layer_name, names in stored.items():
        part = parts[layer_name]
        values = [np.asarray(group[layer_name][name]) for name in names]
        assign(_in_file_order(part), values, names, part.name, what)
        for layer in part.leaves():
            finish(layer)


def _in_file_order(part: Part) -> list[Any]:
    """The weights of a part in the order of .h5 files: those that training changes first, then the others."""
    leaves = list(part.leaves())
    if not part.trainable:
        return [weight for leaf in leaves for weight in leaf.weights]
    return [w for leaf in leaves for w in leaf.trainable_weights] + [
        w for leaf in leaves for w in leaf.non_trainable_weights
    ]


def fill_from_archive(model: Part, file: h5py.File, what: str) -> None:
    """Fills from the model.weights.h5 of a .keras file, whose paths count the layers of each class. Raises ModelError."""
    for top in ("layers", _OLD_TOP):
        if top in file:
            return _fill_container(model, file[top], top, what)
    if any(leaf.weights for leaf in model.leaves()):
        raise misfit(what, model.name, "the file has none")
    return None


def _fill_container(model: Part, group: h5py.Group, top: str, what: str) -> None:
    used: dict[str, int] = {}
    for part in model.parts:
        key = to_snake_case(part.class_name)  # SeparableConv2D becomes separable_conv2d
        number = used.get(key, 0)
        path = f"{key}_{number}" if number else key
        has_weights = any(leaf.weights for leaf in part.leaves())
        used[key] = number + (2 if has_weights and top == _OLD_TOP else 1)
        if not has_weights:
            continue
        if path not in group:
            raise misfit(what, part.name, "the file has none for it")
        if part.layer is None:
            _fill_container(part, group[path][top], top, what)
        else:
            _fill_layer(part, group[path], what)


def _fill_layer(part: Part, group: h5py.Group, what: str) -> None:
    assert part.layer is not None
    values = _stored(group)
    if not values:  # the weights are in layers inside the layer, such as those of MultiHeadAttention
        inner = {name: child for name, child in group.items() if isinstance(child, h5py.Group) and _stored(child)}
        found = {name.strip("_").removesuffix("_dense"): _stored(child) for name, child in inner.items()}
        values = [v for layer in part.layer._flatten_layers(include_self=False) for v in found.get(layer.name, [])]
    assign(part.layer.weights, values, [], part.name, what)
    finish(part.layer)


def _stored(group: h5py.Group) -> list[np.ndarray]:
    stored = group.get("vars")
    return [] if stored is None else [np.asarray(stored[str(i)]) for i in range(len(stored))]


def assign(weights: Sequence[Any], values: Sequence[np.ndarray], names: Sequence[str], part: str, what: str) -> None:
    """Gives the weights of a part their values; `names` are theirs in the file, if it has names. Raises ModelError."""
    if len(weights) != len(values):
        raise misfit(what, part, f"it needs {len(weights)}, and the file has {len(values)}")
    for i, (weight, value) in enumerate(zip(weights, values, strict=True)):
        if tuple(weight.shape) != value.shape:
            raise misfit(what, part, f"{weight.path} needs the shape {tuple(weight.shape)}, not {value.shape}")
        stored = names[i].rpartition("/")[2].partition(":")[0] if names else ""
        if stored in _CHECKED and weight.name != stored and not weight.name.startswith(_UNNAMED):
            raise misfit(what, part, f"{weight.path} would get {names[i]}")
        weight.assign(value)


def finish(layer: keras.Layer) -> None:
    """Lets a layer use its new weights."""
    if isinstance(layer, keras.layers.Normalization) and layer.built and layer.input_mean is None:
        layer.finalize_state()


def _attribute(group: h5py.Group, name: str) -> list[str]:
    """A list of texts. Keras splits one that is too long for HDF5 into name0, name1 ..."""
    chunks = takewhile(lambda key: key in group.attrs, (f"{name}{i}" for i in count()))
    parts = [name] if name in group.attrs else list(chunks)
    return [t.decode() if isinstance(t, bytes) else str(t) for part in parts for t in group.attrs[part]]


def misfit(what: str, part: str, reason: str) -> ModelError:
    """The error for weights that do not fit a part of the model."""
    return ModelError(
        f"{what} cannot be converted: the weights of {part!r} do not fit: {reason}.",
        'Load it with the version of Keras that saved it, then save it as .keras: `model.save("x.keras")`.',
        "model_unreadable",
    )
