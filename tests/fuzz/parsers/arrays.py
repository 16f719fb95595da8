"""NumPy arrays: images, and predictions made elsewhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from tests.fuzz.parser import Parser
from tests.fuzz.parsers.archives import reader
from tests.fuzz.structured import npy_header, raw, zip_headers, zip_members, zip_stream

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """An .npy file."""
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    return out.getvalue()


def npz(compressed: bool, **arrays: np.ndarray) -> bytes:
    """An .npz file."""
    out = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def _npy() -> list[bytes]:
    return [npy(IMAGES), npy(IMAGES[..., 0], (2, 0)), npy(np.asfortranarray(IMAGES))]


def _npz() -> list[bytes]:
    names = np.array(["cat", "dog", "ant"])
    return [
        npz(False, images=IMAGES, labels=np.arange(3)), npz(True, x_test=IMAGES, y_test=names),
        npz(True, x_train=IMAGES, y_train=names, x_test=IMAGES, y_test=names),
    ]  # fmt: skip


PARSERS: Sequence[Parser] = (
    Parser("npy", _npy, reader("x.npy"), (npy_header, npy_header)),
    Parser(
        "npz", _npz, reader("x.npz"), (zip_members((raw, npy_header)), zip_headers, zip_stream),
        covered=lambda seed: (0, len(seed)),
    ),
)  # fmt: skip
