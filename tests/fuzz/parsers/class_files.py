"""Small files with the class of one image: LabelMe's JSON, .cls, .txt and .json."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from dashboard.core.datasets import open_dataset
from dashboard.core.errors import DatasetError
from dashboard.core.labels.matching import match_labels
from tests.fuzz.parser import Content, Parser
from tests.fuzz.parsers.archives import FILES, read_dataset, zipped
from tests.fuzz.structured import json_values, text

_IMAGES = {f"{name}.png": content for name, content in zip("abc", FILES.values(), strict=True)}


def _labelme(*labels: str, flags: dict[str, bool] | None = None, image: str | None = None) -> bytes:
    shapes = [
        {"label": label, "points": [[0.5, 1.0], [7.0, 7.0]], "group_id": None, "shape_type": "rectangle", "flags": {}}
        for label in labels
    ]
    record = {
        "version": "5.2.1", "flags": flags or {}, "shapes": shapes, "imagePath": "a.png", "imageData": image,
        "imageHeight": 8, "imageWidth": 8,
    }  # fmt: skip
    return json.dumps(record).encode()


def _annotations() -> list[bytes]:
    return [
        _labelme("cat"), _labelme("cat", "cat", image="iVBORw0KGgo="), _labelme("cat", "dog"),
        _labelme(flags={"cat": True, "dog": False}), _labelme(),
    ]  # fmt: skip


def _read(path: Path) -> None:
    read_dataset(path)
    labels = [sample.label for sample in open_dataset(path).samples if sample.label is not None]
    "".join(labels).encode()
    match_labels(labels, ("cat", "dog"))


def _beside_sound(*layouts: tuple[str, bytes]) -> Callable[[bytes, Path], Content]:
    """Reads datasets in which one image has the file, and the others have a sound one.

    Args:
        layouts: where the file of an image lies, with {} for its name, and the content of a sound one.
    """

    def read(data: bytes, folder: Path) -> Content:
        faults = []
        for number, (place, sound) in enumerate(layouts):
            files = {place.format(name): data if name == "a" else sound for name in "abc"}
            path = folder / f"{number}.zip"
            path.write_bytes(zipped({**_IMAGES, **files}))
            try:
                _read(path)
            except DatasetError as error:  # the other layouts must not raise anything else all the same
                faults.append(error)
        if faults:
            raise faults[0]
        return frozenset()

    return read


PARSERS: Sequence[Parser] = (
    Parser(
        "labelme", _annotations, _beside_sound(("{}.json", _labelme("dog")), ("annotations/{}.json", _labelme("dog"))),
        (json_values, json_values, text),
    ),
    Parser(
        "class-files", lambda: [b"cat", b"dog\n", b"1", b'{"label": "cat", "size": [8, 8]}', b'["dog"]', b'"cat"'],
        _beside_sound(("{}.cls", b"dog"), ("{}.txt", b"dog"), ("labels/{}.txt", b"dog"), ("{}.json", b'{"label": "dog"}')),
        (text, text),
    ),
)  # fmt: skip
