"""Training images as users have them: enlarged, JPEG-compressed, and shrunk again by the serving pipeline."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from dashboard.core.model_input import read_model_input
from dashboard.core.preprocessing import Preprocessing


def as_photo(image: np.ndarray, factor: int, quality: int, recipe: Preprocessing) -> np.ndarray:
    """One (S, S, 3) uint8 image enlarged `factor` times, JPEG of the given quality, then read as for serving."""
    side = image.shape[0] * factor
    buffer = io.BytesIO()
    Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return read_model_input(buffer.getvalue(), recipe)


def as_photos(
    images: np.ndarray, recipe: Preprocessing, seed: int, on_progress: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """Every image as a photo with a factor of 2 to 8 and a quality of 50 to 95, drawn from `seed`. Same shape back."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(2, 9, len(images))
    qualities = rng.integers(50, 96, len(images))
    out = np.empty_like(images)

    def convert(i: int) -> None:
        out[i] = as_photo(images[i], int(factors[i]), int(qualities[i]), recipe)

    with ThreadPoolExecutor() as pool:  # Pillow releases the interpreter lock
        for done, _ in enumerate(pool.map(convert, range(len(images))), start=1):
            if done % 500 == 0:
                on_progress(done)
    return out
