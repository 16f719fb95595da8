"""Which model files are as their model.json describes, known without waiting."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path

from dashboard.core.errors import ModelError
from dashboard.core.files import sha256_of
from dashboard.core.models.version import ModelVersion, how_to_restore

FAULTS = {"model_missing": "missing", "model_unknown": "missing", "checksum": "damaged"}  # in a word, by code
OTHER_FAULT = "cannot be used"

Signature = tuple[int, int, int, int, str]


class ModelHealth:
    """Remembers a verdict on each model file until the file changes. Thread-safe.

    A changed file is read on a thread of its own: `fault` and `known` never wait for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._verdicts: dict[Path, tuple[Signature, ModelError | None]] = {}
        self._reading: set[Path] = set()

    def fault(self, version: ModelVersion) -> ModelError | None:
        """Why the version cannot be used; None if it can, or while its file is being read."""
        known, fault = self._remembered(version)
        if not known:
            self._read_later(version)
        return fault

    def known(self, versions: Iterable[ModelVersion]) -> bool:
        """True if none of these files is being read, or must be."""
        return all(self._remembered(version)[0] for version in versions)

    def check(self, version: ModelVersion) -> ModelError | None:
        """As `fault`, but waits until the file has been read."""
        known, fault = self._remembered(version)
        if known:
            return fault
        before = signature_of(version)  # if the file changes while it is read, the verdict is not about the new one
        fault = file_fault(version)
        if not isinstance(before, ModelError):
            self._verdicts[version.file] = before, fault
        return fault

    def note(self, version: ModelVersion, error: ModelError | None) -> None:
        """Notes why a worker cannot load the version, although its file is as described; None: it can."""
        signature = signature_of(version)
        if not isinstance(signature, ModelError):
            self._verdicts[version.file] = signature, error

    def _remembered(self, version: ModelVersion) -> tuple[bool, ModelError | None]:
        """Whether the verdict on the present file is known, and this verdict."""
        signature = signature_of(version)
        if isinstance(signature, ModelError):
            return True, signature
        seen, fault = self._verdicts.get(version.file, (None, None))
        if seen != signature:
            return False, None
        if fault and fault.code == "checksum":  # the way out depends on which version is active now
            fault = ModelError(fault.message, how_to_restore(version.folder), fault.code)
        return True, fault

    def _read_later(self, version: ModelVersion) -> None:
        with self._lock:
            if version.file in self._reading:
                return
            self._reading.add(version.file)
        threading.Thread(target=self._read, args=(version,), name=f"read-{version.ref}", daemon=True).start()

    def _read(self, version: ModelVersion) -> None:
        try:
            self.check(version)
        finally:
            self._reading.discard(version.file)


def in_a_word(fault: ModelError) -> str:
    """What lists of versions say of one with this fault."""
    return FAULTS.get(fault.code, OTHER_FAULT)


def signature_of(version: ModelVersion) -> Signature | ModelError:
    """Changes when the file or what model.json says about it changes; the error if there is no such file."""
    try:
        info = version.file.stat()
    except OSError as error:
        return _unreadable(version, error)
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, version.sha256


def file_fault(version: ModelVersion) -> ModelError | None:
    """Reads the file of a version. The reason if it is not the file that model.json describes."""
    try:
        if sha256_of(version.file) == version.sha256:
            return None
        whole = zipfile.is_zipfile(version.file)
    except OSError as error:
        return _unreadable(version, error)
    fault = "is not the file that model.json describes" if whole else "is cut off or damaged"
    return ModelError(
        f"{version.ref}: {version.file.name} {fault} (its checksum does not match).",
        how_to_restore(version.folder),
        "checksum",
    )


def check_weights(version: ModelVersion) -> None:
    """Raises ModelError if the version's file is missing or is not the one that model.json describes."""
    if fault := file_fault(version):
        raise fault


def _unreadable(version: ModelVersion, error: OSError) -> ModelError:
    if isinstance(error, FileNotFoundError):
        return ModelError(
            f"{version.ref}: {version.file.name} is missing.", how_to_restore(version.folder), "model_missing"
        )
    return ModelError(
        f"{version.ref}: {version.file.name} cannot be read: {error.strerror or error}.",
        how_to_restore(version.folder),
        "model_unreadable",
    )
