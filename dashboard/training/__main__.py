"""python -m dashboard.training: trains one of our own models and writes it as a new version into models/."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from dashboard.core.datasets import cifar10_archive
from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.files import sha256_of
from dashboard.core.images.preprocessing import Preprocessing
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.registry import Registry, check_name
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import HOME, INSTALLED, ROOT, get_settings
from dashboard.training.recipes import QUICK, RECIPES, Recipe

CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)  # of CIFAR-10's training images
CHANNEL_STD = (0.247, 0.2435, 0.2616)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboard.training", description=__doc__)
    recipe = parser.add_mutually_exclusive_group()
    recipe.add_argument("--recipe", choices=RECIPES, default="cifar10-resnet")
    recipe.add_argument(
        "--quick", action="store_const", dest="recipe", const=QUICK, help="to 90%% in under 20 minutes on two cores"
    )
    parser.add_argument("--data", type=Path, help="the CIFAR-10 archive (default: download it into data/downloads)")
    parser.add_argument(
        "--start-from",
        metavar="NAME[@VERSION]",
        help="begin with this version's weights, for a further cycle of training",
    )
    parser.add_argument("--epochs", type=_at_least_one, help="instead of the recipe's")
    parser.add_argument("--teachers", nargs="+", metavar="NAME[@VERSION]", help="instead of the recipe's")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="mixed_bfloat16")
    parser.add_argument("--name", help="name of the model in models/ (default: the recipe's)")
    parser.add_argument(
        "--models", type=Path, help="where versions are read and written (default: where they are served from)"
    )
    parser.add_argument("--work", type=Path, default=HOME / ".training", help="checkpoints and prepared data")
    return parser.parse_args()


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return number


def _photos(images: np.ndarray, preprocessing: Preprocessing, seed: int, cache: Path) -> np.ndarray:
    from dashboard.training.photos import as_photos

    if cache.exists():
        return np.load(cache, allow_pickle=False)
    photos = as_photos(
        images,
        preprocessing,
        seed,
        lambda done: print(f"\rPhoto versions: {done:,} of {len(images):,}", end="", flush=True),
    )
    print()
    cache.parent.mkdir(parents=True, exist_ok=True)
    part = cache.with_suffix(".part.npy")
    np.save(part, photos)
    part.replace(cache)
    return photos


def split_holdout(labels: np.ndarray, holdout: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept for training, held out), the held-out ones the same number from each class."""
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    held = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[: holdout // len(classes)] for c in classes])
    return np.setdiff1d(np.arange(len(labels)), held), np.sort(held)


def train(recipe: Recipe, args: argparse.Namespace) -> Path:
    """Trains by `recipe` and returns the folder of the new version."""
    settings, revision = get_settings(), _revision()
    name: str = args.name or recipe.name
    check_name(name)
    registry = Registry(args.models) if args.models else Registry.of(settings)
    started_from = registry.get(args.start_from) if args.start_from else None
    teaching = [_teacher(registry, reference) for reference in recipe.teachers]
    archive: Path = args.data or cifar10_archive.download(settings.downloads_dir)
    data = cifar10_archive.read(archive, "train")
    checksum = sha256_of(archive)
    preprocessing = Preprocessing(32, 32, mean=CHANNEL_MEAN, std=CHANNEL_STD)
    photos = _photos(data.images, preprocessing, recipe.seed, args.work / f"photos-2-{checksum[:12]}-{recipe.seed}.npy")

    kept, held = split_holdout(data.labels, recipe.holdout, recipe.seed)

    import keras

    from dashboard.training.fit import TrainingData, fit, state_of
    from dashboard.training.targets import Teachers, load_version, smoothed_labels

    targets = smoothed_labels(data.labels[kept], len(CLASS_NAMES), recipe.label_smoothing)
    # whatever makes it another training, for it is taken up from there
    what = [dataclasses.asdict(recipe), args.precision, checksum, *(v.sha256 for v in (started_from, *teaching) if v)]
    checkpoint = args.work / f"{recipe.name}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}"
    keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(args.precision)
    model = fit(
        recipe,
        TrainingData(preprocessing, data.images[kept], photos[kept], targets),
        checkpoint,
        verbose=1 if sys.stderr.isatty() else 2,
        start=load_version(started_from) if started_from else None,
        teachers=Teachers(teaching, args.precision) if teaching else None,
    )
    from dashboard.training.publish import Training, publish

    version = publish(
        model,
        Training(
            recipe,
            preprocessing,
            args.precision,
            checksum,
            started_from,
            tuple(teaching),
            backend=state_of(checkpoint)["backend"],
            code_revision=revision,
        ),
        holdout=(data.images[held], data.labels[held]),
        test=cifar10_archive.read(archive, "test"),
        folder=registry.root / name,
    )
    shutil.rmtree(checkpoint)  # or the same command would publish it once more
    return version


def _teacher(registry: Registry, reference: str) -> ModelVersion:
    try:
        return registry.get(reference)
    except ModelError as error:
        if error.code != "model_unknown" or reference not in RECIPES:
            raise
        first = f"Train it first, with `python -m dashboard.training --recipe {reference}`."
        raise ModelError(error.message, f"{error.fix} {first}", error.code) from error


def _revision() -> str:
    """Of this code, with `-dirty` where it was changed since."""
    if INSTALLED:
        return metadata.version("classifier-dashboard")
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:  # there is no git
        return "unknown"
    return found.stdout.strip() or "unknown"


def main() -> int:
    """Returns the exit code."""
    args = _arguments()
    recipe = RECIPES[args.recipe]
    if args.epochs:
        recipe = dataclasses.replace(recipe, epochs=args.epochs)
    if args.teachers:
        recipe = dataclasses.replace(recipe, teachers=tuple(args.teachers))
    try:
        print(f"Wrote {train(recipe, args)}")
    except DashboardError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from the last finished epoch.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
