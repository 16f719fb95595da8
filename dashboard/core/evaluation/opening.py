"""New, interrupted, under way or there already: ONE rule."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from dashboard.core.datasets import Dataset, is_there
from dashboard.core.errors import DashboardError, DatasetError, ModelError
from dashboard.core.evaluation.plan import RunPlan, open_with_fingerprint, run_key
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.manifest import RunManifest, new_run_id
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.store import RunStore, storage_error


def begin(plan: RunPlan, store: RunStore, chunk_size: int) -> OpenRun:
    """A new run, for `go_on`. Raises DatasetError when it cannot be written."""
    try:
        return begin_run(plan, store, chunk_size, new_run_id())
    except OSError as error:
        raise storage_error(store, error) from error


@dataclass(frozen=True)
class OpenRun:
    """A run that this process, and no other, works on."""

    manifest: RunManifest
    dataset: Dataset
    version: ModelVersion
    owner: RunOwner
    seconds_before: float = 0.0  # spent on it by others


def evaluated_before(plan: RunPlan, store: RunStore) -> RunManifest | None:
    """A finished run that has the same answers."""
    found = store.same_as(plan.key)
    if found and not is_there(Path(found.dataset)):  # the same content lies elsewhere now
        found = replace(found, dataset=str(plan.dataset.path))
        with contextlib.suppress(OSError):
            store.save(found)
    return found


def begin_run(plan: RunPlan, store: RunStore, chunk_size: int, run_id: str) -> OpenRun:
    """A new run in the store. Raises OSError when it cannot be written."""
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
    return OpenRun(manifest, plan.dataset, plan.version, owner)


def take_up_run(run_id: str, store: RunStore, registry: Registry) -> OpenRun | RunManifest:
    """An unfinished run, to go on from the last part that was written; its manifest when it is finished.

    Raises:
        DatasetError: there is no such run, somebody else works on it (`run_in_use`), or its dataset has changed or gone;
            in the last case the run is stored as failed, with the reason.
        ModelError: its model version has changed or gone; the run is stored as failed.
        OSError: its manifest cannot be written.
    """
    owner = store.own(run_id)
    try:
        manifest = store.manifest(run_id)
        if manifest.state == "finished":
            owner.release()
            return manifest
        _check_it_can_go_on(manifest)
        spent = manifest.seconds + (store.seconds_of_last_leg(run_id) if manifest.state == "running" else 0.0)
        try:
            version, dataset = _unchanged(manifest, registry)
        except DashboardError as error:
            store.finish(manifest, "failed", spent, str(error))
            raise
        store.forget_evaluation(run_id)  # it is of the rows so far
        running = store.finish(manifest, "running", spent)
        return OpenRun(running, dataset, version, owner, spent)
    except BaseException:
        owner.release()
        raise


def _check_it_can_go_on(manifest: RunManifest) -> None:
    if manifest.imported:
        raise DatasetError(
            f"The import of {manifest.dataset_name} was interrupted.", "Import the file again.", "import_interrupted"
        )
    if not manifest.key:
        raise DatasetError(
            f"{manifest.dataset_name} was changed while it was evaluated.",
            "Evaluate it again, from the start.",
            "dataset_changed",
        )


def version_of_run(registry: Registry, manifest: RunManifest) -> ModelVersion:
    """The very model version that made a run. Raises ModelError when it is gone or another file."""
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
    dataset, fingerprint = open_with_fingerprint(Path(manifest.dataset))
    if fingerprint != manifest.dataset_sha256:
        raise DatasetError(
            f"{manifest.dataset_name} was changed before its evaluation was through.",
            "Evaluate it again, from the start.",
            "dataset_changed",
        )
    if run_key(fingerprint, version, dict(manifest.label_map)) != manifest.key:
        raise ModelError(
            f"{manifest.model} was changed before the evaluation was through, or now computes in another precision.",
            "Evaluate the dataset again, from the start.",
            "model_changed",
        )
    return version, dataset
