"""Imports the predictions of another program as a run without images."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dashboard.core.clock import utc_now
from dashboard.core.datasets.folder_files import check_readable_name
from dashboard.core.errors import DatasetError
from dashboard.core.files import sha256_of
from dashboard.core.importing.opening import open_predictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.importing.rows import LEFT_OUT, Tally, as_table, check_rows
from dashboard.core.importing.true_labels import GivenLabels, read_given_labels, with_labels
from dashboard.core.labels.class_ids import uncertain_start
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.labels.matching import LabelMapping, match_labels
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.questions import UndecidedError
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.store import RunStore, storage_error


@dataclass(frozen=True)
class ImportRequest:
    """A file of predictions, and the user's statements about it."""

    path: Path
    class_names: Sequence[str] | None = None  # (K,) in the order of the probabilities; None: as in the file
    labels: Path | None = None  # file of true labels, by row or file name; None: labels in `path`
    model: str = ""  # name of the model for display; "": the file's name
    label_map: Mapping[str, str] = field(default_factory=dict)  # meaning of some labels, see `match_labels`
    first_id: int | None = None  # the number of the first class, if the labels are class ids and the user has said so


@dataclass(frozen=True)
class Imported:
    """A run made from imported predictions."""

    manifest: RunManifest
    evaluation: Evaluation | None  # None if no row has both a prediction and a label
    n_failed: int  # rows without a prediction or with a label that is not a class
    n_left_out: int  # rows whose label the user left out


@dataclass(frozen=True)
class _Opened:
    """A file of predictions whose classes and labels are known."""

    predictions: PredictionsFile
    class_names: tuple[str, ...]
    given: GivenLabels | None  # labels from a separate file
    mapping: LabelMapping
    notes: tuple[str, ...]


def import_predictions(
    request: ImportRequest, store: RunStore, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Imported:
    """Stores predictions as a run.

    Args:
        on_progress: called with (rows so far, rows in all).

    Raises:
        UndecidedError: the labels are class ids, and it is not certain where they begin. Then nothing is stored.
        DatasetError: the file, its probabilities or the labels cannot be used. Then nothing is stored.
    """
    start = time.perf_counter()
    opened = _open(request)
    manifest = _manifest(request, opened)
    try:
        owner = store.begin(manifest)
    except OSError as error:
        raise storage_error(store.root, error) from error
    folder = store.folder(manifest.run_id)
    try:
        tally = _store_rows(opened, folder, request.path.name, on_progress)
        if repeated := tally.n_repeated:
            note = f"{repeated:,} rows repeat the file name of an earlier row."
            manifest = replace(manifest, notes=(*manifest.notes, note))
        evaluation = tally.evaluation(opened.class_names)
        if evaluation:
            folder.keep_evaluation(evaluation)
        manifest = folder.finish(manifest, "finished", time.perf_counter() - start)
    except BaseException as error:
        owner.release()
        store.discard(manifest.run_id)
        if isinstance(error, OSError):
            raise storage_error(store.root, error) from error
        raise
    owner.release()
    return Imported(manifest, evaluation, tally.n_failed, tally.n_left_out)


def _open(request: ImportRequest) -> _Opened:
    """Raises DatasetError when the predictions, their classes or their labels cannot be used."""
    path, labels = request.path, request.labels
    for given_path in filter(None, (path, labels)):
        check_readable_name(given_path)
    predictions = open_predictions(path, request.class_names)
    if not predictions.n_rows:
        raise DatasetError(f"{path.name} holds no predictions.", "Save or export it again.", "predictions")
    if predictions.n_classes < 2:
        raise DatasetError(
            f"{path.name} holds no probabilities of two or more classes.", "Save or export it again.", "predictions"
        )
    names, notes = _class_names(predictions, request.class_names, path.name)
    if fault := class_names_fault(names):
        raise DatasetError(f"{path.name}: the class names {fault}.", "Rename the columns.", "class_names")
    given = read_given_labels(labels, predictions.n_rows) if labels else None
    distinct = {label for label in (given.labels if given else predictions.labels()) if label is not None}
    mapping = match_labels(distinct, names, request.label_map, request.first_id)
    if mapping.question:
        raise UndecidedError(uncertain_start(mapping.unknown), mapping.question, "labels_uncertain")
    if distinct and not mapping.class_of:
        raise DatasetError(
            f"None of the labels ({', '.join(sorted(distinct)[:8])}) is one of the classes ({', '.join(names[:8])}).",
            "Give --class-names in the order of the probabilities.", "labels_unknown",
        )  # fmt: skip
    return _Opened(predictions, names, given, mapping, (*notes, *(given.notes if given else ()), *mapping.notes))


def _manifest(request: ImportRequest, opened: _Opened) -> RunManifest:
    """The manifest of the run, before its rows are stored."""
    return RunManifest(
        run_id=new_run_id(),
        created_utc=utc_now(),
        dataset=str(request.path.absolute()),
        dataset_sha256=_digest(request.path, request.labels),
        model=request.model or request.path.stem,
        model_sha256="",  # empty, so that no later evaluation reuses this run
        class_names=opened.class_names,
        n_images=opened.predictions.n_rows,
        unknown_labels=opened.mapping.unknown,
        label_map=tuple(opened.mapping.label_map().items()),
        notes=opened.notes,
        imported=True,
    )


def _store_rows(opened: _Opened, folder: RunFolder, source: str, on_progress: Callable[[int, int], None]) -> Tally:
    """Stores the rows piece by piece and counts them. Raises DatasetError at a row that cannot be used, and OSError."""
    predictions, names = opened.predictions, opened.class_names
    columns = predictions.class_names or names
    order = [columns.index(name) for name in names]  # for each class: the column of its probabilities
    ids = {label: -1 if meant is None else names.index(meant) for label, meant in opened.mapping.class_of.items()}
    ids |= dict.fromkeys(opened.mapping.left_out, LEFT_OUT)
    tally, done = Tally(), 0
    for part, piece in enumerate(with_labels(predictions, opened.given)):
        rows = check_rows(replace(piece, pred_probs=piece.pred_probs[:, order]), done, ids, source)
        folder.add_part(part, as_table(rows, names))
        tally.add(rows)
        done += len(rows.failed)
        on_progress(done, predictions.n_rows)
    if done != predictions.n_rows:
        raise DatasetError(
            f"{source} says that it has {predictions.n_rows:,} rows, but has {done:,}.",
            "Copy or export it again.",
            "predictions",
        )
    return tally


def _class_names(
    predictions: PredictionsFile, given: Sequence[str] | None, file: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the classes, and a note if they are only numbers."""
    if given is not None:
        if len(given) != predictions.n_classes:
            raise DatasetError(
                f"{file} has {predictions.n_classes} probabilities per row, but {len(given)} class names were given.",
                "Give one class name per probability, in the same order.", "class_names",
            )  # fmt: skip
        if predictions.class_names and set(given) != set(predictions.class_names):
            raise DatasetError(
                f"{file} has other class names: {', '.join(predictions.class_names[:8])}.",
                "Give the same class names, or leave them out.", "class_names",
            )  # fmt: skip
        return tuple(given), ()
    if predictions.class_names:
        return predictions.class_names, ()
    numbers = tuple(map(str, range(predictions.n_classes)))
    return numbers, ("The classes have no names, so they are numbered from 0.",)


def _digest(path: Path, labels: Path | None) -> str:
    digests = [sha256_of(path)] + ([sha256_of(labels)] if labels else [])
    return hashlib.sha256("\n".join(digests).encode()).hexdigest() if labels else digests[0]
