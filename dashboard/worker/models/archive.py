"""Checks a `.keras` file before Keras opens it: Keras' safe mode refuses code, but not every harmful config."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import Any

from dashboard.core.errors import ModelError
from dashboard.core.parsing import parsing, reason

MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
MAX_CONFIG_BYTES = 8 * 2**20
_BLOCK_BYTES = 2**20
MAX_UNPACKED_BYTES = 4 * 2**30
MAX_UNITS = 1_000_000  # per layer; a larger number would exhaust the memory
_MODULES = re.compile(
    r"keras(\.src)?(\.(layers|models|initializers|regularizers|constraints|activations|ops|saving|dtype_policies)(\..*)?)?|builtins"
)
_OF_APPLICATIONS = {
    ("keras.src.applications.convnext", "LayerScale"),
    ("keras.src.applications.convnext", "StochasticDepth"),
}
_REFUSED_CLASSES = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "__lambda__", "function"}
_CLASS = re.compile(r"[A-Z][A-Za-z0-9_]*")  # only class names: Keras would also resolve functions and dotted paths
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
_ADD_AGAIN = 'Only add model files from people you trust. A plain image classifier saved with `model.save("x.keras")` is accepted.'
_TOO_LARGE = "Build the model with smaller layers, or save it without its optimizer."


def check_archive(data: bytes, what: str) -> None:
    """Raises ModelError if the bytes are not a `.keras` archive or contain anything but Keras' own layers."""
    with parsing(partial(_damaged, what)), zipfile.ZipFile(io.BytesIO(data)) as archive:
        check_members(archive, what)
        for member in archive.infolist():
            with archive.open(member) as file:  # the checksum is compared at the end
                while file.read(_BLOCK_BYTES):
                    pass
        text = archive.read("config.json")
    with parsing(lambda error: _refused(what, f"its config cannot be read ({reason(error)})")):
        config = json.loads(text)
    if not isinstance(config, dict):
        raise _refused(what, "its config does not describe a model")
    check_config({**config, "compile_config": None}, what)  # Keras does not read the compile config


def _damaged(what: str, error: Exception) -> ModelError:
    return ModelError(
        f"{what} is damaged or cut off: it is not a complete .keras archive ({reason(error)}).",
        "Restore it from version control, or train or add the model again.", "model_damaged",
    )  # fmt: skip


def members_of(archive: zipfile.ZipFile) -> set[str]:
    """The names in the archive, without the files that macOS leaves behind when it packs a folder."""
    names = set(archive.namelist())
    return {n for n in names if not n.startswith("__MACOSX/") and n.rpartition("/")[2] != ".DS_Store"}


def check_members(archive: zipfile.ZipFile, what: str) -> None:
    """Raises ModelError unless the archive holds what a `.keras` file holds, and not too much of it."""
    names = members_of(archive)
    if missing := {"config.json", "model.weights.h5"} - names:
        raise ModelError(
            f"{what} is not a whole .keras file: it does not contain {', '.join(sorted(missing))}.",
            'Save the whole model with `model.save("x.keras")`, then add that file.', "model_damaged",
        )  # fmt: skip
    if extra := names - MEMBERS:
        raise _refused(what, f"it also contains {', '.join(sorted(extra)[:3])}")
    if any(m.file_size > MAX_CONFIG_BYTES for m in archive.infolist() if m.filename.endswith(".json")):
        raise _refused(what, "its config is too large", _TOO_LARGE)
    if sum(m.file_size for m in archive.infolist()) > MAX_UNPACKED_BYTES:
        raise _refused(what, "it unpacks to more than 4 GB", _TOO_LARGE)


def nodes_of(config: Any) -> Iterator[dict[str, Any]]:
    """Every object in a config, at any depth."""
    todo = [config]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)


def check_sizes(config: Any, what: str) -> None:
    """Raises ModelError if the config asks for a layer that would exhaust the memory."""
    for node in nodes_of(config):
        for key in ("units", "filters", "input_dim", "output_dim"):
            if isinstance(node.get(key), (int, float)) and node[key] > MAX_UNITS:
                raise _refused(what, f"a layer has {node[key]:.0e} {key}, more than {MAX_UNITS:,}", _TOO_LARGE)


def check_config(config: Any, what: str) -> None:
    """Raises ModelError if the config names a class that does not come from Keras itself."""
    check_sizes(config, what)
    for node in nodes_of(config):
        name, module = node.get("class_name"), node.get("module")
        if isinstance(name, str):
            _check_class(name, module, node, what)
        allowed = isinstance(module, str) and (_MODULES.fullmatch(module) or (module, name) in _OF_APPLICATIONS)
        if module == "keras.quantizers" and "class_name" in node:
            raise ModelError(
                f"{what} was quantized ({name}), and quantized models are not read.",
                "Add the model as it was before `quantize`.", "model_format",
            )  # fmt: skip
        if isinstance(module, str) and "class_name" in node and not allowed:
            raise _refused(what, f"it uses {name} from {module}, which is not an allowed module")


def _check_class(name: str, module: Any, node: dict[str, Any], what: str) -> None:
    if not (_CLASS.fullmatch(name) or name in _VALUES | _REFUSED_CLASSES):
        raise _refused(what, f"it uses {name!r}, which is not a class")
    if name == "function" and module == "builtins" and isinstance(node.get("config"), str):
        raise ModelError(
            f"{what} uses a function of its own, {node['config']!r}. Its code is not in the file, and code from "
            "files is not run here.",
            'Build the model with the functions and layers of Keras, such as activation="softmax", then save it again.',
            "custom_layer",
        )
    if name in _REFUSED_CLASSES:
        where = f"its layer {layer!r} is" if (layer := _name_of(node)) else "it contains"
        raise _refused(what, f"{where} a {name}, which can run any code", without_code(name))
    if _is_foreign(name, module):
        raise custom_layer(what, name, _name_of(node))


def _is_foreign(name: str, module: Any) -> bool:
    """True for a class that is not from Keras: it has another module, or none."""
    if isinstance(module, str):
        return module.split(".")[0] not in ("keras", "builtins") and not module.startswith("tensorflow")
    return _CLASS.fullmatch(name) is not None


def _name_of(node: dict[str, Any]) -> str:
    config = node.get("config")
    name = node.get("name", "")
    return str(config.get("name", name) if isinstance(config, dict) else name)


def without_code(class_name: str) -> str:
    """How to have a model without a layer of this class, which runs code of the file."""
    return (
        f"Build the model with layers of Keras instead of the {class_name} (for pixels Rescaling or Normalization), give it "
        "the weights (`new.set_weights(old.get_weights())`), and save it. Or evaluate it where its code is and add its "
        "predictions: python -m dashboard import PREDICTIONS."
    )


def custom_layer(what: str, class_name: str, name: str) -> ModelError:
    """The error for a layer that is not Keras' own."""
    where = f"{name!r} of the class {class_name}" if name else f"of the class {class_name}"
    return ModelError(
        f"{what} has a layer of its own: {where}. Its code is not in the file, and code from files is not run here.",
        "Only layers of Keras itself are read. Build the model with those, or evaluate it where its code is and add its "
        "predictions: python -m dashboard import PREDICTIONS.",
        "custom_layer",
    )


def _refused(what: str, reason: str, fix: str = _ADD_AGAIN) -> ModelError:
    return ModelError(f"{what} was refused: {reason}.", fix, "model_refused")
