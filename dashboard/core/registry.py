"""The model versions in models/<name>/<version>/: model.keras, and model.json that says how to use it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dashboard.core.errors import DashboardError, ModelError
from dashboard.core.files import write_json
from dashboard.core.labels import class_names_fault
from dashboard.core.out_of_distribution import Familiarity
from dashboard.core.preprocessing import Fit, Preprocessing

Output = Literal["logits", "probabilities"]
WEIGHTS = "model.keras"
RECORD = "model.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelVersion:
    """One servable model: a file and everything needed to use it rightly."""

    name: str
    version: str
    folder: Path
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    output: Output  # what the file's last layer gives
    sha256: str  # of model.keras
    temperature: float = 1.0  # pred_probs = softmax(logits / temperature)
    metrics: dict[str, Any] = field(default_factory=dict)  # as measured when it was made; shown, never computed with
    provenance: dict[str, Any] = field(default_factory=dict)
    familiarity: Familiarity | None = None  # None: it never doubts that a picture shows one of its classes
    bfloat16: bool = False  # may be served in bfloat16: measured to answer as well as in float32

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> Path:
        """The Keras model."""
        return self.folder / WEIGHTS

    @property
    def accuracy(self) -> float | None:
        """On its test images, in (0, 1]; None where its record, which anybody may have written, states none."""
        stated = self.metrics.get("accuracy")
        return stated if isinstance(stated, (int, float)) and 0 < stated <= 1 else None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        p = self.preprocessing
        return (p.height, p.width, p.channels)

    def fitting(self, fit: Fit) -> ModelVersion:
        """The same, but pictures of another shape are made to fit in this way."""
        return replace(self, preprocessing=replace(self.preprocessing, fit=fit))


@dataclass(frozen=True)
class BrokenVersion:
    """A folder in models/ that cannot be used, and why."""

    name: str
    version: str
    error: ModelError

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


class Registry:
    """The versions below one folder, read anew at every call, so that an added version needs no restart."""

    def __init__(self, root: Path, default: str = "") -> None:
        self.root = root
        self._default = default

    def versions(self) -> list[ModelVersion]:
        """The usable ones by name, then newest first."""
        return [v for v in self._scan() if isinstance(v, ModelVersion)]

    def broken(self) -> list[BrokenVersion]:
        """The ones whose files are missing or make no sense."""
        return [v for v in self._scan() if isinstance(v, BrokenVersion)]

    def get(self, ref: str = "") -> ModelVersion:
        """The version NAME@VERSION, the newest of NAME, or, for the empty string, the active one.

        Raises:
            ModelError: there is none such, or it is broken.
        """
        if not ref:
            return self.active()
        name, _, version = ref.partition("@")
        found = [v for v in self._scan() if v.name == name and version in ("", v.version)]
        for candidate in found:
            if isinstance(candidate, ModelVersion):
                return candidate
            if version:
                raise candidate.error
        if found and isinstance(found[0], BrokenVersion):
            raise found[0].error
        known = ", ".join(v.ref for v in self.versions()) or "none"
        raise ModelError(f"There is no model {ref!r}.", f"Known versions: {known}.", "model_unknown")

    def active(self) -> ModelVersion:
        """The version used when none is named: the setting, else models/active.json, else the first usable one."""
        ref = self._default or self._active_in_file()
        if ref:
            return self.get(ref)
        versions = self.versions()
        if versions:
            return versions[0]
        broken = self.broken()
        if broken:
            raise broken[0].error
        raise ModelError(
            f"There is no model in {self.root}.",
            "Train one with `python -m dashboard.training`, or add one with `python -m dashboard models add FILE --name NAME`.",
            "model_missing",
        )

    def _active_in_file(self) -> str:
        try:
            return str(json.loads((self.root / "active.json").read_text())["model"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def activate(self, ref: str) -> ModelVersion:
        """Makes `ref` the version used when none is named."""
        version = self.get(ref)
        write_json(self.root / "active.json", {"model": version.ref})
        return version

    def next_version(self, name: str) -> str:
        """The number for a new version of `name`. Raises ModelError for a name that could leave the folder."""
        check_name(name)
        taken = [int(p.name) for p in (self.root / name).glob("*") if p.name.isdecimal()]
        return str(max(taken, default=0) + 1)

    @contextlib.contextmanager
    def adding(self) -> Iterator[Path]:
        """A hidden folder for a version in the making; it goes afterwards, unless `add` made it one. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=self.root, ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    def add(self, folder: Path, name: str) -> str:
        """Renames a folder that `adding` gave to the next version of `name`, whose number is returned.

        Raises:
            ModelError: the name could leave the folder.
            OSError: it cannot be renamed.
        """
        check_name(name)
        parent = self.root / name
        parent.mkdir(exist_ok=True)
        try:
            while True:
                target = parent / self.next_version(name)
                try:
                    return folder.rename(target).name
                except OSError:
                    if not target.exists():  # else somebody added a version at the same moment
                        raise
        finally:
            with contextlib.suppress(OSError):
                parent.rmdir()  # only when it is empty

    def _scan(self) -> list[ModelVersion | BrokenVersion]:
        folders = [
            p
            for p in self.root.glob("*/*")
            if os.path.isdir(p) and not p.name.startswith(".") and not p.parent.name.startswith(".")  # noqa: PTH112
        ]
        folders.sort(key=lambda p: (p.parent.name, *_newest_first(p.name)))
        return [_read(folder) for folder in folders]


