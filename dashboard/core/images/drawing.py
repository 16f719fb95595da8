"""Encodes pixels as a file, enlarges and shrinks them, and joins pictures into one."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

GRAY = 127  # the colour of what is not there
PAPER, INK = 235, 40  # a light page has higher values, a dark page lower ones
LEAST_LOST = 0.1  # share of the border
SMALL_SPRITE = 64 * 32 * 32 * 3  # numbers


def encode_png(pixels: np.ndarray) -> bytes:
    """Encodes (H, W, 3) uint8 pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def enlarge(pixels: np.ndarray, side: int) -> np.ndarray:
    """Enlarges (H, W, 3) uint8 by a whole factor without smoothing, so that the longer side is about `side`."""
    factor = max(1, round(side / max(pixels.shape[:2])))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def fit_side(pixels: np.ndarray, side: int) -> np.ndarray:
    """Shrinks (H, W, 3) uint8 so that the longer side is at most `side`, or enlarges it as `enlarge` does."""
    if max(pixels.shape[:2]) <= side:
        return enlarge(pixels, side)
    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)  # keeps the proportions
    return np.asarray(picture)


def centred(pixels: np.ndarray, side: int) -> np.ndarray:
    """The picture shrunk or enlarged by `fit_side`, in the middle of a gray square (side, side, 3) uint8."""
    fitted = fit_side(pixels, side)[:side, :side]
    square = np.full((side, side, 3), GRAY, np.uint8)
    top, left = (side - fitted.shape[0]) // 2, (side - fitted.shape[1]) // 2
    square[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted
    return square


def with_edge(pixels: np.ndarray, dark: bool) -> np.ndarray:
    """The picture (H, W, 3) uint8, with a thin gray frame if its border can hardly be told from a light or dark page."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    lost = (border <= INK if dark else border >= PAPER).all(axis=1)
    if lost.mean() < LEAST_LOST:
        return pixels
    framed, width = pixels.copy(), -(-max(pixels.shape[:2]) // 512)
    for edge in (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:]):
        framed[edge] = GRAY
    return framed


def encode_sprite(pixels: np.ndarray) -> tuple[str, bytes]:
    """Encodes (H, W, 3) uint8 pixels as a small file: PNG if they are few, otherwise JPEG. Returns its type, too."""
    if pixels.size <= SMALL_SPRITE:
        return "image/png", encode_png(pixels)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=88)
    return "image/jpeg", buffer.getvalue()


def contact_sheet(tiles: np.ndarray, columns: int, gap: int = 4) -> np.ndarray:
    """Joins many pictures of the same size into one, row by row, with white gaps.

    Args:
        tiles: (N, H, W, 3) uint8, N at least 1.

    Returns:
        (rows * (H + gap) - gap, columns * (W + gap) - gap, 3) uint8; never more columns than tiles.
    """
    count, height, width, _ = tiles.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = (place // columns) * (height + gap), (place % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = tile
    return sheet
