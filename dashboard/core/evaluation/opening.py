"""Decides what a request to evaluate becomes: a new run, an unfinished run that goes on, or the result of another run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from dashboard.core.datasets import Dataset, is_there
from dashboard.core.datasets.unchanged import FROM_THE_START, changed, open_with_content
from dashboard.core.errors import DashboardError, DatasetError, ModelError
from dashboard.core.evaluation.plan import RunPlan, run_key
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.store import RunStore


@dataclass(frozen=True)
class OpenRun:
    """A run that only this process works on."""

    folder: RunFolder
    manifest: RunManifest
    dataset: Dataset
    version: ModelVersion
    owner: RunOwner
    seconds_before: float = 0.0  # spent on it by others
    taken_up: bool = False  # True if the run was begun before


@dataclass(frozen=True)
class Found:
    """A finished run with the requested answers."""

    manifest: RunManifest


@dataclass(frozen=True)
class UnderWay:
    """A run that will have the requested answers. Some process, perhaps this one, works on it."""

    manifest: RunManifest


Opened = OpenRun | Found | UnderWay


def open_run(plan: RunPlan, store: RunStore, chunk_size: int, run_id: str, reuse: bool = True) -> Opened:
    """Finds or begins the run for a plan.

    A run with the same key is used if there is one: first a run under way, then a finished run, then a run of the same
    dataset that was interrupted, cancelled or failed, which goes on after its last part. Otherwise a new run begins.

    Args:
        chunk_size: images that a worker takes at a time, for a new run.
        run_id: id for a new run.
        reuse: if False, a new run begins in any case.

    Raises:
        OSError: the store cannot be written.
    """
    if not reuse:
        return begin_run(plan, store, chunk_size, run_id)
    with store.beginning():
        # in this order: a run that ends meanwhile is then found as finished
        if manifest := store.under_way(plan.key):
            return UnderWay(manifest)
        if manifest := _evaluated_before(plan, store):
            return Found(manifest)
        if manifest := store.interrupted(plan.key, plan.dataset.path):
            try:
                return _take_up(store.folder(manifest.run_id), lambda _: (plan.version, plan.dataset))
            except PermissionError:
                pass  # it is another user's
            except DatasetError as error:  # meanwhile the run was deleted or taken up by somebody else
                if error.code == "run_in_use":
                    return UnderWay(manifest)
        return begin_run(plan, store, chunk_size, run_id)


def _evaluated_before(plan: RunPlan, store: RunStore) -> RunManifest | None:
    """A finished run with the same answers; None if there is none."""
    found = store.same_as(plan.key)
    if found and not is_there(Path(found.dataset)):  # the same content is now at another path
        found = replace(found, dataset=str(plan.dataset.path))
        with contextlib.suppress(OSError):
            store.folder(found.run_id).save(found)
    return found


def begin_run(plan: RunPlan, store: RunStore, chunk_size: int, run_id: str) -> OpenRun:
    """Begins a new run in the store. Raises OSError if it cannot be written."""
    manifest = RunManifest(
        run_id=run_id,
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        dataset=str(plan.dataset.path),
        dataset_sha256=plan.fingerprint,
        model=plan.version.ref,
        model_sha256=plan.version.sha256,
        class_names=plan.version.class_names,
        n_images=len(plan.dataset.samples),
        fit=plan.version.preprocessing.fit,
        unknown_labels=plan.mapping.unknown,
        label_map=tuple(plan.mapping.label_map().items()),
        notes=(*plan.dataset.notes, *plan.mapping.notes),
        chunk_size=chunk_size,
        key=plan.key,
    )
    owner = store.begin(manifest)
    return OpenRun(store.folder(run_id), manifest, plan.dataset, plan.version, owner)


def take_up_run(run_id: str, store: RunStore, registry: Registry) -> OpenRun | Found:
    """Opens an unfinished run, to go on after its last part. If the run is finished, it is returned as found.

    Raises:
        DatasetError: there is no such run, somebody else works on it (`run_in_use`), or its dataset was changed or is gone.
            In the last case the run is stored as failed, with the reason.
        ModelError: its model version was changed or is gone; the run is stored as failed.
        OSError: its manifest cannot be written.
    """
    return _take_up(store.folder(run_id), lambda manifest: _unchanged(manifest, registry))


def _take_up(folder: RunFolder, look_up: Callable[[RunManifest], tuple[ModelVersion, Dataset]]) -> OpenRun | Found:
    """See `take_up_run`.

    Args:
        look_up: returns the model version and the dataset of the run, or raises DashboardError.
    """
    owner = folder.own()
    try:
        manifest = folder.manifest()
        if manifest.state == "finished":
            owner.release()
            return Found(manifest)
        _check_it_can_go_on(manifest)
        spent = manifest.seconds + (folder.seconds_until_last_part() if manifest.state == "running" else 0.0)
        try:
            version, dataset = look_up(manifest)
        except DashboardError as error:
            folder.finish(manifest, "failed", spent, str(error))
            raise
        folder.forget_evaluation()  # it was computed from fewer rows
        running = folder.finish(manifest, "running", spent)
        return OpenRun(folder, running, dataset, version, owner, spent, taken_up=True)
    except BaseException:
        owner.release()
        raise


def _check_it_can_go_on(manifest: RunManifest) -> None:
    if manifest.imported:
        raise DatasetError(
            f"The import of {manifest.dataset_name} was interrupted.", "Import the file again.", "import_interrupted"
        )
    if not manifest.key:
        raise changed(manifest.dataset_name, "while it was evaluated.", FROM_THE_START)


def version_of_run(registry: Registry, manifest: RunManifest) -> ModelVersion:
    """The model version that made a run. Raises ModelError if it is gone or its file was replaced."""
    version = registry.get(manifest.model)
    if version.sha256 != manifest.model_sha256:
        raise ModelError(
            f"{manifest.model} is another file now than when this was evaluated.", "Evaluate the dataset again."
        )
    return _fitted(version, manifest)


def _fitted(version: ModelVersion, manifest: RunManifest) -> ModelVersion:
    return version.fitting(manifest.fit) if manifest.fit else version


def _unchanged(manifest: RunManifest, registry: Registry) -> tuple[ModelVersion, Dataset]:
    version = _fitted(registry.get(manifest.model), manifest)
    was_changed = changed(manifest.dataset_name, "before its evaluation was through.", FROM_THE_START)
    dataset = open_with_content(Path(manifest.dataset), manifest.dataset_sha256, was_changed)
    if run_key(manifest.dataset_sha256, version, dict(manifest.label_map)) != manifest.key:
        raise ModelError(
            f"{manifest.model} was changed before the evaluation was through, or now computes in another precision.",
            "Evaluate the dataset again, from the start.",
            "model_changed",
        )
    return version, dataset
