"""Adds an external model file to the registry. Only an operator does this; `worker.adding.inspecting` checks it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.core.clock import utc_now
from dashboard.core.errors import ModelError, listed
from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.preprocessing import SCALINGS, ColorMode, Fit, Preprocessing, Resample
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_names import HOW_TO_NAME, check_class_names
from dashboard.core.labels.matching import match_labels
from dashboard.core.models.facts import default_layer, left_out_in_words
from dashboard.core.models.foreign import ForeignModel, ForeignModelFacts
from dashboard.core.models.model_files import take_model
from dashboard.core.models.quarantine import Quarantine
from dashboard.core.models.registry import Registry, check_name, not_written
from dashboard.core.models.samples import keep_samples, labelled_samples, read_samples
from dashboard.core.models.scalings import check_colors, choose_scaling, scaled, try_others
from dashboard.core.models.self_test import LabelledFile, SelfTest, best_of, self_test
from dashboard.core.models.version import RECORD, WEIGHTS, ModelVersion, to_record
from dashboard.core.settings import WORKER_START_S

BASE_MEMORY_BYTES = 3 * 2**30  # in addition to TensorFlow itself; the activations of a ResNet50 take 2 GB
MEMORY_PER_FILE_BYTE = 8  # Keras holds several copies of the weights while it loads and saves them


def read_input_size(argument: str) -> tuple[int, int]:
    """(height, width) from `HxW`. Raises ModelError."""
    height, _, width = argument.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ModelError(f"{argument!r} is not an input size.", "Give height x width, for example 224x224.", "choice")
    return (int(height), int(width))


@dataclass(frozen=True)
class NewModel:
    """An external model file, and what its owner knows about it."""

    file: Path  # .keras, .h5, a SavedModel folder, or a ZIP or folder that holds one of these
    name: str  # name of the model; an existing name gets a new version
    class_names: Sequence[str] | None = None  # in the order of the outputs; None: see `add_model`
    scaling: str | None = None  # a name in SCALINGS; None: told by the model's layers or by the samples
    fit: Fit = "stretch"
    color: ColorMode | None = None  # None: chosen by the number of channels
    input_size: tuple[int, int] | None = None  # height, width; for a model that accepts any size
    memory_bytes: int | None = None  # limit for loading, in addition to TensorFlow; None: by the file's size
    output: str | None = None  # name of the output with the classes, of a model with several
    samples: Path | None = None  # a dataset of labelled pictures to try it on; None: those that come with the dashboard
    resample: Resample = "lanczos"


def add_model(
    new: NewModel,
    registry: Registry,
    samples: Path | None = None,
    pixel_methods: Sequence[str] = (),
    worker_start_s: float = WORKER_START_S,
) -> ModelVersion:
    """Adds a model file as the next version of its name. The registry gets the complete version or nothing.

    The file is loaded in a separate worker process. On Linux the memory of this process is limited.
    If no class names are given, they are read from a file beside the model. Without one, a colour model with ten outputs
    gets CIFAR-10's names if it is better than guessing on the samples.

    Args:
        samples: a folder of labelled samples, CLASS/*.png, to try the model on if `new.samples` is None.
        pixel_methods: names of the explanation methods that need no layer; they appear in a note.
        worker_start_s: how long the worker process may take to start.

    Returns:
        The new version. `provenance["notes"]` lists what was assumed and found.

    Raises:
        ModelError: the file is not an image classifier that can be served, or a required value was not given.
        DatasetError: `new.samples` cannot be read.
        DependencyError, WorkerError: TensorFlow cannot start.
    """
    name, file = new.name, new.file
    check_name(name)
    if new.scaling is not None:
        _check_color(new.color, scaled(Preprocessing(1, 1), new.scaling).color, new.scaling)
    check_class_names(new.class_names or ())
    labelled = labelled_samples(new.samples) if new.samples else read_samples(samples) if samples else []
    try:
        with registry.adding() as folder:
            original = folder / "original"
            taken = take_model(file, original, read_names=new.class_names is None)
            limit = new.memory_bytes or BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * taken.n_bytes
            order = ForeignModel(original, file.name, folder / WEIGHTS, new.input_size, new.color, limit, new.output)
            with Quarantine(order, worker_start_s) as quarantine:
                facts = quarantine.inspect()
                told = "you gave" if new.class_names else "the file with the names beside it has"
                names = choose_class_names(new.class_names or taken.class_names, facts, file.name, told)
                check_class_names(names or ())
                height, width, _ = facts.input_shape
                unscaled = Preprocessing(height, width, new.fit, facts.color, resample=new.resample)
                preprocessing = scaled(unscaled, new.scaling or facts.scaling or next(iter(SCALINGS)))
                number = registry.next_version(name)
                version = ModelVersion(
                    name, number, folder, names or CLASS_NAMES, preprocessing, facts.output, sha256_of(order.converted)
                )
                served = quarantine.describe(version)
                tests = _try_scalings(version, labelled, quarantine, new.samples, names is not None)
                turned = _in_other_order(version, labelled, quarantine) if tests else {}
            naming = () if names else _assumed_names(tests, file.name)
            scaling, choice = _choose(new, facts, tests, turned)
            notes = [*taken.notes, *naming, *choice, *facts.notes]
            layers = served.conv_layers
            if layers:
                default = default_layer(layers)
                left_out = left_out_in_words(default.unseen, default.is_reused, pixel_methods or ("occlusion",))
                if left_out:
                    notes.append(f"Maps are made from the layer {default.name} if no other is chosen. {left_out}")
            if not layers:
                methods = ", ".join(pixel_methods) or "such as occlusion"
                notes.append(
                    "The model has no layer whose numbers form a grid over the whole picture. "
                    f"Only methods that need no layer can explain it ({methods})."
                )
            provenance = {
                "original_file": file.name,
                "original_sha256": taken.sha256,
                "original_bytes": taken.n_bytes,
                "added_utc": utc_now(),
                "keras": facts.keras_version,
                "notes": notes,
            }
            version = replace(version, preprocessing=scaled(unscaled, scaling), provenance=provenance)
            write_json(folder / RECORD, to_record(version))
            if new.samples:
                keep_samples(folder, labelled)
            _remove(original)
            return registry.get(f"{name}@{registry.add(folder, name)}")
    except OSError as error:
        raise not_written(registry, error) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _try_scalings(
    version: ModelVersion, samples: Sequence[LabelledFile], quarantine: Quarantine, given: Path | None, named: bool
) -> dict[str, SelfTest]:
    """The self-test per scaling. Empty if there are no samples of the model's classes.

    Args:
        given: where the samples are from, if they were given on purpose.
        named: False: the class names are unknown, and those of the version are CIFAR-10's.

    Raises:
        ModelError: samples were given on purpose, and their labels are not classes of the model.
    """
    unknown = match_labels((s.label for s in samples), version.class_names).unknown
    if unknown and given and not named:
        raise ModelError(
            f"The names of the model's {len(version.class_names)} classes are unknown. They are not CIFAR-10's, since "
            f"{given.name} has other labels: {listed(unknown)}.",
            HOW_TO_NAME, "class_names",
        )  # fmt: skip
    if unknown and given:
        raise ModelError(
            f"{given.name} has labels that are not classes of the model: {listed(unknown)}.",
            f"Give a folder with pictures of its classes alone: {listed(version.class_names)}.", "class_names",
        )  # fmt: skip
    if not samples or unknown:
        return {}
    return _tests(version, samples, quarantine)


def _in_other_order(
    version: ModelVersion, samples: Sequence[LabelledFile], quarantine: Quarantine
) -> dict[str, SelfTest]:
    """The self-test per scaling with red and blue exchanged; without scalings that have an order of their own."""
    mine = version.preprocessing
    if mine.color == "grayscale" or SCALINGS[mine.scaling_name].color:
        return {}
    turned = replace(version, preprocessing=replace(mine, color="rgb" if mine.color == "bgr" else "bgr"))
    tests = _tests(turned, samples, quarantine)
    return {name: test for name, test in tests.items() if not SCALINGS[name].color}


def _tests(version: ModelVersion, samples: Sequence[LabelledFile], quarantine: Quarantine) -> dict[str, SelfTest]:
    """The self-test with the scaling of the version, and with each other one that works for it, by scaling."""
    first = self_test(version, samples, quarantine.predict)
    return {version.preprocessing.scaling_name: first, **try_others(version, samples, quarantine.predict)}


def _choose(
    new: NewModel, facts: ForeignModelFacts, tests: Mapping[str, SelfTest], turned: Mapping[str, SelfTest]
) -> tuple[str, tuple[str, ...]]:
    """As `choose_scaling`, but with a look at the order of colours, too. Raises ModelError.

    Args:
        turned: see `_in_other_order`.
    """
    what = new.file.name
    try:
        scaling, notes = choose_scaling(new.scaling, facts.scaling, facts.told_by, tests, what, facts.input_shape[2])
    except ModelError as error:
        if error.code == "scaling_unknown" and tests:
            check_colors(new.color, best_of(tests), tests, turned, what)
        raise
    if scaling not in tests:
        return scaling, notes
    if new.scaling or facts.scaling:
        turned = {name: test for name, test in turned.items() if name == scaling}
    return scaling, (*notes, *check_colors(new.color, scaling, tests, turned, what))


def _check_color(given: ColorMode | None, needed: ColorMode, scaling: str) -> None:
    """Raises ModelError if the order of colours that was given is not the one that belongs to the scaling."""
    if given == "rgb" and needed == "bgr":
        raise ModelError(
            f"The scaling {scaling} takes the colours in the order blue, green, red, which does not fit --color rgb.",
            "Leave out --color. If the model was trained with red, green, blue and the mean of each channel was subtracted, "
            "put that into it as its first layer, keras.layers.Normalization, and add that model with --color rgb.",
            "bad_scaling",
        )


def _assumed_names(tests: Mapping[str, SelfTest], what: str) -> tuple[str, ...]:
    """The note on CIFAR-10's names, which were not given. Raises ModelError unless the samples speak for them."""
    best = max(tests.values(), key=lambda test: test.right, default=None)
    if best is None or not best.better_than_guessing():
        found = f" CIFAR-10's were tried: {best.right} of {best.accuracy.n} samples right." if best else ""
        raise ModelError(f"{what} has 10 classes, but their names are unknown.{found}", HOW_TO_NAME, "class_names")
    return (
        f"No class names were given. CIFAR-10's are assumed ({', '.join(CLASS_NAMES)}): with them it is right for "
        f"{best.right} of {best.accuracy.n} samples.",
    )


def choose_class_names(
    given: Sequence[str] | None, facts: ForeignModelFacts, what: str, told: str = "you gave"
) -> tuple[str, ...] | None:
    """One name per class; None if CIFAR-10's may be assumed. Raises ModelError.

    Args:
        told: where the names are from, for messages.
    """
    wanted = 2 if facts.outputs == 1 else facts.outputs
    if given is None:
        if wanted == len(CLASS_NAMES) and facts.input_shape[2] == 3:
            return None
        raise ModelError(f"{what} has {wanted} classes, but their names are unknown.", HOW_TO_NAME, "class_names")
    if len(given) != wanted:
        raise ModelError(f"{what} has {wanted} classes, but {told} {len(given)} names.", HOW_TO_NAME, "class_names")
    if wanted < 2:
        raise ModelError(f"{what} has only one class.", "A classifier needs at least two.", "class_names")
    return tuple(given)
