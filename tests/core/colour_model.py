"""A model with weights set by hand, for 8x8 pictures of one colour: right on raw pixels, blind on scaled ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.preprocessing import SCALINGS, Preprocessing
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import RECORD, ModelVersion, to_record

CLASSES = ("dark", "red", "green", "blue")
DARK_UP_TO = 5.0  # logit of "dark": above what a channel can reach unless pixels go up to 255


def make_registry(
    root: Path, scaling: str = "raw", class_names: tuple[str, ...] = CLASSES, name: str = "colour"
) -> Registry:
    """A models folder with one version, NAME@1."""
    import keras

    folder = root / name / "1"
    folder.mkdir(parents=True)
    pixels = keras.Input((8, 8, 3))
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    dense = keras.layers.Dense(4)
    model = keras.Model(pixels, dense(mean))
    dense.set_weights([np.eye(4, dtype=np.float32)[1:], np.array([DARK_UP_TO, 0, 0, 0], np.float32)])
    known = SCALINGS[scaling]
    recipe = Preprocessing(8, 8, scale=known.scale, mean=known.mean, std=known.std, color=known.color or "rgb")
    version = ModelVersion(name, "1", folder, class_names, recipe, "logits", sha256="")
    model.save(version.file)
    write_json(folder / RECORD, to_record(replace(version, sha256=sha256_of(version.file))))
    return Registry(root)


def make_samples(root: Path, each: int = 4) -> Path:
    """`each` pictures of every class in root/CLASS/*.png, bright enough to be told apart."""
    for channel, label in enumerate(CLASSES, start=-1):
        (root / label).mkdir(parents=True)
        for i in range(each):
            pixels = np.zeros((8, 8, 3), np.uint8)
            if channel >= 0:
                pixels[..., channel] = 200 + i
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root
