"""Evaluating a dataset with a model version: cut into chunks, done by the engine, written to the run store as it goes."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dashboard.core.datasets import Dataset, Sample, distinct_labels, open_dataset
from dashboard.core.engine import ATTEMPTS, Engine
from dashboard.core.errors import DashboardError, DatasetError, WorkerError
from dashboard.core.labels import LabelMapping, match_labels
from dashboard.core.records import Failure, Prediction
from dashboard.core.registry import ModelVersion
from dashboard.core.runs import Row, RunManifest, RunStore, State

SHORTEST_LIMIT_S = 30.0  # loading the model is part of a new worker's first chunk, however small
CHUNKS_AHEAD = 2  # waiting for each worker, so that none idles and an urgent task waits for one chunk at most


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is."""

    done: int
    total: int
    failed: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Mean since the start."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining_s(self) -> float | None:
        """Estimated, None before the first images are through."""
        return (self.total - self.done) / self.images_per_second if self.done else None


def new_run_id() -> str:
    """A name that sorts by time and cannot be guessed."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def start_run(
    run_id: str,
    store: RunStore,
    dataset: Dataset,
    version: ModelVersion,
    label_map: Mapping[str, str] | None = None,
) -> tuple[RunManifest, LabelMapping]:
    """A new run in the store.

    Args:
        label_map: what some labels mean, see `match_labels`.

    Raises:
        DatasetError: the dataset has labels, and not one is a class of the model; or the label map does not fit.
    """
    labels = distinct_labels(dataset.samples)
    mapping = match_labels(labels, version.class_names, label_map)
    if labels and not mapping.class_of:
        raise DatasetError(
            f"None of the labels ({_listed(mapping.unknown or mapping.left_out)}) is a class of {version.ref}.",
            f"Name the folders after its classes ({_listed(version.class_names, 20)}), or say what each label means (--map LABEL=CLASS).",
            "labels_unknown",
        )
    manifest = RunManifest(
        run_id=run_id,
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        dataset=str(dataset.path),
        dataset_sha256=dataset.fingerprint,
        model=version.ref,
        model_sha256=version.sha256,
        class_names=version.class_names,
        n_images=len(dataset.samples),
        unknown_labels=mapping.unknown,
        label_map=tuple(mapping.chosen().items()),
        notes=(*dataset.notes, *mapping.notes),
    )
    store.save(manifest)
    return manifest, mapping


def _listed(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def evaluate(
    path: Path,
    version: ModelVersion,
    engine: Engine,
    store: RunStore,
    chunk_size: int = 128,
    chunk_s: float = 120.0,
    run_id: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: threading.Event | None = None,
    label_map: Mapping[str, str] | None = None,
) -> RunManifest:
    """Evaluates the dataset at `path` and returns the manifest of the stored run.

    An image that cannot be read, whose folder is no class of the model, or that kills its worker is a failed row; the
    rest goes on. When `cancelled` is set, what is done stays.

    Args:
        chunk_size: images that a worker takes at a time.
        chunk_s: how long it may take for so many.
        label_map: what some labels mean, see `match_labels`.

    Raises:
        DatasetError: the dataset cannot be used at all.
        DependencyError, ModelError, WorkerError: nothing can be predicted; the run is stored as failed.
    """
    cancelled = cancelled or threading.Event()
    dataset = open_dataset(path)
    manifest, mapping = start_run(run_id or new_run_id(), store, dataset, version, label_map)
    start = time.perf_counter()
    done = failed = 0
    try:
        rows_by_chunk = _predict_chunks(dataset, mapping, version, engine, chunk_size, chunk_s, cancelled)
        for part, rows in enumerate(rows_by_chunk):
            store.add_part(manifest.run_id, part, rows)
            done += len(rows)
            failed += sum(row.status == "failed" for row in rows)
            on_progress(Progress(done, len(dataset.samples), failed, time.perf_counter() - start))
    except OSError as error:
        reason = f"The results cannot be written to {store.root}: {error.strerror or error}."
        with contextlib.suppress(OSError):
            store.finish(manifest, "failed", time.perf_counter() - start, reason)
        raise DatasetError(reason, "Free some space, then evaluate again.", "storage") from error
    except BaseException as error:  # a run that has ended, by Ctrl-C too, must not be shown as running
        with contextlib.suppress(OSError):
            store.finish(manifest, "failed", time.perf_counter() - start, str(error) or "It was interrupted.")
        raise
    with contextlib.suppress(DashboardError):  # then whoever reads the run computes them
        engine.submit("measure_run", store.root, manifest.run_id).result()
    state: State = "cancelled" if cancelled.is_set() and done < len(dataset.samples) else "finished"
    return store.finish(manifest, state, time.perf_counter() - start)


def _predict_chunks(
    dataset: Dataset,
    mapping: LabelMapping,
    version: ModelVersion,
    engine: Engine,
    chunk_size: int,
    chunk_s: float,
    cancelled: threading.Event,
) -> Iterator[list[Row]]:
    """Rows, a chunk at a time, in the order in which chunks finish."""
    known: list[Sample] = []
    unknown: list[Sample] = []
    for sample in dataset.samples:
        (known if sample.label is None or sample.label in mapping.class_of else unknown).append(sample)
    todo = deque(known[i : i + chunk_size] for i in range(0, len(known), chunk_size))
    pending: dict[Future[list[Prediction | Failure]], list[Sample]] = {}
    try:
        while (todo or pending) and not cancelled.is_set():
            while todo and len(pending) < CHUNKS_AHEAD * len(engine.workers()):
                chunk = todo.popleft()
                limit_s = max(min(chunk_s, SHORTEST_LIMIT_S), chunk_s * len(chunk) / chunk_size)
                attempts = ATTEMPTS if len(chunk) == 1 else 1  # a larger one is halved instead
                future = engine.submit(
                    "predict_samples", version, dataset.path, chunk, timeout_s=limit_s, attempts=attempts
                )
                pending[future] = chunk
            finished, _ = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                chunk = pending.pop(future)
                try:
                    answers = future.result()
                except WorkerError as error:
                    if error.code == "worker_unavailable":
                        raise
                    if len(chunk) == 1:
                        yield [_failed(chunk[0], _true_label(chunk[0], mapping), error.message)]
                        continue
                    if error.code == "worker_hung":  # perhaps the model is slow: spare the others the wait
                        todo = deque(half for each in todo for half in _halves(each))
                    todo.extendleft(_halves(chunk))  # or one image is the cause: halve until it stands alone
                    continue
                yield [_row(s, _true_label(s, mapping), a, version) for s, a in zip(chunk, answers, strict=True)]
        if unknown:
            yield [_failed(s, None, _why_left_out(s, mapping, version)) for s in unknown]
    finally:
        for future in pending:
            future.cancel()


def _halves(chunk: list[Sample]) -> list[list[Sample]]:
    middle = len(chunk) // 2
    return [half for half in (chunk[:middle], chunk[middle:]) if half]


def _true_label(sample: Sample, mapping: LabelMapping) -> str | None:
    return None if sample.label is None else mapping.class_of[sample.label]


def _row(sample: Sample, true_label: str | None, answer: Prediction | Failure, version: ModelVersion) -> Row:
    if isinstance(answer, Failure):
        return _failed(sample, true_label, answer.message)
    return Row(
        sample.index, sample.name, true_label, version.class_names[answer.class_id], answer.confidence,
        answer.pred_probs.tolist(), answer.logits.tolist(), "ok", "",
    )  # fmt: skip


def _why_left_out(sample: Sample, mapping: LabelMapping, version: ModelVersion) -> str:
    if sample.label in mapping.left_out:
        return f"Its label {sample.label!r} was left out."
    return f"Its label {sample.label!r} is no class of {version.ref}."


def _failed(sample: Sample, true_label: str | None, reason: str) -> Row:
    return Row(sample.index, sample.name, true_label, None, None, None, None, "failed", reason)
