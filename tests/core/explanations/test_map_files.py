"""The files of maps."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image

from dashboard.core.explanations.map_files import map_png, maps_zip
from dashboard.core.explanations.overlay import overlay
from tests.core.explanations.test_agreement import explained, spot


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_the_map_alone_does_not_show_the_picture() -> None:
    map_of = explained("grad-cam", spot(0.5, 0.5, 4))
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    assert map_png(black, map_of, 1.0, True) == map_png(white, map_of, 1.0, True)
    assert np.array_equal(pixels(map_png(white, map_of, 0.3, True)), overlay(white, map_of.heatmap, 0.3))


def test_the_zip_holds_both_files_of_every_map() -> None:
    base = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    made = [explained("grad-cam++", spot(0.2, 0.5, 4)), explained("occlusion", spot(0.8, 0.5, 16))]
    with zipfile.ZipFile(io.BytesIO(maps_zip(base, made, 0.5, False, '{"a": 1}'))) as archive:
        assert sorted(archive.namelist()) == [
            "grad-cam++-map.png", "grad-cam++-overlay.png", "maps.json", "occlusion-map.png", "occlusion-overlay.png",
            "picture.png",
        ]  # fmt: skip
        assert archive.read("maps.json") == b'{"a": 1}'
        assert np.array_equal(pixels(archive.read("picture.png")), base)
        assert np.array_equal(pixels(archive.read("occlusion-overlay.png")), overlay(base, made[1].heatmap, 0.5, False))
