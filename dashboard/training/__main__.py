"""python -m dashboard.training: trains one of our own models and stores it as a new version in models/."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import typer

from dashboard.core.datasets import cifar10_archive
from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.files import sha256_of
from dashboard.core.images.preprocessing import Preprocessing, normalize
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.models.registry import Registry, check_name
from dashboard.core.models.version import ModelVersion
from dashboard.core.settings import HOME, get_settings
from dashboard.core.shell import INSTALLED, ROOT
from dashboard.training.cached import cached
from dashboard.training.recipes import QUICK, RECIPES, Recipe, shape
from dashboard.training.views import Views

DEFAULT = "cifar10-resnet"
SETTLING = 5120  # images on which the means and variances of blended weights are measured
PRECISIONS = ("mixed_bfloat16", "float32")
CHANNEL_MEAN = (0.4914, 0.4822, 0.4465)  # of CIFAR-10's training images
CHANNEL_STD = (0.247, 0.2435, 0.2616)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of a training, in addition to its recipe."""

    data: Path | None  # the CIFAR-10 archive; None: download it
    start_from: str | None  # NAME[@VERSION]: begin with the weights of this version
    precision: str
    name: str | None  # name of the model; None: the recipe's name
    models: Path | None  # models folder; None: the folder that is served
    work: Path  # folder for checkpoints and prepared data


def _photos(images: np.ndarray, preprocessing: Preprocessing, seed: int, cache: Path) -> np.ndarray:
    from dashboard.training.photos import as_photos

    def compute() -> np.ndarray:
        photos = as_photos(
            images,
            preprocessing,
            seed,
            lambda done: print(f"\rPhoto versions: {done:,} of {len(images):,}", end="", flush=True),
        )
        print()
        return photos

    return cached(cache, compute)


def split_holdout(labels: np.ndarray, holdout: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (kept for training, held out). Every class has the same number of held-out images."""
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    held = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[: holdout // len(classes)] for c in classes])
    return np.setdiff1d(np.arange(len(labels)), held), np.sort(held)


def train(recipe: Recipe, args: Options) -> Path:
    """Trains a model by `recipe` and returns the folder of the new version."""
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
    photos = data.images
    if recipe.photo_share:
        cache = args.work / f"photos-2-{checksum[:12]}-{recipe.seed}.npy"
        photos = _photos(data.images, preprocessing, recipe.seed, cache)

    kept, held = split_holdout(data.labels, recipe.holdout, recipe.seed)

    import keras

    from dashboard.training.fit import TrainingData, fit, state_of
    from dashboard.training.targets import Teachers, load_version, smoothed_labels

    targets = smoothed_labels(data.labels[kept], len(CLASS_NAMES), recipe.label_smoothing)
    # everything that identifies a training, because an interrupted training resumes from its checkpoint
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
    from dashboard.training.blending import Tried, blend_best
    from dashboard.training.network import rebuilt
    from dashboard.training.publish import Training, logits_of, publish

    blended: tuple[Tried, ...] = ()
    if recipe.blended and started_from:
        start = load_version(started_from).get_weights()
        # many images are predicted, and in half precision that takes a fraction of the time
        trial = rebuilt(model, args.precision, preprocessing.width, **shape(dataclasses.asdict(recipe)))
        some = np.random.default_rng([recipe.seed, 5]).permutation(kept)[:SETTLING]
        # mostly clean images: statistics of many noisy ones cost accuracy on clean images
        shares = ("chained_share", "resampled_share", "noisy_share")
        gentle = dataclasses.replace(recipe, **{share: getattr(recipe, share) / 4 for share in shares})
        views = Views(gentle, data.images[some], photos[some], targets[:1].repeat(len(some), axis=0))
        blended = blend_best(
            trial,
            lambda images: logits_of(trial, images, preprocessing),
            start,
            normalize(views.of(recipe.epochs)[0], preprocessing),
            data.images[held],
            data.labels[held],
            recipe.most_corrupted_error,
        )
        model.set_weights(trial.get_weights())
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
            blended=blended,
        ),
        holdout=(data.images[held], data.labels[held]),
        test=cifar10_archive.read(archive, "test"),
        folder=registry.root / name,
    )
    shutil.rmtree(checkpoint)  # otherwise the same command would publish this model again
    return version


def _teacher(registry: Registry, reference: str) -> ModelVersion:
    try:
        return registry.get(reference)
    except ModelError as error:
        if error.code != "model_unknown" or reference not in RECIPES:
            raise
        first = f"Train it first: `python -m dashboard.training --recipe {reference}`."
        raise ModelError(error.message, f"{error.fix} {first}", error.code) from error


def _revision() -> str:
    """The revision of this code: a version or a Git commit, with `-dirty` if there are uncommitted changes."""
    if INSTALLED:
        return metadata.version("classifier-dashboard")
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:  # git is not installed
        return "unknown"
    return found.stdout.strip() or "unknown"


def _one_of(value: str, choices: Iterable[str]) -> str:
    if value not in choices:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(choices)}.")
    return value


@app.command()
def main(
    recipe: Annotated[str | None, typer.Option(help=f"One of {', '.join(RECIPES)} (default: {DEFAULT}).")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train to 90% accuracy in under 20 minutes on two cores.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option(help="The CIFAR-10 archive (default: download it into data/downloads).")
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(metavar="NAME[@VERSION]", help="Begin with the weights of this version, to train it further."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of epochs (default: the recipe's).")] = None,
    teachers: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@VERSION]", help="Teacher instead of the recipe's; repeat the option for several."),
    ] = None,
    precision: Annotated[str, typer.Option(help=f"Keras dtype policy: one of {', '.join(PRECISIONS)}.")] = PRECISIONS[
        0
    ],
    name: Annotated[str | None, typer.Option(help="Name of the model in models/ (default: the recipe's).")] = None,
    models: Annotated[
        Path | None, typer.Option(help="Folder to read and write versions (default: the folder that is served).")
    ] = None,
    work: Annotated[Path, typer.Option(help="Folder for checkpoints and prepared data.")] = HOME / ".training",
) -> None:
    """Trains one of our own models and stores it as a new version in models/."""
    if quick and recipe:
        raise typer.BadParameter("Give either --quick or --recipe, not both.")
    chosen = RECIPES[_one_of(QUICK if quick else recipe or DEFAULT, RECIPES)]
    if epochs:
        chosen = dataclasses.replace(chosen, epochs=epochs)
    if teachers:
        chosen = dataclasses.replace(chosen, teachers=tuple(teachers))
    options = Options(data, start_from, _one_of(precision, PRECISIONS), name, models, work)
    try:
        typer.echo(f"Wrote {train(chosen, options)}")
    except DashboardError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as stopped:
        typer.echo("\nStopped. The same command resumes after the last finished epoch.", err=True)
        raise typer.Exit(130) from stopped


if __name__ == "__main__":
    app(prog_name="python -m dashboard.training")
