"""What people note about a run: tags of images, filters saved under a name, a note and a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from dashboard.core.errors import DatasetError
from dashboard.core.files import how_to_write_again, locked
from dashboard.core.runs.checked_json import read_record, write_checked_json
from dashboard.core.runs.file_faults import ANNOTATIONS, unreadable
from dashboard.core.runs.run import unknown_run

Verdict = Literal["", "to review", "accepted", "rejected"]
_LOCK = ".annotations.lock"
MOST_NAME = 60  # characters


@dataclass(frozen=True)
class Annotations:
    """The annotations of a run."""

    tags: dict[str, tuple[Annotated[int, Field(ge=0, lt=2**63)], ...]] = field(
        default_factory=dict
    )  # by name: the `index` of each image, ascending
    subsets: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by name: the conditions of a filter, as text
    note: str = ""
    verdict: Verdict = ""

    def tagged(self, name: str, indices: Iterable[int]) -> Annotations:
        """With this tag on these images, besides those that have it. Raises DatasetError for an unusable name."""
        name = usable_name(name)
        return replace(self, tags={**self.tags, name: tuple(sorted({*self.tags.get(name, ()), *map(int, indices)}))})

    def untagged(self, name: str, indices: Iterable[int]) -> Annotations:
        """Without this tag on these images. A tag that no image has is gone."""
        left = tuple(sorted({*self.tags.get(name, ())} - {*map(int, indices)}))
        tags = {**self.tags, name: left}
        return replace(self, tags={each: found for each, found in tags.items() if found})

    def with_subset(self, name: str, conditions: Iterable[str]) -> Annotations:
        """With this filter under this name. Raises DatasetError for an unusable name."""
        return replace(self, subsets={**self.subsets, usable_name(name): tuple(conditions)})

    def without_subset(self, name: str) -> Annotations:
        """Without the filter of this name."""
        return replace(self, subsets={each: found for each, found in self.subsets.items() if each != name})


_TYPE = TypeAdapter(Annotations)


def usable_name(name: str) -> str:
    """The name without spaces around it. Raises DatasetError if it cannot be the name of a tag or a subset."""
    name = name.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable() or "|" in name:
        raise DatasetError(
            f"{name[:80]!r} cannot be a name here.",
            f"Use up to {MOST_NAME} letters, without line breaks and |.",
            "bad_name",
        )
    return name


def read_annotations(folder: Path) -> Annotations:
    """The annotations in the folder of a run; empty if there are none.

    Raises DatasetError with the code `run_file_damaged` if they cannot be read.
    """
    path = folder / ANNOTATIONS
    try:
        return read_record(path, _TYPE)
    except FileNotFoundError:
        return Annotations()
    except OSError as error:
        raise unreadable(path, error) from error


def change_annotations(folder: Path, change: Callable[[Annotations], Annotations]) -> Annotations:
    """Changes the annotations in the folder of a run and returns them. Two changes at a time wait for each other.

    Raises:
        DatasetError: the file cannot be read, `change` refuses, or the folder is gone or cannot be written.
    """
    try:
        with locked(folder / _LOCK):
            changed = change(read_annotations(folder))
            write_checked_json(folder / ANNOTATIONS, _TYPE.dump_python(changed, mode="json"))
    except FileNotFoundError as error:
        raise unknown_run(folder.name) from error
    except OSError as error:
        raise DatasetError(
            f"The tags and notes cannot be written to {error.filename or folder}: {error.strerror or error}.",
            f"{how_to_write_again(error)}, then try again.",
            "storage",
        ) from error
    return changed
