"""Finds the rows of two runs that are about the same image."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.errors import DatasetError, counted
from dashboard.core.runs.run import Run, damaged

_TAILS = ("", r"^.*?([^/]*/[^/]*)$", r"^.*/([^/]*)$")  # the whole path, its last two parts, its last part
_BY_FILE = "Images are matched by file name, because the datasets are not the same file."


@dataclass(frozen=True)
class SameImages:
    """Pairs of rows, one of each run."""

    places_a: np.ndarray  # (N,) int, places in `Run.table` of the first run
    places_b: np.ndarray  # (N,) of the second run
    notes: tuple[str, ...]  # how they were found, in sentences


def same_images(a: Run, b: Run) -> SameImages:
    """The rows of `a` and `b` that are about the same image.

    The same dataset is matched by position. Otherwise, images are the same if they have the same path inside their
    dataset, or if no path is the same, the same end of it. Imported predictions without file names are matched by row
    number, if all labels agree.

    Raises:
        DatasetError: they share no image, or it cannot be said which, or their rows cannot be read.
    """
    if a.manifest.dataset_sha256 and a.manifest.dataset_sha256 == b.manifest.dataset_sha256:
        found = SameImages(*_equal_indices(a, b), ())
    elif nameless := [run.manifest.dataset_name for run in (a, b) if _has_no_file_names(run)]:
        found = _by_row_number(a, b, nameless[0])
    else:
        found = _by_file(a, b)
    if not len(found.places_a):
        if a.conditions or b.conditions:
            raise not_comparable(
                "With these conditions, the two evaluations share no image.", "Leave out one of the conditions."
            )
        raise _nothing_shared(a, b, "no file name of one occurs in the other.")
    return found


def not_comparable(message: str, fix: str) -> DatasetError:
    """The error for evaluations that cannot be compared."""
    return DatasetError(message, fix, "not_comparable")


def _equal_indices(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray]:
    of_a, of_b = a.table["index"].to_numpy(), b.table["index"].to_numpy()
    if np.array_equal(of_a, of_b):
        return np.arange(len(of_a)), np.arange(len(of_b))
    _, places_a, places_b = np.intersect1d(of_a, of_b, assume_unique=True, return_indices=True)
    return places_a, places_b


def _by_file(a: Run, b: Run) -> SameImages:
    names_a, names_b = _files(a), _files(b)
    if names_a.equals(names_b):
        return SameImages(np.arange(len(names_a)), np.arange(len(names_b)), (_BY_FILE,))
    for tail in _TAILS:
        ends = [pc.replace_substring_regex(each, tail, r"\1") if tail else each for each in (names_a, names_b)]
        codes = pa.concat_arrays(ends).dictionary_encode()
        ids = codes.indices.to_numpy()
        ids_a, ids_b, k = ids[: len(names_a)], ids[len(names_a) :], len(codes.dictionary)
        often_a, often_b = np.bincount(ids_a, minlength=k), np.bincount(ids_b, minlength=k)
        once = (often_a == 1) & (often_b == 1)
        place_in_b = np.empty(k, np.int64)
        place_in_b[ids_b] = np.arange(len(ids_b))
        places_a = np.flatnonzero(once[ids_a])
        if len(places_a):
            notes = [_BY_FILE]
            if tail:
                notes = ["Images are matched by the ends of their paths, because no whole path is in both datasets."]
            repeated = int(((often_a > 0) & (often_b > 0) & ~once).sum())
            if repeated:
                notes.append(
                    f"Left out: {counted(repeated, 'file name')} that {'is' if repeated == 1 else 'are'} not unique."
                )
            return SameImages(places_a, place_in_b[ids_a[places_a]], tuple(notes))
    return SameImages(np.empty(0, np.int64), np.empty(0, np.int64), ())


def _by_row_number(a: Run, b: Run, nameless: str) -> SameImages:
    if a.manifest.n_images != b.manifest.n_images:
        raise _nothing_shared(
            a, b,
            f"{nameless} has no file names, and the numbers of rows differ "
            f"({a.manifest.n_images:,} and {b.manifest.n_images:,}).",
        )  # fmt: skip
    places_a, places_b = _equal_indices(a, b)
    names = all_classes(a, b)
    true_a, true_b = label_ids(a, "true_label", names)[places_a], label_ids(b, "true_label", names)[places_b]
    known = (true_a >= 0) & (true_b >= 0)
    if len(places_a) and not known.any():
        raise _nothing_shared(a, b, f"{nameless} has no file names, and there are no labels to confirm the order.")
    if differing := int((true_a != true_b)[known].sum()):
        raise _nothing_shared(
            a, b, f"{nameless} has no file names, and at {counted(differing, 'row')} the labels differ.",
        )  # fmt: skip
    note = f"{nameless} has no file names, so rows are matched by their number. Their labels agree."
    return SameImages(places_a, places_b, (note,))


def all_classes(a: Run, b: Run) -> tuple[str, ...]:
    """The classes of both runs: those of `a`, then those that only `b` has."""
    return tuple(dict.fromkeys((*a.manifest.class_names, *b.manifest.class_names)))


def label_ids(run: Run, column: str, names: Sequence[str]) -> np.ndarray:
    """(N,) int: the labels in a column of `Run.table` as places in `names`, which has all classes; -1 for none."""
    place_of = {name: place for place, name in enumerate(names)}
    places = np.array([*(place_of[name] for name in run.manifest.class_names), -1])
    return places[run.table[column].cat.codes.to_numpy(np.int64)]


def _has_no_file_names(run: Run) -> bool:
    """True if the run was imported, and its files are called after the numbers of the rows."""
    if not run.manifest.imported or run.table.empty:
        return False
    ends = run.detail(run.table.iloc[[0, -1]], ["file", "index"])
    return bool((ends["file"] == [f"row {index}" for index in ends["index"]]).all())


def _files(run: Run) -> pa.Array:
    """The paths of the rows of `Run.table`."""
    try:
        files = run.files.arrow(["file"])["file"].combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise damaged(run.manifest.run_id, error) from error
    return files.take(pa.array(run.table.index.to_numpy())) if run.conditions else files


def _nothing_shared(a: Run, b: Run, why: str) -> DatasetError:
    names = f"{a.manifest.dataset_name} ({a.manifest.model}) and {b.manifest.dataset_name} ({b.manifest.model})"
    if a.manifest.imported or b.manifest.imported:
        fix = "Import the predictions with a column of file names, the same ones as in the other evaluation."
    else:
        path, model = shlex.quote(a.manifest.dataset), shlex.quote(b.manifest.model)
        fix = f"Evaluate both on the same images: `python -m dashboard evaluate {path} --model {model}`."
    return not_comparable(f"{names} share no image: {why}", fix)