def check_name(name: str) -> None:
    """Raises ModelError unless `name` is a plain file name."""
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name.", "Use letters, digits, '.', '_' and '-', at most 64.", "bad_name"
        )


def _newest_first(version: str) -> tuple[int, str]:
    return (-int(version), "") if version.isdecimal() else (0, version)


def _read(folder: Path) -> ModelVersion | BrokenVersion:
    name, version = folder.parent.name, folder.name
    try:
        return _parse(folder)
    except DashboardError as error:
        return BrokenVersion(name, version, ModelError(f"{name}@{version}: {error.message}", error.fix, error.code))
    except OSError as error:
        fault = f"{name}@{version} cannot be opened: {error.strerror}."
        return BrokenVersion(name, version, ModelError(fault, "Let this user read it.", "model_unreadable"))


def _parse(folder: Path) -> ModelVersion:
    restore = f"Restore {folder.parent.name}/{folder.name} from version control, or train or add the model again."
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{WEIGHTS} is missing.", restore, "model_missing")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if not isinstance(record["class_names"], list):
            raise TypeError("class_names is no list")
        version = ModelVersion(
            name=folder.parent.name,
            version=folder.name,
            folder=folder,
            class_names=tuple(str(c) for c in record["class_names"]),
            preprocessing=Preprocessing.from_dict(record["preprocessing"]),
            output=record["output"],
            sha256=str(record["sha256"]),
            temperature=float(record.get("temperature", 1.0)),
            familiarity=Familiarity(**record["familiarity"]) if record.get("familiarity") else None,
            bfloat16=record.get("bfloat16", False) is True,
            metrics=dict(record.get("metrics", {})),
            provenance=dict(record.get("provenance", {})),
        )
    except FileNotFoundError as error:
        raise ModelError(f"{RECORD} is missing.", restore, "model_record") from error
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{RECORD} cannot be used ({type(error).__name__}: {error}).", restore, "model_record"
        ) from error
    if len(version.class_names) < 2:
        raise ModelError("class_names needs two or more names.", restore, "model_record")
    if fault := class_names_fault(version.class_names):
        raise ModelError(f"class_names {fault}.", restore, "model_record")
    if version.output not in ("logits", "probabilities") or not 0 < version.temperature < float("inf"):
        raise ModelError("output or temperature make no sense.", restore, "model_record")
    return version


def to_record(version: ModelVersion) -> dict[str, Any]:
    """The content of model.json."""
    return {
        "class_names": list(version.class_names),
        "preprocessing": version.preprocessing.to_dict(),
        "output": version.output,
        "temperature": version.temperature,
        "familiarity": version.familiarity.to_dict() if version.familiarity else None,
        "bfloat16": version.bfloat16,
        "sha256": version.sha256,
        "metrics": version.metrics,
        "provenance": version.provenance,
    }
