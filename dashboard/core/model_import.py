"""Adding a model file from elsewhere to the registry. Only an operator does this; see `worker.new_model` for the checks."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.core.cifar10 import CLASS_NAMES
from dashboard.core.datasets import open_dataset
from dashboard.core.errors import ModelError, WorkerError
from dashboard.core.files import sha256_of, write_json
from dashboard.core.labels import match_labels
from dashboard.core.preprocessing import SCALINGS, ColorMode, Fit, Preprocessing
from dashboard.core.records import ForeignModel, ForeignModelFacts
from dashboard.core.registry import RECORD, WEIGHTS, ModelVersion, Registry, check_name, to_record
from dashboard.core.worker_pool import WorkerPool

MAX_FILE_BYTES = 4 * 2**30
BASE_MEMORY_BYTES = 3 * 2**30  # beyond TensorFlow itself; the activations of a ResNet50 take 2 GB
MEMORY_PER_FILE_BYTE = 8  # Keras holds several copies of the weights while it loads and saves them
TASK_S = 600.0
CLEARLY = 0.05  # one-sided sign test between two scalings
_BLOCK_BYTES = 2**20
_STARTS = (b"PK\x03\x04", b"\x89HDF\r\n\x1a\n")  # of .keras and .h5 files
_HOW_TO_SAVE = 'Save the whole Keras model as one file, `model.save("x.keras")`, then add that.'
_HOW_TO_NAME = "Give them in the order of the outputs: --class-names a,b,c or --class-names names.txt (one a line)."


def scaled(recipe: Preprocessing, scaling: str) -> Preprocessing:
    """The recipe with one of SCALINGS. Raises ModelError for another name, or one that does not fit the channels."""
    if scaling not in SCALINGS:
        raise ModelError(f"There is no scaling {scaling!r}.", f"Choose one of: {', '.join(SCALINGS)}.", "bad_scaling")
    scale, mean, std = SCALINGS[scaling]
    return replace(recipe, scale=scale, mean=mean, std=std)


def read_class_names(argument: str) -> tuple[str, ...]:
    """Class names from `a,b,c`, or from a text file with one a line. Raises ModelError when the file cannot be read."""
    path = Path(argument)
    if not path.is_file() and path.suffix not in (".txt", ".csv"):
        return tuple(name.strip() for name in argument.split(",") if name.strip())
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"The class names cannot be read from {path}: {error}.",
            "Give a UTF-8 text file, one name a line.",
            "class_names",
        ) from error
    return tuple(line.strip() for line in lines if line.strip())


def read_input_size(argument: str) -> tuple[int, int]:
    """(height, width) from `HxW`. Raises ModelError."""
    height, _, width = argument.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise ModelError(f"{argument!r} is no input size.", "Give height x width, for example 224x224.", "input_size")
    return (int(height), int(width))


def add_model(
    file: Path,
    name: str,
    registry: Registry,
    class_names: Sequence[str] | None = None,
    scaling: str | None = None,
    fit: Fit = "stretch",
    color: ColorMode | None = None,
    input_size: tuple[int, int] | None = None,
    samples: Path | None = None,
    memory_bytes: int | None = None,
) -> ModelVersion:
    """Adds a `.keras` or `.h5` file as the next version of `name`; the registry gets the whole version or nothing.

    The file is loaded in a worker process of its own, with a limit on its memory where the system has one (Linux).

    Args:
        class_names: in the order of the outputs; None: CIFAR-10's for a colour model with ten outputs.
        scaling: a name in SCALINGS; None: "raw" for a model that scales by itself, else "1/255", unless another one is
            clearly better on `samples`.
        color: None: by the number of channels.
        input_size: (height, width), for a model that takes any.
        samples: a small labelled dataset to try the scalings on.
        memory_bytes: the limit, beyond what TensorFlow itself takes; None: by the size of the file.

    Returns:
        The new version; what was assumed and found is in `provenance["notes"]`.

    Raises:
        ModelError: the file is no image classifier that can be served, or something must be given that was not.
        DependencyError, WorkerError: TensorFlow cannot be started.
    """
    check_name(name)
    if scaling is not None:
        scaled(Preprocessing(1, 1), scaling)
    if class_names is not None and (
        len(set(class_names)) < len(class_names) or not all(n.strip() for n in class_names)
    ):
        raise ModelError("The class names must be different and not empty.", _HOW_TO_NAME, "class_names")
    folder = _temporary_folder(registry)
    try:
        original = folder / "original"
        sha256 = _copy(file, original)
        size = original.stat().st_size
        samples = samples if samples is not None and samples.exists() else None
        limit = memory_bytes or BASE_MEMORY_BYTES + MEMORY_PER_FILE_BYTE * size
        order = ForeignModel(original, file.name, folder / WEIGHTS, input_size, fit, color, samples, limit)
        with _Quarantine(order) as quarantine:
            facts = quarantine.inspect()
            version, notes = _decide(order, facts, name, class_names, scaling)
            provenance = {
                "original_file": file.name,
                "original_sha256": sha256,
                "original_bytes": size,
                "added_utc": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "keras": facts.keras_version,
            }
            version = replace(version, version=registry.next_version(name), sha256=sha256_of(version.file))
            notes += quarantine.serve(version)
            version = replace(version, provenance={**provenance, "notes": list(notes)})
        write_json(folder / RECORD, to_record(version))
        for left in (original, original.with_suffix(".h5")):
            left.unlink(missing_ok=True)
        return registry.get(f"{name}@{_publish(folder, registry, name)}")
    except OSError as error:
        raise _not_written(registry, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _not_written(registry: Registry, error: OSError) -> ModelError:
    return ModelError(
        f"The model cannot be written to {registry.root}: {error.strerror or error}.",
        "Free some space or check the folder's permissions.", "storage",
    )  # fmt: skip


def _temporary_folder(registry: Registry) -> Path:
    try:
        registry.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".adding-", dir=registry.root))
        folder.chmod(0o755)
    except OSError as error:
        raise _not_written(registry, error) from error
    return folder


def _copy(file: Path, target: Path) -> str:
    """Copies the file, so that what is checked is what is loaded; returns its SHA-256."""
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
                    "Save it without its optimizer.",
                    "too_large",
                )
            digest.update(block)
            copy.write(block)
    if not done:
        raise ModelError(f"{file.name} is empty.", _HOW_TO_SAVE, "model_damaged")
    return digest.hexdigest()


def _publish(folder: Path, registry: Registry, name: str) -> str:
    """Renames the folder to the next version of `name`, whose number is returned."""
    parent = registry.root / name
    parent.mkdir(exist_ok=True)
    try:
        while True:
            target = parent / registry.next_version(name)
            try:
                return folder.rename(target).name
            except OSError:
                if not target.exists():  # else somebody added a version at the same moment
                    raise
    finally:
        with contextlib.suppress(OSError):
            parent.rmdir()  # only when it is empty


class _Quarantine:
    """A worker of its own for one foreign model; it ends with it."""

    def __init__(self, order: ForeignModel) -> None:
        self._order = order
        self._pool = WorkerPool(1)

    def __enter__(self) -> _Quarantine:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.close()

    def inspect(self) -> ForeignModelFacts:
        """Loads, tries and converts the model."""
        self._pool.submit("probe_tensorflow").result()  # its own faults are not the model's
        facts: ForeignModelFacts = self._run("inspect_model_file", self._order)
        return facts

    def serve(self, version: ModelVersion) -> tuple[str, ...]:
        """Loads the converted file the way it will be served; notes on what it cannot do."""
        facts = self._run("describe_model", version)
        if facts.conv_layers:
            return ()
        return ("It has no convolution with a grid: predictions work, explanations do not.",)

    def _run(self, task: str, argument: object) -> Any:
        try:
            return self._pool.submit(task, argument, timeout_s=TASK_S).result()
        except WorkerError as error:
            limit = self._order.memory_bytes / 2**30
            raise ModelError(
                f"{self._order.shown_as} ended the process that loaded it. {error.message}",
                f"It may need more than the {limit:.3g} GB of memory that a new model may use: if you trust it, "
                "allow more with --memory-gb.",
                "model_kills_worker",
            ) from error


def _decide(
    order: ForeignModel,
    facts: ForeignModelFacts,
    name: str,
    class_names: Sequence[str] | None,
    scaling: str | None,
) -> tuple[ModelVersion, tuple[str, ...]]:
    names, notes = _class_names(order, facts, class_names)
    samples = _sample_results(order, facts, names)
    scaling, scaling_notes = choose_scaling(
        scaling, "raw" if facts.scales_itself else "1/255", facts.scales_itself, samples
    )
    height, width, channels = facts.input_shape
    color: ColorMode = order.color or ("grayscale" if channels == 1 else "rgb")
    recipe = scaled(Preprocessing(height, width, order.fit, color), scaling)
    version = ModelVersion(name, "", order.converted.parent, names, recipe, facts.output, sha256="")
    return version, (*notes, *scaling_notes, *facts.notes)


def _class_names(
    order: ForeignModel, facts: ForeignModelFacts, given: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted = 2 if facts.outputs == 1 else facts.outputs
    if given is None:
        if wanted == len(CLASS_NAMES) and facts.input_shape[2] == 3:
            return CLASS_NAMES, (f"No class names were given; CIFAR-10's are assumed: {', '.join(CLASS_NAMES)}.",)
        raise ModelError(
            f"{order.shown_as} has {wanted} classes, and their names are not known.", _HOW_TO_NAME, "class_names"
        )
    names = tuple(given)
    if len(names) != wanted:
        raise ModelError(
            f"{order.shown_as} has {wanted} classes, but {len(names)} names were given.", _HOW_TO_NAME, "class_names"
        )
    if len(names) < 2:
        raise ModelError(f"{order.shown_as} knows one class only.", "A classifier needs two or more.", "class_names")
    return names, ()


@dataclass(frozen=True)
class SampleResults:
    """Which samples each scaling gets right."""

    correct: dict[str, np.ndarray]  # name in SCALINGS -> (N,) bool

    def count(self, scaling: str) -> int:
        """How many a scaling gets right."""
        return int(self.correct[scaling].sum())

    def clearly_better(self, a: str, b: str) -> bool:
        """Whether scaling `a` beats `b` on the same images: the sign test, one-sided, at the level CLEARLY."""
        from scipy.stats import binomtest

        only_a = int((self.correct[a] & ~self.correct[b]).sum())
        only_b = int((self.correct[b] & ~self.correct[a]).sum())
        return only_a > only_b and binomtest(only_a, only_a + only_b, alternative="greater").pvalue < CLEARLY

    def __str__(self) -> str:
        return ", ".join(f"{name} {self.count(name)}" for name in self.correct)


def _sample_results(order: ForeignModel, facts: ForeignModelFacts, names: Sequence[str]) -> SampleResults | None:
    """None without samples, or when they have labels that are no classes of the model."""
    if order.samples is None:
        return None
    labels = [sample.label for sample in open_dataset(order.samples).samples if sample.label is not None]
    mapping = match_labels(labels, names)
    if mapping.unknown:
        return None
    true = np.array([names.index(mapping.class_of[label]) for label in labels])
    return SampleResults({name: np.array(classes) == true for name, classes in facts.sample_classes.items()})


def choose_scaling(
    given: str | None, default: str, scales_itself: bool, samples: SampleResults | None
) -> tuple[str, tuple[str, ...]]:
    """The scaling to use, and why.

    Args:
        given: what the operator wants, which is obeyed.
        default: used when nothing is given and nothing else is clearly better.
        samples: results on labelled samples; None when there are none that the model could know.
    """
    chosen, notes = given or default, []
    if given is None:
        notes.append(
            "It scales its input by itself, so it is given pixels from 0 to 255 (raw)."
            if scales_itself
            else f"No scaling was given; {default} is assumed."
        )
    if samples is None or chosen not in samples.correct:
        return chosen, tuple(notes)
    total = len(samples.correct[chosen])
    best = max(samples.correct, key=lambda name: (samples.count(name), name == chosen))
    if best != chosen and samples.clearly_better(best, chosen):
        if given is None:
            notes[-1] = f"No scaling was given; {best} is used, which is clearly better on the samples than {chosen}."
            chosen = best
        else:
            notes.append(f"Warning: {best} is clearly better on the samples than {chosen}, which was asked for.")
    notes.append(f"Of {total} labelled samples it gets right, by scaling: {samples}.")
    if 2 * samples.count(chosen) < total:
        notes.append(
            f"Warning: with {chosen} it gets {samples.count(chosen)} of {total} samples right. "
            "Check the order of the class names, the scaling and the colour order."
        )
    return chosen, tuple(notes)
