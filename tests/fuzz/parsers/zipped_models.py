"""Models in a ZIP, as people add them: a `.keras` or `.h5` file, an unpacked `.keras` file, or a SavedModel."""

from __future__ import annotations

import io
import os
import random
import tempfile
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from dashboard.core.models.foreign import ForeignModel
from dashboard.core.models.model_files import TakenModel, take_model
from dashboard.worker.adding.structure import read_structure
from tests.fuzz.parser import Content, Parser, digest
from tests.fuzz.parsers.archives import zipped
from tests.fuzz.parsers.models import config_values, h5_files, in_a_process, keras_archives
from tests.fuzz.structured import json_values, raw, text, zip_headers, zip_members, zip_stream

_LIMIT_S = 60.0  # a whole SavedModel takes a second
_MEMORY_BYTES = 2**30  # that loading it may take
_METADATA, _GRAPH = "keras_metadata.pb", "saved_model.pb"


def _zips() -> list[bytes]:
    archive, older = keras_archives()[0], h5_files()[0]
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        unpacked = {f"m/{name}": opened.read(name) for name in opened.namelist()}
    parts = (
        "saved_model.pb",
        "keras_metadata.pb",
        "variables/variables.index",
        "variables/variables.data-00000-of-00001",
    )
    return [
        zipped({"m.keras": archive, "labels.txt": b"cat\ndog\nant\n", "__MACOSX/._m.keras": b"\0\5\x16\7"}),
        zipped({"m/m.h5": older, "m/class_indices.json": b'{"cat": 0, "dog": 1, "ant": 2}', "m/readme.txt": b"A model."}),
        zipped(unpacked, zipfile.ZIP_STORED), zipped({f"saved/1/{name}": name.encode() * 9 for name in parts}),
    ]  # fmt: skip


def _taken(data: bytes, folder: Path) -> TakenModel:
    (folder / "m.zip").write_bytes(data)
    return take_model(folder / "m.zip", folder / "taken")


def _read_zip(data: bytes, folder: Path) -> Content:
    taken, copy = _taken(data, folder), folder / "taken"
    if copy.is_file():
        in_a_process(lambda: read_structure(copy, "m.zip"), folder / "error", "m.zip")
    found = {digest(name.encode()) for name in taken.class_names or ()}
    for file in [copy] if copy.is_file() else [path for path in copy.rglob("*") if path.is_file()]:
        if zipfile.is_zipfile(file):  # one that was packed here holds the time, too
            with zipfile.ZipFile(file) as archive:
                found |= {digest(archive.read(name)) for name in archive.namelist()}
        else:
            found.add(digest(file.read_bytes()))
    return frozenset(found)


def _inside(rng: random.Random, data: bytes) -> bytes:
    """A member of a `.keras` file in the ZIP, its config, or other bytes."""
    if data.startswith(b"PK"):
        return zip_members((raw, config_values, text))(rng, data)
    return config_values(rng, data)


@lru_cache
def _saved_models() -> list[bytes]:
    """ZIPs of SavedModels, of a Sequential as Keras 2.5 and later write it, and of a graph as older ones do."""
    import tf_keras  # noqa: F401  # the process below need not import it

    with tempfile.TemporaryDirectory() as place:
        in_a_process(lambda: _save(Path(place)), Path(place) / "error", "the seeds", _LIMIT_S)
        return [(Path(place) / f"{number}.zip").read_bytes() for number in range(2)]


def _save(place: Path) -> None:
    import numpy as np
    from tf_keras import Input, Model, Sequential, layers

    pixels = Input((8, 8, 3), name="pixels")
    x = layers.SeparableConv2D(2, 3, name="separable")(layers.Rescaling(1 / 255, name="scale")(pixels))
    x = layers.add([x, layers.Conv2D(2, 3, name="conv")(pixels)], name="add")
    graph = Model(
        pixels, layers.Dense(3, "softmax", name="out")(layers.GlobalAveragePooling2D(name="mean")(x)), name="graph"
    )
    flat = [layers.Conv2D(2, 3, name="conv"), layers.BatchNormalization(name="norm"), layers.Flatten(name="flat")]
    sequence = Sequential(
        [Input((8, 8, 3), name="pixels"), *flat, layers.Dense(3, "softmax", name="out")], name="sequence"
    )
    for number, model in enumerate((sequence, graph)):
        rng = np.random.default_rng(number)
        model.set_weights([rng.random(weight.shape).astype(np.float32) for weight in model.get_weights()])
        model.save(place / str(number), save_format="tf", include_optimizer=False)
        files = {
            path.relative_to(place / str(number)).as_posix(): path.read_bytes()
            for path in sorted((place / str(number)).rglob("*"))
            if path.is_file() and path.name != "fingerprint.pb"  # which is another one each time
        }
        files[_GRAPH] = _without_functions(files[_GRAPH], files[_METADATA])
        if number:
            del files[_METADATA]
        (place / f"{number}.zip").write_bytes(zipped(files))


def _without_functions(graph: bytes, metadata: bytes) -> bytes:
    """What is read of the graph, which also holds what a file of Keras 2.4 has in place of `keras_metadata.pb`."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved, short = saved_model_pb2.SavedModel.FromString(graph), saved_model_pb2.SavedModel()
    known = {node.node_id: node for node in _nodes(metadata).nodes}
    objects = short.meta_graphs.add().object_graph_def
    for number, node in enumerate(saved.meta_graphs[0].object_graph_def.nodes):
        kept = objects.nodes.add()
        kept.children.extend(node.children)
        kept.user_object.identifier = node.user_object.identifier
        if number in known:
            kept.user_object.metadata = known[number].metadata
    return bytes(short.SerializeToString(deterministic=True))


def _nodes(metadata: bytes) -> Any:
    from tensorflow.python.keras.protobuf import saved_metadata_pb2

    return saved_metadata_pb2.SavedMetadata.FromString(metadata)


def _read_saved(data: bytes, folder: Path) -> Content:
    _taken(data, folder)
    order = ForeignModel(folder / "taken", "m.zip", folder / "converted.keras", None, None, _MEMORY_BYTES)
    in_a_process(lambda: _inspect(order), folder / "error", "m.zip", _LIMIT_S)
    return frozenset()


def _inspect(order: ForeignModel) -> None:
    from dashboard.worker.adding.inspecting import inspect

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what TensorFlow says of a damaged file
    inspect(order)


def _layers(rng: random.Random, data: bytes) -> bytes:
    """Other values in the description of the layers, in a file that is whole."""
    from tensorflow.core.protobuf import saved_model_pb2

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    if _METADATA in files:
        name, record = _METADATA, _nodes(files[_METADATA])
        described = list(record.nodes)
    else:
        name, record = _GRAPH, saved_model_pb2.SavedModel.FromString(files[_GRAPH])
        described = [node.user_object for node in record.meta_graphs[0].object_graph_def.nodes]
    node = rng.choice([node for node in described if node.metadata] if rng.random() < 0.2 else described[:1])
    node.metadata = json_values(rng, node.metadata.encode()).decode("utf-8", "replace")
    return zipped({**files, name: record.SerializeToString()})


PARSERS: Sequence[Parser] = (
    Parser(
        "model-zip", _zips, _read_zip, (zip_members((raw, _inside, text)), zip_headers, zip_stream),
        covered=lambda seed: (0, len(seed)),
    ),
    Parser("saved-model", _saved_models, _read_saved, (zip_members(), zip_members(), _layers, _layers), is_slow=True),
)  # fmt: skip
