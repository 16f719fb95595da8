"""Everything that can go wrong and is worth telling: a code for programs, a message and a fix for people."""

from __future__ import annotations

from collections.abc import Sequence


class DashboardError(Exception):
    """A fault with a known cause.

    `code` is stable and meant for programs, `message` says what happened and why, `fix` what to do about it.
    Survives pickling, so that it can travel from a worker process to the server.
    """

    default_code = "error"

    def __init__(self, message: str, fix: str = "", code: str | None = None) -> None:
        super().__init__(message, fix, code)
        self.message = message
        self.fix = fix
        self.code = code or self.default_code

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class ImageError(DashboardError):
    """The bytes are no image that can be shown to a model."""

    default_code = "image_unreadable"


class DatasetError(DashboardError):
    """A dataset as a whole cannot be used."""

    default_code = "dataset_unreadable"


class ModelError(DashboardError):
    """A model version is missing, damaged or does not do what its model.json says."""

    default_code = "model_unusable"


class DependencyError(DashboardError):
    """A package that predictions need is missing, broken or of the wrong version."""

    default_code = "dependency_broken"


class WorkerError(DashboardError):
    """A worker process died or overran its time, also after being tried again."""

    default_code = "worker_failed"


class Cancelled(DashboardError):
    """The user stopped the work."""

    default_code = "cancelled"


def listed(names: Sequence[str], most: int = 8) -> str:
    """The first few, none longer than 80 characters, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(name[:80] for name in names[:most]) + more
