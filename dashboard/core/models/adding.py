"""Adds an external model file to the registry. Only an operator does this; `worker.adding.inspecting` checks it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.core.clock import utc_now
from dashboard.core.errors import ModelError
from dashboard.core.files import sha256_of, write_json
from dashboard.core.images.preprocessing import ColorMode, Fit, Preprocessing
from dashboard.core.labels.cifar10 import CLASS_NAMES
from dashboard.core.labels.class_names import HOW_TO_NAME, check_class_names
from dashboard.core.labels.matching import match_labels
from dashboard.core.models.foreign import ForeignModel, ForeignModelFacts
from dashboard.core.models.quarantine import Quarantine
from dashboard.core.models.registry import Registry, check_name
from dashboard.core.models.scalings import choose_scaling, first_scaling, scaled, try_others
from dashboard.core.models.self_test import SelfTest, read_samples, self_test
from dashboard.core.models.version import RECORD, WEIGHTS, ModelVersion, to_record
from dashboard.core.settings import WORKER_START_S

MAX_FILE_BYTES = 4 * 2**30
BASE_MEMORY_BYTES = 3 * 2**30  # in addition to TensorFlow itself; the activations of a ResNet50 take 2 GB
MEMORY_PER_FILE_BYTE = 8  # Keras holds several copies of the weights while it loads and saves them
_BLOCK_BYTES = 2**20
_STARTS = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n")  # the first bytes of .keras and .h5 files
_HOW_TO_SAVE = 'Save the whole Keras model as one file, `model.save("x.keras")`, then add that file.'


def read_input_size(argument: str) -> tuple[int, int]:
    """(height, width) from `HxW`. Raises ModelError."""
    height, _, width = argument.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ModelError(
            f"{argument!r} is not an input size.", "Give height x width, for example 224x224.", "input_size"
        )
    return (int(height), int(width))


@dataclass(frozen=True)
class NewModel:
    """An external model file, and what its owner knows about it."""

    file: Path  # .keras or .h5
    name: str  # name of the model; an existing name gets a new version
    # in the order of the outputs; None: CIFAR-10's names if the model takes colour and has ten outputs
    class_names: Sequence[str] | None = None
    scaling: str | None = None  # a name in SCALINGS; None: chosen by the model's layers and the samples
    fit: Fit = "stretch"
    color: ColorMode | None = None  # None: chosen by the number of channels
    input_size: tuple[int, int] | None = None  # height, width; for a model that accepts any size
    memory_bytes: int | None = None  # limit for loading, in addition to TensorFlow; None: by the file's size


def add_model(
    new: NewModel,
    registry: Registry,
    samples: Path | None = None,
    pixel_methods: Sequence[str] = (),
    worker_start_s: float = WORKER_START_S,
) -> ModelVersion:
    """Adds a model file as the next version of its name. The registry gets the complete version or nothing.

    The file is loaded in a separate worker process. On Linux the memory of this process is limited.
    If no scaling is given, a model that scales its input itself gets raw pixels, and any other model gets 1/255, unless
    another scaling is clearly better on the samples.

    Args:
        samples: a folder of labelled samples to try the scalings on, CLASS/*.png.
        pixel_methods: names of the explanation methods that need no layer; they appear in a note.
        worker_start_s: how long the worker process may take to start.

    Returns:
        The new version. `provenance["notes"]` lists what was assumed and found.

    Raises:
        ModelError: the file is not an image classifier that can be served, or a required value was not given.
        DependencyError, WorkerError: TensorFlow cannot start.
    """
    name, file, scaling = new.name, new.file, new.scaling
    check_name(name)
    if scaling is not None:
        scaled(Preprocessing(1, 1), scaling)
    check_class_names(new.class_names or ())
    try:
        with registry.adding() as folder:
            original = folder / "original"
            sha256 = _copy(file, original)
            size = original.stat().st_size
            limit = new.memory_bytes or BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * size
            order = ForeignModel(original, file.name, folder / WEIGHTS, new.input_size, new.color, limit)
            with Quarantine(order, worker_start_s) as quarantine:
                facts = quarantine.inspect()
                names, naming = choose_class_names(new.class_names, facts, file.name)
                height, width, _ = facts.input_shape
                preprocessing = scaled(
                    Preprocessing(height, width, new.fit, facts.color), scaling or first_scaling(facts.scales_itself)
                )
                number = registry.next_version(name)
                version = ModelVersion(
                    name, number, folder, names, preprocessing, facts.output, sha256_of(order.converted)
                )
                served = quarantine.describe(version)
                tests = _try_scalings(version, samples, quarantine) if samples else {}
            scaling, choice = choose_scaling(scaling, facts.scales_itself, tests)
            notes = [*naming, *choice, *facts.notes]
            if not served.conv_layers:
                listed = ", ".join(pixel_methods) or "such as occlusion"
                notes.append(
                    "The model has no convolutional layer with a grid. "
                    f"Only methods that need no layer can explain it ({listed})."
                )
            provenance = {
                "original_file": file.name,
                "original_sha256": sha256,
                "original_bytes": size,
                "added_utc": utc_now(),
                "keras": facts.keras_version,
                "notes": notes,
            }
            version = replace(version, preprocessing=scaled(preprocessing, scaling), provenance=provenance)
            write_json(folder / RECORD, to_record(version))
            for left in (original, original.with_suffix(".h5")):
                left.unlink(missing_ok=True)
            return registry.get(f"{name}@{registry.add(folder, name)}")
    except OSError as error:
        raise _not_written(registry, error) from error


def _try_scalings(version: ModelVersion, folder: Path, quarantine: Quarantine) -> dict[str, SelfTest]:
    """The self-test per scaling. Empty if there are no samples or if a label is not a class of the model."""
    samples = read_samples(folder)
    if not samples or match_labels((s.label for s in samples), version.class_names).unknown:
        return {}
    first = self_test(version, samples, quarantine.predict)
    return {version.preprocessing.scaling_name: first, **try_others(version, samples, quarantine.predict)}


def _not_written(registry: Registry, error: OSError) -> ModelError:
    return ModelError(
        f"The model cannot be written to {registry.root}: {error.strerror or error}.",
        "Free some space or check the folder's permissions.", "storage",
    )  # fmt: skip


def _copy(file: Path, target: Path) -> str:
    """Copies the file and returns its SHA-256. Thanks to the copy, the checked file is also the loaded file."""
    if file.is_dir():
        raise ModelError(f"{file} is a folder, perhaps a TensorFlow SavedModel.", _HOW_TO_SAVE, "model_format")
    digest, done = hashlib.sha256(), 0
    try:
        source = file.open("rb")
    except OSError as error:
        raise ModelError(
            f"{file} cannot be read: {error.strerror or error}.", "Check the path.", "model_missing"
        ) from error
    with source, target.open("wb") as copy:
        while block := source.read(_BLOCK_BYTES):
            if not done and not block.startswith(_STARTS):
                raise ModelError(f"{file.name} is neither a .keras nor an .h5 file.", _HOW_TO_SAVE, "model_format")
            done += len(block)
            if done > MAX_FILE_BYTES:
                raise ModelError(
                    f"{file.name} is larger than {MAX_FILE_BYTES // 2**30} GB.",
                    "Save the model without its optimizer.",
                    "too_large",
                )
            digest.update(block)
            copy.write(block)
    if not done:
        raise ModelError(f"{file.name} is empty.", _HOW_TO_SAVE, "model_damaged")
    return digest.hexdigest()


def choose_class_names(
    given: Sequence[str] | None, facts: ForeignModelFacts, what: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One name per class, and notes on what was assumed. Raises ModelError."""
    wanted = 2 if facts.outputs == 1 else facts.outputs
    if given is None:
        if wanted == len(CLASS_NAMES) and facts.input_shape[2] == 3:
            return CLASS_NAMES, (f"No class names were given. CIFAR-10's are assumed: {', '.join(CLASS_NAMES)}.",)
        raise ModelError(f"{what} has {wanted} classes, but their names are unknown.", HOW_TO_NAME, "class_names")
    if len(given) != wanted:
        raise ModelError(f"{what} has {wanted} classes, but {len(given)} names were given.", HOW_TO_NAME, "class_names")
    if wanted < 2:
        raise ModelError(f"{what} has only one class.", "A classifier needs at least two.", "class_names")
    return tuple(given), ()
