"""Imports the predictions of another program as a run without images."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from dashboard.core.clock import utc_now
from dashboard.core.datasets.attributes import Attributes, attributes_of
from dashboard.core.datasets.columns import PREDICTED_COLUMNS, column_among
from dashboard.core.datasets.folder_files import check_path
from dashboard.core.errors import Advice, Choice, DatasetError, Part, counted, listed, meaning
from dashboard.core.files import sha256_of
from dashboard.core.importing.classes import renamed_classes, which_classes
from dashboard.core.importing.opening import open_predictions
from dashboard.core.importing.predictions_file import PredictionsFile
from dashboard.core.importing.rows import LEFT_OUT, Tally, as_table, check_rows, contradicted
from dashboard.core.importing.tables import TablePredictions
from dashboard.core.importing.true_labels import PlacedLabels, place, read_given_labels, with_labels
from dashboard.core.importing.which_arrays import Reading
from dashboard.core.labels.class_ids import NO_ID, are_numbers, possible_starts, uncertain_start
from dashboard.core.labels.class_names import class_names_fault
from dashboard.core.labels.matching import LabelMapping, match_labels
from dashboard.core.labels.unknown import unknown_labels
from dashboard.core.metrics.evaluation import Evaluation
from dashboard.core.metrics.other_order import other_order
from dashboard.core.questions import UndecidedError
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.store import RunStore, storage_error
from dashboard.core.shell import in_command

_FEW_ROWS = 20  # so few may all be right
_UNLIKELY = 0.001
_IF_CONFIDENCE = " If the probabilities are those of the predicted classes, call their column confidence."


@dataclass(frozen=True)
class ImportRequest:
    """A file of predictions, and the user's statements about it."""

    path: Path
    class_names: Sequence[str] | None = None  # (K,) in the order of the probabilities; None: as in the file
    labels: Path | None = None  # file of true labels, by row or file name; None: labels in `path`
    model: str = ""  # name of the model for display; "": the file's name
    label_map: Mapping[str, str] = field(default_factory=dict)  # meaning of some labels, see `match_labels`
    first_id: int | None = None  # the number of the first class, if the labels are class ids and the user has said so
    reading: Reading | None = None  # the arrays of an .npz file that are meant, if the user has said so


@dataclass(frozen=True)
class Imported:
    """A run made from imported predictions."""

    manifest: RunManifest
    evaluation: Evaluation | None  # None if no row has both a prediction and a label
    n_evaluated: int  # rows with a prediction, whose label is a class or missing
    n_failed: int  # rows without a prediction
    n_left_out: int  # rows with a prediction whose label the user left out


@dataclass(frozen=True)
class _Opened:
    """A file of predictions whose classes and labels are known."""

    predictions: PredictionsFile
    class_names: tuple[str, ...]
    order: tuple[int, ...]  # see `check_rows`
    placed: PlacedLabels | None  # labels from a separate file
    mapping: LabelMapping
    attributes: Attributes | None
    notes: tuple[str, ...]

    @property
    def names_columns(self) -> bool:
        """Whether the names of the classes tell their columns, in whatever order these stand."""
        own = self.predictions.class_names
        return isinstance(self.predictions, TablePredictions) and own is not None and {*own} == {*self.class_names}


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
        owner = store.begin(manifest, opened.attributes and opened.attributes.columns)
    except OSError as error:
        raise storage_error(store.root, error) from error
    folder = store.folder(manifest.run_id)
    try:
        tally = _store_rows(opened, folder, request.path.name, on_progress)
        labels = request.labels or request.path
        notes = [tally.without_label(labels.name)]
        if repeated := tally.n_repeated:
            repeat = "row repeats" if repeated == 1 else "rows repeat"
            notes.append(f"{repeated:,} {repeat} the file name of an earlier row.")
        if n := tally.n_contradicted:
            notes.append(
                f"In {counted(n, 'row')}, {request.path.name} says that another class is predicted than the one of the "
                "highest probability, which counts here. Check the order of the classes and of the rows."
                + (_IF_CONFIDENCE if opened.predictions.n_classes == 1 else "")
            )
        evaluation = tally.evaluation(opened.class_names)
        if evaluation and not request.labels:
            notes.append(_perhaps_predicted(evaluation, request.path.name))
        if evaluation and opened.names_columns and are_numbers([*opened.mapping.class_of]):
            notes.append(_perhaps_in_another_order(evaluation))
        manifest = replace(manifest, notes=(*manifest.notes, *filter(None, notes)))
        if evaluation:
            folder.beside.keep_evaluation(evaluation)
        manifest = folder.finish(manifest, "finished", time.perf_counter() - start)
    except BaseException as error:
        owner.release()
        store.discard(manifest.run_id)
        if isinstance(error, OSError):
            raise storage_error(store.root, error) from error
        raise
    owner.release()
    return Imported(manifest, evaluation, tally.n_evaluated, tally.n_absent, tally.n_left_out)


