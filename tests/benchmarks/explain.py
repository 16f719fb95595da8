"""python -m tests.benchmarks.explain: what an explanation costs, as a ratio to the bare forward pass of the same images."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.records import MapRequest
from dashboard.core.models.registry import Registry
from dashboard.core.settings import get_settings
from dashboard.worker.explanations import explaining
from dashboard.worker.models.loading import load

ROUNDS = 15  # of one image; forward pass and explanation take turns, so that both meet the same load
BULK = 256  # images
LAYER_METHODS = [name for name, method in METHODS.items() if method.uses_layer and method.cost == "instant"]


def ratio(work: Callable[[], object], forward: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, after a first call each, and the median of the ratios of neighbouring calls."""
    work(), forward()
    pairs = [(seconds(forward), seconds(work)) for _ in range(rounds)]
    return median(w for _, w in pairs), median(f for f, _ in pairs), median(w / f for f, w in pairs)


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measures the active model."""
    settings = get_settings()
    model = load(Registry(settings.models_dir, settings.model).active())
    p = model.version.preprocessing
    images = np.random.default_rng(0).integers(0, 256, (BULK, p.height, p.width, 3), np.uint8)
    one = images[:1]
    print(f"{model.version.ref}, {p.height}x{p.width}")
    for name in METHODS:
        rounds = ROUNDS if METHODS[name].cost == "instant" else 3
        took, bare, times = ratio(
            lambda name=name: explaining.explain(model, one[0], MapRequest((name,))),
            lambda: model.logits(one),
            rounds,
        )
        print(
            f"{name + ' with prediction, one image':44} {times:6.1f} x forward  ({1000 * took:.1f} / {1000 * bare:.1f} ms)"
        )
    for name in LAYER_METHODS:
        took, bare, times = ratio(
            lambda name=name: explaining.explain_many(model, images, MapRequest((name,))),
            lambda: model.logits(images),
            3,
        )
        rate = f"{BULK / took:,.0f} of {BULK / bare:,.0f} images/s"
        print(f"{f'{name} with prediction, {BULK} images':44} {1 / times:6.0%} of the forward throughput  ({rate})")


if __name__ == "__main__":
    main()
