"""Finds the rows of two runs that are about the same image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dashboard.core.errors import DatasetError, counted
from dashboard.core.runs.evaluate_again import evaluate_again
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
    dataset, or if no path is the same, the same end of it. If the images of one have no file names, such as those of an
    array, rows are matched by their number, provided that both have as many rows and all labels agree.

    What is the same is decided on all rows of both, so a filter leaves pairs out but makes no others.

    Raises:
        DatasetError: they share no image, or it cannot be said which, or their rows cannot be read.
    """
    if a.manifest.dataset_sha256 and a.manifest.dataset_sha256 == b.manifest.dataset_sha256:
        found = SameImages(*_equal_indices(a, b), ())
    else:
        names_a, names_b = _files(a), _files(b)
        nameless = [run.manifest.dataset_name for run, names in ((a, names_a), (b, names_b)) if _are_numbers(*names)]
        found = _by_row_number(a, b, nameless[0]) if nameless else _by_file(a, b, names_a.file, names_b.file)
    if len(found.places_a):
        return found
    if a.conditions or b.conditions:
        raise not_comparable(
            "With these conditions, the two evaluations share no image.", "Leave out one of the conditions."
        )
    raise _nothing_shared(a, b, "no row is in both.")


def not_comparable(message: str, fix: str) -> DatasetError:
    """The error for evaluations that cannot be compared."""
    return DatasetError(message, fix, "not_comparable")


def _equal_indices(a: Run, b: Run) -> tuple[np.ndarray, np.ndarray]:
    of_a, of_b = a.table["index"].to_numpy(), b.table["index"].to_numpy()
    if np.array_equal(of_a, of_b):
        return np.arange(len(of_a)), np.arange(len(of_b))
    _, places_a, places_b = np.intersect1d(of_a, of_b, assume_unique=True, return_indices=True)
    return places_a, places_b


def _by_file(a: Run, b: Run, names_a: pa.Array, names_b: pa.Array) -> SameImages:
    positions_a, positions_b, notes = _same_names(names_a, names_b)
    if not len(positions_a):
        raise _nothing_shared(a, b, "no file name of one occurs in the other.")
    places_a, places_b = _places(a, len(names_a))[positions_a], _places(b, len(names_b))[positions_b]
    kept = (places_a >= 0) & (places_b >= 0)
    return SameImages(places_a[kept], places_b[kept], notes)


def _same_names(names_a: pa.Array, names_b: pa.Array) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """The positions with the same name in both, which is unique in each, and how they were found."""
    if names_a.equals(names_b):
        return np.arange(len(names_a)), np.arange(len(names_b)), (_BY_FILE,)
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
            return places_a, place_in_b[ids_a[places_a]], tuple(notes)
    return np.empty(0, np.int64), np.empty(0, np.int64), ()


def _places(run: Run, n: int) -> np.ndarray:
    """(n,) int: for each position, its place in `Run.table`; -1 if the filter leaves it out."""
    places = np.full(n, -1)
    places[run.table.index.to_numpy()] = np.arange(len(run.table))
    return places


def _by_row_number(a: Run, b: Run, nameless: str) -> SameImages:
    if a.manifest.n_images != b.manifest.n_images:
        raise _nothing_shared(
            a, b,
            f"{nameless} has no file names, and the numbers of rows differ "
            f"({a.manifest.n_images:,} and {b.manifest.n_images:,}).",
        )  # fmt: skip
    all_a, all_b = _unfiltered(a), _unfiltered(b)
    rows_a, rows_b = _equal_indices(all_a, all_b)
    names = all_classes(a, b)
    true_a, true_b = label_ids(all_a, "true_label", names)[rows_a], label_ids(all_b, "true_label", names)[rows_b]
    known = (true_a >= 0) & (true_b >= 0)
    if len(rows_a) and not known.any():
        raise _nothing_shared(a, b, f"{nameless} has no file names, and there are no labels to confirm the order.")
    if differing := int((true_a != true_b)[known].sum()):
        raise _nothing_shared(
            a, b, f"{nameless} has no file names, and at {counted(differing, 'row')} the labels differ.",
        )  # fmt: skip
    note = f"{nameless} has no file names, so rows are matched by their number. Their labels agree."
    return SameImages(*_equal_indices(a, b), (note,))


def _unfiltered(run: Run) -> Run:
    """The run with the labels of all its rows. Raises DatasetError when they cannot be read."""
    if not run.conditions:
        return run
    try:
        return replace(run, table=run.files.read(["index", "true_label"]), conditions=())
    except (OSError, pa.ArrowException) as error:
        raise damaged(run.manifest.run_id, error) from error


def all_classes(a: Run, b: Run) -> tuple[str, ...]:
    """The classes of both runs: those of `a`, then those that only `b` has."""
    return tuple(dict.fromkeys((*a.manifest.class_names, *b.manifest.class_names)))


def label_ids(run: Run, column: str, names: Sequence[str]) -> np.ndarray:
    """(N,) int: the labels in a column of `Run.table` as places in `names`, which has all classes; -1 for none."""
    place_of = {name: place for place, name in enumerate(names)}
    places = np.array([*(place_of[name] for name in run.manifest.class_names), -1])
    return places[run.table[column].cat.codes.to_numpy(np.int64)]


class _Files(NamedTuple):
    """The names of all rows of a run."""

    file: pa.Array
    index: pa.Array


def _files(run: Run) -> _Files:
    try:
        table = run.files.arrow(["file", "index"])
    except (OSError, pa.ArrowException) as error:
        raise damaged(run.manifest.run_id, error) from error
    return _Files(table["file"].combine_chunks(), table["index"].combine_chunks())


def _are_numbers(file: pa.Array, index: pa.Array) -> bool:
    """True if the files are called after the numbers of their rows: "image 0", "image 1" ..."""
    if not len(file):
        return False
    noun, _, _ = (file[0].as_py() or "").rpartition(" ")
    numbered = pc.binary_join_element_wise(noun, pc.cast(index, pa.string()), " ")
    return bool(noun) and bool(file.equals(numbered))


def _nothing_shared(a: Run, b: Run, why: str) -> DatasetError:
    names = f"{a.manifest.dataset_name} ({a.manifest.model}) and {b.manifest.dataset_name} ({b.manifest.model})"
    if a.manifest.imported or b.manifest.imported:
        fix = "Import the predictions with a column of file names, the same ones as in the other evaluation."
    else:
        command, note = evaluate_again(a.manifest, b.manifest.model, b.manifest.class_names)
        fix = f"{note} Evaluate both on the same images: `{command}`.".strip()
    return not_comparable(f"{names} share no image: {why}", fix)