def _perhaps_predicted(evaluation: Evaluation, source: str) -> str:
    """The note on labels that may be predictions; "" if there is no doubt."""
    if evaluation.accuracy.value < 1 or evaluation.accuracy.n < _FEW_ROWS:
        return ""
    return (
        f"In every row, the label in {source} is the class of the highest probability. If that column holds predictions, "
        "give the true labels in a file of their own, or remove the column."
    )


def _perhaps_in_another_order(evaluation: Evaluation) -> str:
    """The warning on class ids that count the classes in another order; "" if there is no doubt."""
    found = other_order(evaluation.confusion)
    if not found or found.p_value > _UNLIKELY:
        return ""
    return (
        f"Warning: {found.in_words(evaluation.class_names)}. Of {counted(found.n, 'row')}, {found.fits:,} would be right in "
        f"another order, and {found.kept:,} are right now. The labels are class ids: give the classes in the order of these "
        "ids with --class-names, then import the file again."
    )


def _open(request: ImportRequest) -> _Opened:
    """Raises DatasetError when the predictions, their classes or their labels cannot be used."""
    path, labels = request.path, request.labels
    for given_path in filter(None, (path, labels)):
        check_path(given_path)
    predictions = open_predictions(path, request.class_names, request.reading)
    if not predictions.n_rows:
        raise DatasetError(f"{path.name} holds no predictions.", "Save or export it again.", "predictions")
    if not predictions.n_classes:
        raise DatasetError(
            f"{path.name} holds no probabilities of two or more classes.", "Save or export it again.", "predictions"
        )
    placed = place(read_given_labels(labels, predictions), predictions) if labels else None
    found = placed.labels(placed.rows) if placed else predictions.labels()
    counts = Counter(label for label in found if label is not None)
    if isinstance(predictions, TablePredictions):
        predictions.add_classes(counts)
    names, order, notes = which_classes(predictions, request.class_names, path.name, counts)
    if fault := class_names_fault(names):
        raise DatasetError(f"{path.name}: the class names {fault}.", "Rename the columns.", "class_names")
    has_probabilities = not isinstance(predictions, TablePredictions) or predictions.has_probabilities
    numbers = tuple(map(str, range(len(names)))) if has_probabilities else ()
    unnamed = request.class_names is None and predictions.class_names in (None, (), numbers)
    renamed = renamed_classes(predictions.class_names, names)  # labels may have the old names
    if {*renamed} == {*numbers}:
        renamed = {}  # the columns are numbered from 0, but numbers among the labels may count from 1
    label_map = {label: new for label, new in renamed.items() if label in counts} | dict(request.label_map)
    mapping = match_labels(counts, names, label_map, request.first_id, unnamed=unnamed)
    if mapping.question:
        raise UndecidedError(uncertain_start(mapping.unknown), mapping.question, "labels_uncertain")
    if counts and not mapping.class_of and not request.label_map:
        by_columns = (
            request.class_names and isinstance(predictions, TablePredictions) and predictions.called_like_columns
        )
        raise DatasetError(
            f"None of the labels ({listed(sorted(counts))}) is one of the classes ({listed(names)}).",
            (_how_to_match if by_columns else _how_to_name)(sorted(counts), names), "labels_unknown",
        )  # fmt: skip
    if mapping.unknown:
        starts = _possible_starts(list(counts), names) if request.first_id is None else []
        start = Choice("labels_from", str(starts[0]) if len(starts) == 1 else None)
        raise unknown_labels(
            mapping, counts, path.name, names, "row",
            (" If they are class ids, say where they begin: ", start, ".") if starts else (),
        )  # fmt: skip
    attributes = _attributes(path.name, predictions, placed)
    notes = (*predictions.notes, *notes)
    if isinstance(predictions, TablePredictions) and not placed:
        notes += predictions.about_labels()
    notes += (*placed.given.notes, *placed.notes) if placed else ()
    notes += (*mapping.notes, *(attributes.notes if attributes else ()))
    if attributes and not counts:
        notes += _perhaps_labels(path.name, attributes, names)
    kept = attributes if attributes and attributes.columns.num_columns else None
    return _Opened(predictions, names, order, placed, mapping, kept, notes)


