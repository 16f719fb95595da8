"""What a photograph of 12 megapixels costs before the model sees it: `python -m tests.benchmarks.photos [PHOTOS]`.

The same JPEG files are read as evaluations read them, at a reduced scale, and in full; both take turns, so that both meet
the same load. Ten different photographs are made up and read again and again.
"""

from __future__ import annotations

import io
import sys
import time
from statistics import median

import numpy as np
from PIL import Image

from dashboard.core.images import decode_image
from dashboard.core.model_input import read_model_input
from dashboard.core.preprocessing import Preprocessing, fit_image

SIZE = (4000, 3000)  # pixels, 12 megapixels
DIFFERENT = 10
RECIPE = Preprocessing(32, 32)


def photograph(seed: int) -> bytes:
    """A JPEG of quality 90 with large shapes and a camera's noise."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    grain = rng.normal(0, 6, (SIZE[1], SIZE[0], 1)).astype(np.float32)
    buffer = io.BytesIO()
    Image.fromarray((np.asarray(shapes) + grain).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def main() -> None:
    """Prints milliseconds a photograph both ways, and how many times as fast the reduced scale is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    photos = [photograph(seed) for seed in range(DIFFERENT)]
    reduced, full = [], []
    for i in range(count):
        data = photos[i % DIFFERENT]
        start = time.perf_counter()
        seen = read_model_input(data, RECIPE)
        middle = time.perf_counter()
        wanted = fit_image(decode_image(data).pixels, RECIPE)
        full.append(time.perf_counter() - middle)
        reduced.append(middle - start)
        assert np.abs(seen.astype(int) - wanted).mean() < 3, "the model would see another picture"
    ratio = sum(full) / sum(reduced)
    size = sum(map(len, photos)) / DIFFERENT / 1e6
    print(
        f"{count:,} photographs of 12 megapixels ({size:.1f} MB): {1000 * median(reduced):.1f} ms each at a reduced scale, "
        f"{1000 * median(full):.1f} ms in full: {ratio:.1f} times as fast"
    )


if __name__ == "__main__":
    main()
