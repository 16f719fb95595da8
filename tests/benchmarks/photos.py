"""What a photograph of 12 megapixels costs before the model sees it: `python -m tests.benchmarks.photos [PHOTOS]`.

The same JPEG files are read as evaluations read them, at a reduced scale, and in full; both take turns, so that both meet
the same load. Twelve photographs are made up, from hardly any of a camera's noise to that of a dark room, and read again
and again: what cannot be left out is unpacking the file, and noise makes it large.
"""

from __future__ import annotations

import io
import sys
import time

import numpy as np
import pandas as pd
from PIL import Image

from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import read_model_input
from dashboard.core.images.preprocessing import Preprocessing, fit_image

SIZE = (4000, 3000)  # pixels, 12 megapixels
GRAINS = (1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6)  # standard deviation of the noise, of 255
RECIPE = Preprocessing(32, 32)


def photograph(seed: int, grain: float) -> bytes:
    """A JPEG of quality 90 with large shapes and a camera's noise."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    noise = rng.normal(0, grain, (SIZE[1], SIZE[0], 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray((np.asarray(shapes) + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main() -> None:
    """Prints milliseconds a photograph both ways, and how many times as fast the reduced scale is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    photos = [photograph(seed, grain) for seed, grain in enumerate(GRAINS)]
    rows = []
    for i in range(count):
        data = photos[i % len(photos)]
        start = time.perf_counter()
        seen = read_model_input(data, RECIPE)
        middle = time.perf_counter()
        wanted = fit_image(decode_image(data).pixels, RECIPE)
        rows.append((len(data) / 1e6, GRAINS[i % len(photos)], middle - start, time.perf_counter() - middle))
        assert np.abs(seen.astype(int) - wanted).mean() < 3, "the model would see another picture"
    table = pd.DataFrame(rows, columns=["MB", "grain", "reduced", "full"])
    for grain, same in [*table.groupby("grain"), ("all", table)]:
        print(
            f"grain {grain}: {len(same):,} photographs of 12 megapixels, {same['MB'].mean():.1f} MB: "
            f"{1000 * same['reduced'].median():.1f} ms each at a reduced scale, {1000 * same['full'].median():.1f} ms "
            f"in full: {same['full'].sum() / same['reduced'].sum():.1f} times as fast"
        )


if __name__ == "__main__":
    main()