def _how_to_name(labels: Sequence[str], class_names: Sequence[str]) -> str:
    """What to do about labels that are none of the classes."""
    names = ",".join(labels)
    known = len(labels) == len(class_names) and names.count(",") == len(labels) - 1
    example = f", such as `--class-names {in_command(names)}` if they are in alphabetical order" if known else ""
    order = "their numbers" if are_numbers(class_names) else "the probabilities"
    return (
        f"Give the names of the classes in the order of {order}{example or ': `--class-names A,B,C`'}. Or take those of a "
        "model with `--model`."
    )


def _how_to_match(labels: Sequence[str], columns: Sequence[str]) -> Advice:
    """What to do about labels if the classes are called like the columns of their probabilities."""
    matches: list[str | Part] = []
    for label in labels[: len(columns)]:
        matches += [" ", meaning(label, "COLUMN")]
    return Advice(
        "Say for each label in which column its probability is:", *matches,
        f". Or call each column p_ and its label, such as p_{labels[0]}, and leave out the class names.",
    )  # fmt: skip


def _perhaps_labels(name: str, attributes: Attributes, class_names: Sequence[str]) -> tuple[str, ...]:
    """A note for each further column that may hold true labels, as its values are names of classes."""
    classes = {name.casefold() for name in class_names}
    perhaps = []
    for column, values in zip(attributes.columns.column_names, attributes.columns.columns, strict=True):
        if pa.types.is_string(values.type) and not column_among([column], PREDICTED_COLUMNS):
            found = {value.casefold() for value in values.unique().drop_null().to_pylist()}
            if len(found) > 1 and found <= classes:
                perhaps.append(column)
    return tuple(
        f"The column {column} of {name} holds names of the classes only. If these are the true labels, call it label, then "
        "import the file again."
        for column in perhaps
    )


def _possible_starts(labels: Sequence[str], class_names: Sequence[str]) -> list[int]:
    """Where the labels may begin to count, 0 or 1, if they are numbers beside classes that are called by numbers."""
    given = [label for label in labels if label != NO_ID]
    if not given or not are_numbers(given) or not are_numbers(class_names):
        return []
    return possible_starts(map(int, given), len(class_names))


def _attributes(name: str, predictions: PredictionsFile, placed: PlacedLabels | None) -> Attributes | None:
    """The further columns of the predictions and of their labels; None if there are none. Raises DatasetError."""
    own, beside = predictions.attributes(), placed.attributes() if placed else None
    if not own or not placed or not beside:
        return own or beside
    columns = [
        each for part in (own, beside) for each in zip(part.columns.column_names, part.columns.columns, strict=True)
    ]
    both = attributes_of(f"{name} and {placed.given.name}", [(n, partial(_same, c)) for n, c in columns])
    return Attributes(both.columns, (*own.notes, *beside.notes, *both.notes))


def _same(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column


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
        label_map=tuple(opened.mapping.label_map().items()),
        notes=opened.notes,
        imported=True,
        labels=str(request.labels.absolute()) if request.labels else "",
        arrays=request.reading.typed if request.reading else "",
    )


def _store_rows(opened: _Opened, folder: RunFolder, source: str, on_progress: Callable[[int, int], None]) -> Tally:
    """Stores the rows piece by piece and counts them. Raises DatasetError at a row that cannot be used, and OSError."""
    predictions, names = opened.predictions, opened.class_names
    ids = {label: -1 if meant is None else names.index(meant) for label, meant in opened.mapping.class_of.items()}
    ids |= dict.fromkeys(opened.mapping.left_out, LEFT_OUT)
    tally, done = Tally(), 0
    for part, piece in enumerate(with_labels(predictions, opened.placed)):
        rows = check_rows(piece, opened.order, done, ids, source, predictions.place)
        folder.add_part(part, as_table(rows, names))
        tally.add(rows)
        tally.n_contradicted += contradicted(rows, piece.predicted, names, ids)
        done += len(rows.failed)
        on_progress(done, predictions.n_rows)
    if done != predictions.n_rows:
        raise DatasetError(
            f"{source} says that it has {predictions.n_rows:,} rows, but has {done:,}.",
            "Copy or export it again.",
            "predictions",
        )
    return tally


def _digest(path: Path, labels: Path | None) -> str:
    digests = [sha256_of(path)] + ([sha256_of(labels)] if labels else [])
    return hashlib.sha256("\n".join(digests).encode()).hexdigest() if labels else digests[0]
