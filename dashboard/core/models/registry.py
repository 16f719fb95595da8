"""The model versions in models/<name>/<version>/: model.keras, and model.json, which says how to use it."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import TypeAdapter

from dashboard.core.errors import ModelError
from dashboard.core.files import how_to_write_again, portable_name, write_json
from dashboard.core.models.version import BrokenVersion, ModelVersion, newest_first, read_version
from dashboard.core.settings import Settings

_ACTIVE = TypeAdapter(dict[str, str])  # the content of active.json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
        found = [folder for root in self._folders for model in _folders_in(root) for folder in _folders_in(model)]
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
        found = [v for v in self.entries() if v.name == name and version in ("", v.version)]
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
        """The active version: from the setting, else from models/active.json, else the first usable one."""
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

    def active_ref(self) -> str:
        """NAME@VERSION of the active version; "" if there is none or it cannot be used."""
        try:
            return self.active().ref
        except ModelError:
            return ""

    def _active_in_file(self) -> str:
        try:
            return _ACTIVE.validate_json((self.root / "active.json").read_bytes())["model"]
        except FileNotFoundError:
            return ""
        except Exception as error:
            logging.getLogger(__name__).warning("active.json does not say which model is in use: %s", error)
            return ""

    def activate(self, ref: str) -> ModelVersion:
        """Makes `ref` the active version."""
        version = self.get(ref)
        write_json(self.root / "active.json", {"model": version.ref})
        return version

    def next_version(self, name: str) -> str:
        """The number for a new version of `name`. Raises ModelError if the name is not a plain file name."""
        check_name(name)
        taken = [int(p.name) for root in self._folders for p in (root / name).glob("*") if p.name.isdecimal()]
        return str(max(taken, default=0) + 1)

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
            OSError: the folder cannot be renamed.
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


def _folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden. `Path.glob` takes several times longer, and every request needs them."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []
