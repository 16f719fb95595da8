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
from dashboard.core.runs.rows import PROPERTY_FIELDS
from dashboard.core.runs.run import Run, damaged

_TAILS = ("", r"^.*?([^/]*/[^/]*)$", r"^.*/([^/]*)$")  # the whole path, its last two parts, its last part
_LIGHT = [i for i, field in enumerate(PROPERTY_FIELDS) if field.name in ("brightness", "contrast")]
_MOST_COMPRESSED = 0.02  # change of brightness or contrast by compression, in their units
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
    dataset, or if no path is the same, the same end of it. The rest is matched by content: all measured properties are
    equal. A note says if images of the same name look different. If the images of one have no file names, such as those
    of an array, rows are matched by their number, provided that both have as many rows and all labels agree.

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
    content_a, content_b = _content(a), _content(b)
    different = _look_different(content_a[positions_a], content_b[positions_b])
    if different:
        of = f"{different:,} of {counted(len(positions_a), 'image')}"
        notes = (f"They may be different pictures: {of} with the same name differ in size or brightness.", *notes)
    more_a, more_b = _same_content(content_a, content_b, positions_a, positions_b)
    if len(more_a):
        notes = (*notes, f"Matched by content: {counted(len(more_a), 'image')} with other names.")
        positions_a, positions_b = np.append(positions_a, more_a), np.append(positions_b, more_b)
    if not len(positions_a):
        raise _nothing_shared(a, b, "no file name and no content of one occurs in the other.")
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
        places_a, places_b, repeated = _once_in_both(ids_a, ids_b, k)
        if len(places_a):
            notes = [_BY_FILE]
            if tail:
                notes = ["Images are matched by the ends of their paths, because no whole path is in both datasets."]
            if repeated:
                notes.append(
                    f"Left out: {counted(repeated, 'file name')} that {'is' if repeated == 1 else 'are'} not unique."
                )
            return places_a, places_b, tuple(notes)
    return np.empty(0, np.int64), np.empty(0, np.int64), ()


def _once_in_both(ids_a: np.ndarray, ids_b: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The places of ids from 0 to k-1 that occur once in each, in the order of `ids_a`; how many others are in both."""
    often_a, often_b = np.bincount(ids_a, minlength=k), np.bincount(ids_b, minlength=k)
    once = (often_a == 1) & (often_b == 1)
    place_in_b = np.empty(k, np.int64)
    place_in_b[ids_b] = np.arange(len(ids_b))
    places_a = np.flatnonzero(once[ids_a])
    return places_a, place_in_b[ids_a[places_a]], int(((often_a > 0) & (often_b > 0) & ~once).sum())


def _content(run: Run) -> np.ndarray:
    """(N, 7) float64: the measured properties of all images, see `PROPERTY_FIELDS`; NaN where they are unknown."""
    try:
        table = run.files.arrow([field.name for field in PROPERTY_FIELDS])
    except (OSError, pa.ArrowException) as error:
        raise damaged(run.manifest.run_id, error) from error
    return np.column_stack([pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False) for column in table.columns])


def _look_different(a: np.ndarray, b: np.ndarray) -> int:
    """How many of these pairs, (N, 7) each, are of another size, brightness or contrast, so that no compression explains it."""
    known = ~np.isnan(a).any(axis=1) & ~np.isnan(b).any(axis=1)
    other_size = (a[:, :2] != b[:, :2]).any(axis=1)
    other_light = (np.abs(a[:, _LIGHT] - b[:, _LIGHT]) > _MOST_COMPRESSED).any(axis=1)
    return int((known & (other_size | other_light)).sum())


def _same_content(
    a: np.ndarray, b: np.ndarray, matched_a: np.ndarray, matched_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The positions of those images of `a` and `b` (N, 7) that are not matched yet and have equal properties, once in each."""
    left = [
        np.setdiff1d(np.flatnonzero(~np.isnan(each).any(axis=1)), matched)
        for each, matched in ((a, matched_a), (b, matched_b))
    ]
    _, ids = np.unique(np.concatenate([a[left[0]], b[left[1]]]), axis=0, return_inverse=True)
    ids = ids.reshape(-1)
    places_a, places_b, _ = _once_in_both(ids[: len(left[0])], ids[len(left[0]) :], len(ids))
    return left[0][places_a], left[1][places_b]


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
    # macOS writes letters with accents in another Unicode form
    return _Files(pc.utf8_normalize(table["file"], "NFC").combine_chunks(), table["index"].combine_chunks())


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
    elif a.manifest.model == b.manifest.model:
        fix = "Compare evaluations that have images in common, such as two models on one dataset."
    else:
        command, note = evaluate_again(a.manifest, b.manifest)
        fix = f"{note} Evaluate both on the same images: `{command}`.".strip()
    return not_comparable(f"{names} share no image: {why}", fix)
