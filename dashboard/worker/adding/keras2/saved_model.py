"""Reads the Keras model in a SavedModel folder of Keras 2: its config and its weights, never its functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2, saved_object_graph_pb2, trackable_object_graph_pb2

from dashboard.core.errors import ModelError
from dashboard.core.parsing import parsing, reason
from dashboard.worker.adding.keras2.graph import Part
from dashboard.worker.adding.keras2.weights import assign, finish, misfit

_METADATA = "keras_metadata.pb"  # since Keras 2.5; before, the metadata were in saved_model.pb
_KERAS_MODELS = ("_tf_keras_sequential", "_tf_keras_network", "_tf_keras_model")
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_OTHER_NAMES = ("depthwise_kernel", "gamma")  # of DepthwiseConv2D and LayerScale


def read_config(folder: Path, what: str) -> dict[str, Any]:
    """The Keras config {"class_name", "config"} of the model in the folder. Raises ModelError if there is none."""
    with parsing(
        lambda _: ModelError(f"{what} is damaged: its description cannot be read.", "Copy it again.", "model_damaged")
    ):
        nodes = _nodes_of_metadata(folder) if (folder / _METADATA).is_file() else _nodes_of_graph(folder)
        for identifier, metadata in nodes:
            if identifier in _KERAS_MODELS and metadata:
                record = _plain(json.loads(metadata))
                if isinstance(record.get("model_config"), dict):
                    return dict(record["model_config"])
                if isinstance(record.get("config"), dict) and "layers" in record["config"]:
                    return {"class_name": record["class_name"], "config": record["config"]}
                break
    raise ModelError(
        f"{what} is a TensorFlow SavedModel without its Keras layers, as `model.export` and `tf.saved_model.save` write it.",
        "The layers cannot be had from it again. In the code that made the model, save the model itself as one file, "
        '`model.save("model.keras")`, then add that file. A folder that `model.save` of Keras 2 wrote can be added, too.',
        "model_format",
    )


def _plain(value: Any) -> Any:
    """The value without TensorFlow's way to write tuples and shapes in JSON."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return _plain(value["items"])
    return {key: _plain(each) for key, each in value.items()}


def _nodes_of_metadata(folder: Path) -> list[tuple[str, str]]:
    """(identifier, JSON) of each object, the model first."""
    from tensorflow.python.keras.protobuf import saved_metadata_pb2

    metadata = saved_metadata_pb2.SavedMetadata.FromString((folder / _METADATA).read_bytes())
    nodes = sorted(metadata.nodes, key=lambda node: node.node_id)
    return [(node.identifier, node.metadata) for node in nodes]


def _nodes_of_graph(folder: Path) -> list[tuple[str, str]]:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    graph: saved_object_graph_pb2.SavedObjectGraph = saved.meta_graphs[0].object_graph_def
    return [(node.user_object.identifier, node.user_object.metadata) for node in graph.nodes]


def fill_from_checkpoint(model: Part, folder: Path, what: str) -> None:
    """Fills the model with the weights in `variables/`. Raises ModelError when they do not fit."""
    with parsing(
        lambda error: ModelError(
            f"The weights in {what} cannot be read: {reason(error)}.", "Copy the folder again.", "model_damaged"
        )
    ):
        reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(_OBJECT_GRAPH))
        _fill(model, 0, _Checkpoint(reader, graph), what)


class _Checkpoint:
    """A graph of objects, each with named children; some of them are variables."""

    def __init__(self, reader: Any, graph: trackable_object_graph_pb2.TrackableObjectGraph) -> None:
        self._reader, self._nodes = reader, graph.nodes

    def child(self, node: int, name: str) -> int | None:
        for child in self._nodes[node].children:
            if child.local_name == name:
                return int(child.node_id)
        return None

    def value(self, node: int) -> np.ndarray:
        [key] = [each.checkpoint_key for each in self._nodes[node].attributes]
        return np.asarray(self._reader.get_tensor(key))


def _fill(model: Part, node: int, checkpoint: _Checkpoint, what: str) -> None:
    with_weights = [part for part in model.parts if any(leaf.weights for leaf in part.leaves())]
    for number, part in enumerate(with_weights):
        child = checkpoint.child(node, f"layer_with_weights-{number}")
        if child is None:
            raise misfit(what, part.name, "the folder has none for it")
        if part.layer is None:
            _fill(part, child, checkpoint, what)
            continue
        values = [_variable(checkpoint, child, weight, part, what) for weight in part.layer.weights]
        assign(part.layer.weights, values, [], part.name, what)
        finish(part.layer)


def _variable(checkpoint: _Checkpoint, node: int, weight: Any, part: Part, what: str) -> np.ndarray:
    """The value of a weight, found by its name and those of the layers inside the layer, such as `query`."""
    assert part.layer is not None
    inner = weight.path.split("/")[:-1]
    inner = inner[inner.index(part.layer.name) + 1 :] if part.layer.name in inner else []
    for name in inner:
        found = checkpoint.child(node, f"_{name}_dense") or checkpoint.child(node, name)
        node = node if found is None else found
    for name in (weight.name, *_OTHER_NAMES):
        child = checkpoint.child(node, name)
        if child is not None:
            return checkpoint.value(child)
    raise misfit(what, part.name, f"the folder has no {weight.name}")
