"""One model version that can be served, and its model.json."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
    field_serializer,
)

from dashboard.core.errors import BrokenVersionError, DashboardError, ModelError
from dashboard.core.files import NotAFileError, first_fault, read_whole, readable_name, sha256_of
from dashboard.core.images.preprocessing import Fit, Preprocessing
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.labels.text_encoding import decode_text
from dashboard.core.metrics.intervals import Proportion
from dashboard.core.models.familiarity import Familiarity
from dashboard.core.parsing import parse_json, reason
from dashboard.core.settings import get_settings
from dashboard.core.shell import INSTALLED, ROOT, git_has, in_command, pip_command, set_variable

Output = Literal["logits", "probabilities"]

WEIGHTS = "model.keras"

RECORD = "model.json"

CHOICE = "active.json"  # in the folder of all models: which version is the active one
_CHOICE = TypeAdapter(dict[str, str])

_BOUNDS, _COUNT = TypeAdapter(tuple[FiniteFloat, FiniteFloat]), TypeAdapter(Annotated[int, Field(gt=0, le=10**10)])


@dataclass(frozen=True)
class ModelVersion:
    """One model that can be served: its file and everything that is needed to use it correctly."""

    name: str
    version: str
    folder: Path
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    output: Output  # what the last layer of the model gives
    sha256: str  # of model.keras
    temperature: float = 1.0  # pred_probs = softmax(logits / temperature)
    metrics: dict[str, Any] = field(default_factory=dict)  # measured when the version was made
    provenance: dict[str, Any] = field(default_factory=dict)
    familiarity: Familiarity | None = None  # None: no warning when an image shows none of its classes
    bfloat16: bool = False  # may be served in bfloat16: the measured accuracy is the same as in float32

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> Path:
        """Path of the Keras model."""
        return self.folder / WEIGHTS

    @property
    def accuracy(self) -> float | None:
        """Accuracy on its test images, in (0, 1]; None if model.json states no valid one."""
        stated = self.metrics.get("accuracy")
        return stated if isinstance(stated, (int, float)) and 0 < stated <= 1 else None

    @property
    def accuracy_interval(self) -> Proportion | None:
        """The accuracy with its 95% interval; None if model.json does not state both."""
        if self.accuracy is None:
            return None
        with contextlib.suppress(ValidationError):
            low, high = _BOUNDS.validate_python(self.metrics.get("accuracy_ci95"))
            return Proportion(self.accuracy, low, high, _COUNT.validate_python(self.metrics.get("n")))
        return None

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        p = self.preprocessing
        return (p.height, p.width, p.channels)

    @property
    def answers_key(self) -> tuple[Hashable, ...]:
        """Equal for two versions that give the same probabilities for the same file."""
        return (
            self.ref, self.sha256, self.preprocessing, self.output, self.temperature, self.bfloat16, self.class_names
        )  # fmt: skip

    def fitting(self, fit: Fit | None) -> ModelVersion:
        """The same version, but with another way of fitting images of other proportions."""
        return replace(self, preprocessing=replace(self.preprocessing, fit=fit)) if fit else self


@dataclass(frozen=True)
class BrokenVersion:
    """A folder in models/ that cannot be used, with the reason."""

    name: str
    version: str
    error: BrokenVersionError

    @property
    def ref(self) -> str:
        """NAME@VERSION."""
        return f"{self.name}@{self.version}"


class ModelFile(BaseModel):
    """The content of model.json."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    class_names: list[Annotated[str, BeforeValidator(str)]] = Field(min_length=2)
    preprocessing: Preprocessing
    output: Output
    temperature: float = Field(default=1.0, ge=0.01, le=100)  # beyond, every answer would be 100% or the same
    familiarity: Familiarity | None = None
    bfloat16: Annotated[bool, BeforeValidator(lambda stated: stated is True)] = False
    sha256: str
    metrics: dict[str, Any] = {}
    provenance: dict[str, Any] = {}

    @field_serializer("preprocessing")
    def _preprocessing(self, recipe: Preprocessing) -> dict[str, Any]:
        return recipe.as_record()

    @classmethod
    def of(cls, version: ModelVersion) -> ModelFile:
        """The content of model.json for a version."""
        return cls(
            **{name: getattr(version, name) for name in cls.model_fields} | {"class_names": list(version.class_names)}
        )

    def version(self, folder: Path) -> ModelVersion:
        """The version in the folder models/NAME/VERSION that holds this file."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        fields["class_names"] = tuple(self.class_names)
        return ModelVersion(name=folder.parent.name, version=folder.name, folder=folder, **fields)


def read_version(folder: Path) -> ModelVersion | BrokenVersion:
    """The version in a folder models/NAME/VERSION. If it cannot be used: the reason."""
    name, version = readable_name(folder.parent.name), readable_name(folder.name)
    try:
        return _parse(folder)
    except DashboardError as error:
        reason, fix, code = error.message, error.fix, error.code
    except NotAFileError as error:
        reason, code = f"{RECORD}: {error.strerror}.", "model_record"
        fix = f"Remove {folder / RECORD}. {how_to_restore(folder)}"
    except OSError as error:
        reason, code = f"it cannot be opened: {error.strerror}.", "model_unreadable"
        fix = "Give the user of this process permission to read it."
    return BrokenVersion(name, version, BrokenVersionError(f"{name}@{version}", reason, fix, code))


def _parse(folder: Path) -> ModelVersion:
    for named in (folder.parent, folder):
        if "@" in named.name:
            raise ModelError(
                f"the name of the folder {named.name} holds an @, which stands between a name and a version.",
                f"Rename the folder {named}, for example to {named.name.replace('@', '-')}.", "bad_name",
            )  # fmt: skip
        if (name := readable_name(named.name)) != named.name:  # no page could show it
            raise ModelError(
                f"the name of the folder {name} is no UTF-8.",
                f"Rename that folder, which is in {named.parent}.",
                "bad_name",
            )
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{WEIGHTS} is missing.", how_to_restore(folder), "model_missing")
    try:
        version = _record(folder, *_state(folder / RECORD))
    except FileNotFoundError as error:
        raise ModelError(f"{RECORD} is missing.", how_to_restore(folder), "model_record") from error
    except OSError:
        raise
    except Exception as error:
        why = first_fault(error) if isinstance(error, ValidationError) else reason(error)
        raise ModelError(f"{RECORD} cannot be used: {why}.", how_to_restore(folder), "model_record") from error
    if fault := class_names_fault(version.class_names):
        raise ModelError(f"class_names {fault}.", how_to_restore(folder), "model_record")
    return version


@lru_cache(256)
def _record(folder: Path, *state: int) -> ModelVersion:
    """Reads the record of a version. Every request asks for it, so it is read again only if `state` is another one."""
    return ModelFile.model_validate(parse_json(decode_text(read_whole(folder / RECORD)))).version(folder)


def how_to_restore(folder: Path) -> str:
    """What to do when a file of the version in this folder is missing or damaged. Names a version that works, if any."""
    restore = "Restore the file from a backup, or train or add the model again." + if_it_came_with_us(folder)
    if other := _sound_version(folder):
        if _is_active(folder):
            restore += f" Or use another version, such as {other}. {how_to_activate(other)}"
        else:
            restore += f" Or do without this version: delete the folder {folder}."
    return restore


def if_it_came_with_us(folder: Path) -> str:
    """How to restore a folder that came with the dashboard, as a further sentence; "" if it is elsewhere."""
    if not folder.is_relative_to(ROOT):
        return ""
    if INSTALLED:
        again = f"`{pip_command('install --force-reinstall --no-deps')}`"
        return f" If it came with the dashboard: install the same wheel again with {again}."
    if git_has(folder):
        return f" It came with the project: `git restore {in_command(str(folder.relative_to(ROOT)))}` restores it."
    return ""


def chosen_in(root: Path) -> str:
    """What active.json in the folder of all models names. Raises OSError, or another Exception if it is damaged."""
    return _CHOICE.validate_python(parse_json(decode_text(read_whole(root / CHOICE))))["model"]


def _is_active(folder: Path) -> bool:
    """Whether the version in this folder is the active one, or none is because the choice cannot be read.

    It looks only at names, since the versions may be damaged.
    """
    root = folder.parent.parent
    named = get_settings().model
    if not named:
        try:
            named = chosen_in(get_settings().models_dir if INSTALLED and root.is_relative_to(ROOT) else root)
        except FileNotFoundError:
            named = min((path.parent.name for path in root.glob("[!.]*/[!.]*") if path.is_dir()), default="")
        except Exception:
            return True
    name, _, version = named.partition("@")
    versions = (path.name for path in folder.parent.glob("[!.]*") if path.is_dir())
    return folder.parent.name == name and folder.name == (version or min(versions, key=newest_first, default=""))


def how_to_activate(ref: str) -> str:
    """What to do so that this version, NAME@VERSION, is the active one."""
    if named := get_settings().model:
        set_it = set_variable("DASHBOARD_MODEL", in_command(ref))
        return f"The setting DASHBOARD_MODEL={named} says which one is active: `{set_it}`, then restart the dashboard."
    return f"Make it the active one with `python -m dashboard models use {in_command(ref)}`."


def _sound_version(but: Path) -> str:
    """A version that works, of the model of the folder `but` if possible; "" if there is none."""
    roots = {but.parent.parent, ROOT / "models"} if INSTALLED else {but.parent.parent}
    folders = [path.parent for root in roots for path in root.glob(f"[!.]*/[!.]*/{RECORD}") if path.parent != but]
    for folder in sorted(folders, key=lambda each: (each.parent.name != but.parent.name, *newest_first(each.name))):
        with contextlib.suppress(Exception):  # this one cannot be used either
            version = _record(folder, *_state(folder / RECORD))
            if (
                version.ref.count("@") > 1
                or readable_name(version.ref) != version.ref
                or class_names_fault(version.class_names)
            ):
                continue
            if _digest(version.file, *_state(version.file)) == version.sha256:
                return version.ref
    return ""


def newest_first(version: str) -> tuple[int, str]:
    """Sorts versions of one name: the highest number first, other names after the numbers."""
    return (-int(version), "") if version.isdecimal() else (0, version)


def _state(file: Path) -> tuple[int, int, int]:
    state = file.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


@lru_cache(256)
def _digest(file: Path, *state: int) -> str:
    """Every request asks for the other versions of a damaged one, so a file is read again only in another `state`."""
    return sha256_of(file)


def to_record(version: ModelVersion) -> dict[str, Any]:
    """The content of model.json as lists, dictionaries, strings, numbers and None."""
    return ModelFile.of(version).model_dump(mode="json")
