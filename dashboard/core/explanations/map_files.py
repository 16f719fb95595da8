"""The files of maps that can be downloaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

import numpy as np

from dashboard.core.explanations.overlay import overlay
from dashboard.core.explanations.records import Explanation
from dashboard.core.images.drawing import encode_png


def map_png(base: np.ndarray, explanation: Explanation, opacity: float, smooth: bool) -> bytes:
    """A heatmap over the picture `base` (H, W, 3) uint8 as a PNG file; an opacity of 1 shows the heatmap alone."""
    return encode_png(overlay(base, explanation.heatmap, opacity, smooth))


def maps_zip(base: np.ndarray, explanations: Sequence[Explanation], opacity: float, smooth: bool, record: str) -> bytes:
    """A ZIP file with the picture, two PNG files for each map, alone and over the picture, and the scores.

    Args:
        base: the picture under the maps, (H, W, 3) uint8.
        opacity: of the maps over the picture, in [0, 1].
        record: JSON text with the scores.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("picture.png", encode_png(base))
        for each in explanations:
            archive.writestr(f"{each.method}-map.png", map_png(base, each, 1.0, smooth))
            archive.writestr(f"{each.method}-overlay.png", map_png(base, each, opacity, smooth))
        archive.writestr("maps.json", record)
    return out.getvalue()
