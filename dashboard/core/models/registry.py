"""The model versions in models/<name>/<version>/: model.keras, and model.json, which says how to use it."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from dashboard.core.errors import ModelError
from dashboard.core.files import folders_in, how_to_write_again, portable_name, read_whole, sync_files, write_json
from dashboard.core.labels.text_encoding import decode_text
from dashboard.core.models.version import CHOICE, BrokenVersion, ModelVersion, chosen_in, newest_first, read_version
from dashboard.core.parsing import parse_json
from dashboard.core.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GIVEN = "last_versions.json"  # the highest number given to each name, so that none is given again after it was deleted
_NUMBERS = TypeAdapter(dict[str, int])


class Registry:
    """The versions in one folder. Every call reads the folder again, so that an added version needs no restart.

    The versions in a second folder, `bundled`, are served too. Nothing is written there.
    """

    def __init__(self, root: Path, default: str = "", bundled: Path | None = None) -> None:
        self.root = root
        self._default = default
        self._folders = (root, bundled) if bundled else (root,)

    @classmethod
    def of(cls, settings: Settings) -> Registry:
        """The registry of the versions that are served with these settings."""
        return cls(settings.models_dir, settings.model, settings.bundled_models_dir)

    def entries(self) -> list[ModelVersion | BrokenVersion]:
        """All versions, sorted by name, then newest first."""
        found = [folder for root in self._folders for model in folders_in(root) for folder in folders_in(model)]
        # an upgrade may bundle a version with the number of a version added earlier: the added version wins
        folders = list({(p.parent.name, p.name): p for p in reversed(found)}.values())
        folders.sort(key=lambda p: (p.parent.name, *newest_first(p.name)))
        return [read_version(folder) for folder in folders]

    def versions(self) -> list[ModelVersion]:
        """The usable versions, sorted by name, then newest first."""
        return [v for v in self.entries() if isinstance(v, ModelVersion)]

    def broken(self) -> list[BrokenVersion]:
        """The versions whose files are missing or invalid."""
        return [v for v in self.entries() if isinstance(v, BrokenVersion)]

    def get(self, ref: str = "") -> ModelVersion:
        """Finds a version: NAME@VERSION, or NAME for its newest version, or "" for the active version.

        Raises:
            ModelError: the version does not exist or is broken.
        """
        if not ref:
            return self.active()
        name, _, version = ref.partition("@")
        entries = self.entries()
        found = next((v for v in entries if v.name == name and version in ("", v.version)), None)
        found = found or next((v for v in entries if v.ref == ref), None)  # the name of its folder may hold an @
        if found is None:
            raise ModelError(f"There is no model {ref!r}.", f"Known versions: {self._known()}.", "model_unknown")
        return _usable(found)

    def active(self) -> ModelVersion:
        """The version that the setting names, else models/active.json, else the newest version of the first name.

        No other version stands in for it, so that nobody gets the answers of another model without a word. This is also
        so for an older version of the same name, which may be another network.

        Raises:
            ModelError: the version does not exist or is broken, or active.json cannot be read.
        """
        ref = self._default or self._active_in_file()
        if ref:
            try:
                return self.get(ref)
            except ModelError as error:
                if error.code == "model_unknown":
                    raise self._no_such_choice(ref) from error
                raise
        if first := next(iter(self.entries()), None):
            return _usable(first)
        train = "Train one with `python -m dashboard.training`, or add one with `python -m dashboard models add FILE --name NAME`."
        if not self.root.is_dir():
            why = "it is a file" if self.root.exists() else "there is no such folder"
            raise ModelError(
                f"There is no model in {self.root}: {why}.",
                f"If your models are in another folder, set DASHBOARD_MODELS_DIR to it. {train}",
                "model_missing",
            )
        raise ModelError(f"There is no model in {self.root}.", train, "model_missing")

    def _no_such_choice(self, ref: str) -> ModelError:
        if self._default:
            what = f"The setting DASHBOARD_MODEL names {ref!r}, and there is no such model."
            fix = f"Set DASHBOARD_MODEL to one of the known versions, or remove it, then restart the dashboard. They are: {self._known()}."
            return ModelError(what, fix, "active_unknown")
        return self._not_in_file(f"names {ref!r}, and there is no such model")

    def _not_in_file(self, why: str, first: str = "") -> ModelError:
        return ModelError(
            f"Which model is active is not known, because {self._choice} {why}.",
            f"{first}Choose one with `python -m dashboard models use NAME`. Known versions: {self._known()}.",
            "active_unknown",
        )

    def _known(self) -> str:
        return ", ".join(v.ref for v in self.versions()) or "none"

    def active_ref(self) -> str:
        """NAME@VERSION of the active version; "" if there is none or it cannot be used."""
        try:
            return self.active().ref
        except ModelError:
            return ""

    @property
    def _choice(self) -> Path:
        return self.root / CHOICE

    def _active_in_file(self) -> str:
        """What active.json names; "" if there is no such file. Raises ModelError if it names nothing."""
        try:
            named = chosen_in(self.root)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            first = "Remove this folder. " if self._choice.is_dir() else ""
            raise self._not_in_file(f"cannot be read ({error.strerror or error})", first) from error
        except Exception as error:
            raise self._not_in_file("is damaged") from error
        if not named:
            raise self._not_in_file("names none")
        return named

    def activate(self, ref: str) -> ModelVersion:
        """Makes `ref` the active version."""
        version = self.get(ref)
        write_json(self._choice, {"model": version.ref})
        return version

    def next_version(self, name: str) -> str:
        """The number for a new version of `name`, above all that were ever given.

        Raises ModelError if the name is not a plain file name.
        """
        check_name(name)
        taken = [int(p.name) for root in self._folders for p in (root / name).glob("*") if p.name.isdecimal()]
        return str(max([*taken, self._given().get(name, 0)]) + 1)

    def _given(self) -> dict[str, int]:
        try:
            return _NUMBERS.validate_python(parse_json(decode_text(read_whole(self.root / _GIVEN))))
        except Exception:  # missing or damaged: then only the folders count
            return {}

    @contextlib.contextmanager
    def adding(self) -> Iterator[Path]:
        """A hidden folder in which to build a version. Deleted afterwards, unless `add` has renamed it. Raises OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=self.root, ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    def add(self, folder: Path, name: str) -> str:
        """Turns a folder from `adding` into the next version of `name` and returns the number of the version.

        Raises:
            ModelError: the name is not a plain file name.
            OSError: the files cannot be written to the disk, or the folder cannot be renamed.
        """
        check_name(name)
        sync_files(folder)
        parent = self.root / name
        parent.mkdir(exist_ok=True)
        try:
            while True:
                target = parent / self.next_version(name)
                write_json(self.root / _GIVEN, {**self._given(), name: int(target.name)})
                try:
                    return folder.rename(target).name
                except OSError:
                    if not target.exists():  # if it exists, somebody else added a version at the same moment: try again
                        raise
        finally:
            with contextlib.suppress(OSError):
                parent.rmdir()  # removes it only if it is empty


def check_name(name: str) -> None:
    """Raises ModelError unless `name` is a plain file name."""
    if not _NAME.fullmatch(name) or portable_name(name) != name:
        raise ModelError(
            f"{name!r} cannot be a model's name.",
            "Use letters, digits, '.', '_' and '-', at most 64 characters; no '.' at the end, and no name that Windows "
            "reserves, such as 'con' and 'nul'.",
            "bad_name",
        )


def not_written(registry: Registry, error: OSError) -> ModelError:
    """The error for a registry to which a version cannot be added."""
    return ModelError(
        f"The model cannot be written to {registry.root}: {error.strerror or error}.",
        f"{how_to_write_again(error)}.", "storage",
    )  # fmt: skip


def _usable(entry: ModelVersion | BrokenVersion) -> ModelVersion:
    if isinstance(entry, BrokenVersion):
        raise entry.error
    return entry
