"""Writes model files that older Keras versions can read too.

Keras writes every setting of a layer, also new ones, and an older version refuses a file with an unknown setting.
Settings with their default values can be left out. Then Keras 3.12 can read the files of Keras 3.15.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import keras

_READS_EVERY_SETTING = {"Rescaling"}  # its from_config fails if a setting is missing


def save_portably(model: keras.Model, path: Path) -> None:
    """Saves the model as `.keras`. Its config leaves out the settings that have their default values."""
    model.save(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(buffer, "w") as target:
        for member in source.infolist():
            data = source.read(member)
            if member.filename == "config.json":
                data = json.dumps(without_defaults(json.loads(data))).encode()
            target.writestr(member, data)
    path.write_bytes(buffer.getvalue())


def without_defaults(node: Any) -> Any:
    """A copy of a serialized Keras object without the settings that equal the defaults of the constructors."""
    if isinstance(node, list):
        return [without_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: without_defaults(value) for key, value in node.items()}
    if isinstance(node.get("config"), dict) and str(node.get("module")).startswith("keras.") and "class_name" in node:
        if node["class_name"] in _READS_EVERY_SETTING:
            return copy
        constructor = getattr(importlib.import_module(node["module"]), node["class_name"])
        defaults = {name: p.default for name, p in inspect.signature(constructor.__init__).parameters.items()}
        settings = node["config"].items()
        redundant = {name for name, value in settings if name in defaults and _same(value, defaults[name])}
        copy["config"] = {name: value for name, value in copy["config"].items() if name not in redundant}
    return copy


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and value == default
