"""What an image of an evaluation costs besides the model's arithmetic: `python -m tests.benchmarks.image_cost`.

Prints a Markdown table of processor time an image, for small PNG files in a ZIP and for photographs (JPEG, 2 megapixels).
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from dashboard.core.datasets.opening import open_dataset
from dashboard.core.evaluation.chunk_rows import chunk_rows
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.images.decoding import decode_image
from dashboard.core.images.model_input import enough_pixels
from dashboard.core.images.preprocessing import fit_image, normalize
from dashboard.core.images.properties import properties_of
from dashboard.core.images.thumbnails import make_thumbnail
from dashboard.core.models.prediction import ChunkAnswers
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import new_run_id
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import CHUNK_SIZE, get_settings
from tests.benchmarks.evaluate import make_zip
from tests.conftest import encoded, picture

T = TypeVar("T")
SMALL, PHOTOS = 4096, 64
PHOTO = (1600, 1200)


def photos(path: Path, n: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for i in range(n):
            archive.writestr(f"cat/{i}.jpg", encoded(picture(i, *PHOTO), "JPEG", quality=90))
    return path


def costs(path: Path, version: ModelVersion) -> dict[str, float]:
    """Milliseconds of processor time an image, by stage."""
    recipe, found = version.preprocessing, {}
    dataset = open_dataset(path)
    n = len(dataset.samples)

    def timed(stage: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        result = work()
        found[stage] = 1000 * (time.process_time() - start) / n
        return result

    files = timed("read from the ZIP", lambda: [dataset.file(i) for i in range(n)])
    decoded = timed("decode", lambda: [decode_image(file, enough_pixels(recipe)) for file in files])
    properties_of(decoded[0])  # imports what it needs
    timed("properties", lambda: [properties_of(image) for image in decoded])
    inputs = timed("fit to the model", lambda: [fit_image(image.pixels, recipe) for image in decoded])
    timed("scale", lambda: [normalize(np.stack(inputs[i : i + CHUNK_SIZE]), recipe) for i in range(0, n, CHUNK_SIZE)])
    timed("thumbnail", lambda: [make_thumbnail(image, recipe) for image in inputs])
    store = RunStore(path.parent / f"runs of {path.name}")
    manifest = begin_run(plan_run(path, version), store, CHUNK_SIZE, new_run_id()).manifest
    rng = np.random.default_rng(0)
    k = len(version.class_names)

    def rows() -> None:
        for i in range(0, n, CHUNK_SIZE):
            samples = [dataset.samples[j] for j in range(i, min(n, i + CHUNK_SIZE))]
            probs = rng.dirichlet(np.ones(k), len(samples))
            answers = ChunkAnswers(np.arange(len(samples)), np.log(probs).astype(np.float32), probs, {}, None)
            chunk_rows(samples, answers, manifest)

    timed("row", rows)
    return found


def main() -> None:
    """Prints the table."""
    settings = get_settings()
    version = Registry(settings.models_dir, settings.model).get("")
    p = version.preprocessing
    with tempfile.TemporaryDirectory() as folder:
        small = costs(make_zip(Path(folder) / "small.zip", SMALL, p.height, p.width), version)
        large = costs(photos(Path(folder) / "photos.zip", PHOTOS), version)
    print(f"| processor time an image, ms | PNG of {p.width} x {p.height} | JPEG of {PHOTO[0]} x {PHOTO[1]} |")
    print("|---|---|---|")
    for stage, milliseconds in small.items():
        print(f"| {stage} | {milliseconds:.3f} | {large[stage]:.3f} |")
    print(f"| together | {sum(small.values()):.3f} | {sum(large.values()):.3f} |")


if __name__ == "__main__":
    main()
