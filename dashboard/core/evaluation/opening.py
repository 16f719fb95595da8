"""Decides how to answer a request to evaluate: with a new run, an interrupted run, or the result of another run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.core.clock import utc_now
from dashboard.core.datasets import Dataset, is_there
from dashboard.core.datasets.unchanged import FROM_THE_START, changed, open_with_content
from dashboard.core.errors import DashboardError, DatasetError, ModelError
from dashboard.core.evaluation.plan import RunPlan, run_key
from dashboard.core.files import remove_unfinished
from dashboard.core.metrics.intervals import proportion
from dashboard.core.models.health import check_weights
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.folder import RunFolder
from dashboard.core.runs.images import dataset_of
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.owner import RunOwner
from dashboard.core.runs.run import damaged
from dashboard.core.runs.store import RunStore


@dataclass(frozen=True)
class OpenRun:
    """A run that this process owns and works on."""

    folder: RunFolder
    manifest: RunManifest
    dataset: Dataset
    version: ModelVersion
    owner: RunOwner
    seconds_before: float = 0.0  # evaluation time before this process took over
    taken_up: bool = False  # True for a resumed run, False for a new one


@dataclass(frozen=True)
class Found:
    """A finished run that has the requested answers."""

    manifest: RunManifest


@dataclass(frozen=True)
class UnderWay:
    """A run that will have the requested answers. Some process, perhaps this one, works on it."""

    manifest: RunManifest


Opened = OpenRun | Found | UnderWay


def open_run(plan: RunPlan, store: RunStore, chunk_size: int, run_id: str, reuse: bool = True) -> Opened:
    """Opens a run for this plan, or finds a run that gives the same answers.

    Looks for a run with the same key, in this order: a run under way; a finished run; a run of the dataset at the same
    path that was interrupted, cancelled or failed, which is resumed after its last part. Otherwise starts a new run.

    Args:
        chunk_size: images per chunk, for a new run.
        run_id: the id of a new run.
        reuse: False always starts a new run.

    Raises:
        OSError: the store cannot be written.
        DashboardError: see `begin_run`.
    """
    if not reuse:
        return begin_run(plan, store, chunk_size, run_id)
    with store.beginning():
        # "under way" is checked first: a run that ends in between is then found as finished
        if manifest := store.under_way(plan.key):
            return UnderWay(manifest)
        if manifest := _evaluated_before(plan, store):
            return Found(manifest)
        if manifest := store.interrupted(plan.key, plan.dataset.path):
            try:
                return _take_up(store.folder(manifest.run_id), lambda _: (plan.version, plan.dataset))
            except PermissionError:
                pass  # another user's run
            except DatasetError as error:  # it was deleted meanwhile, or resumed without the store's lock
                if error.code == "run_in_use":
                    return UnderWay(manifest)
        return begin_run(plan, store, chunk_size, run_id)


def _evaluated_before(plan: RunPlan, store: RunStore) -> RunManifest | None:
    """A finished run with the same key. If its dataset is gone, its manifest now names the dataset of this plan."""
    found = store.same_as(plan.key)
    if found and not is_there(Path(found.dataset)):  # the same content is at another path now
        found = replace(found, dataset=str(plan.dataset.path))
        with contextlib.suppress(OSError):
            store.folder(found.run_id).save(found)
    return found


def begin_run(plan: RunPlan, store: RunStore, chunk_size: int, run_id: str) -> OpenRun:
    """Starts a new run in the store.

    Raises:
        OSError: it cannot be written.
        ModelError: the model's file is missing or damaged.
        DashboardError: the table of the dataset cannot be read any more.
    """
    check_weights(plan.version)  # before there is a run, which would stay empty
    attributes, recorded = plan.dataset.attributes(), plan.version.accuracy_interval
    manifest = RunManifest(
        run_id=run_id,
        created_utc=utc_now(),
        dataset=str(plan.dataset.path),
        dataset_sha256=plan.fingerprint,
        model=plan.version.ref,
        model_sha256=plan.version.sha256,
        class_names=plan.version.class_names,
        n_images=len(plan.dataset.samples),
        n_without_image=plan.dataset.samples.n_without_image,
        fit=plan.version.preprocessing.fit,
        resample=plan.version.preprocessing.resample,
        unknown_labels=plan.mapping.unknown,
        label_map=tuple(plan.mapping.label_map().items()),
        notes=(*plan.notes, *(attributes.notes if attributes else ())),
        chunk_size=chunk_size,
        key=plan.key,
        familiarity_kept=plan.version.familiarity.kept if plan.version.familiarity else None,
        recorded_accuracy=proportion(round(recorded.value * recorded.n), recorded.n) if recorded else None,
        input_size=(plan.version.preprocessing.height, plan.version.preprocessing.width),
        user=store.visitor.name,
    )
    owner = store.begin(manifest, attributes.columns if attributes and attributes.columns.num_columns else None)
    return OpenRun(store.folder(run_id), manifest, plan.dataset, plan.version, owner)


def take_up_run(run_id: str, store: RunStore, registry: Registry) -> OpenRun | Found:
    """Opens an unfinished run to resume it after the last stored part. A finished run is returned as `Found`.

    Raises:
        DatasetError: there is no such run, another process works on it (`run_in_use`), or its dataset was changed or is
            gone. If the dataset is the reason, the run is stored as failed, with that message.
        ModelError: its model version was changed or is gone; the run is stored as failed.
        OSError: its manifest cannot be written.
    """
    return _take_up(store.folder(run_id), lambda manifest: _unchanged(manifest, registry))


def cancel_interrupted(folder: RunFolder) -> None:
    """Cancels a run that no process works on, so that no server resumes it. Raises DatasetError as `RunFolder.own` does, and OSError."""
    owner = folder.own()
    try:
        manifest = folder.manifest()  # now: meanwhile the run may have gone on and ended
        if manifest.state == "running":
            folder.finish(manifest, "cancelled", manifest.seconds)
    finally:
        owner.release()


def why_not_resumed(manifest: RunManifest, registry: Registry) -> DashboardError | None:
    """Why `take_up_run` would refuse an unfinished run; None if it would not, as far as that is known.

    The dataset is not read: that it was changed is known since it was refused for that.
    """
    try:
        _check_it_can_go_on(manifest)
        if not is_there(Path(manifest.dataset)):
            dataset_of(manifest)  # its error for a dataset that is gone
        _version_to_resume(manifest, registry)
    except DashboardError as error:
        return error
    was_changed = _changed_meanwhile(manifest)
    return was_changed if manifest.message == str(was_changed) else None


def _take_up(folder: RunFolder, look_up: Callable[[RunManifest], tuple[ModelVersion, Dataset]]) -> OpenRun | Found:
    """See `take_up_run`.

    Args:
        look_up: returns the model version and the dataset of the run, or raises DashboardError.
    """
    owner = folder.own()
    try:
        folder.forget_stop()  # a wish to stop that comes from now on is meant for this work
        manifest = folder.manifest()
        if manifest.state == "finished":
            owner.release()
            return Found(manifest)
        _check_it_can_go_on(manifest)
        spent = manifest.seconds + (folder.seconds_until_last_part() if manifest.state == "running" else 0.0)
        try:
            version, dataset = look_up(manifest)
            check_weights(version)
        except DashboardError as error:
            folder.finish(manifest, "failed", spent, str(error))
            raise
        if len(dataset.samples) != manifest.n_images:
            raise damaged(
                manifest.run_id, f"manifest.json.n_images is {manifest.n_images}, unlike the images of the dataset"
            )
        remove_unfinished(folder.path)  # of the process that was killed
        folder.beside.forget_evaluation()  # the stored metrics cover only the rows so far
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
    """The model version that made a run. Raises ModelError when it is gone or its file was changed."""
    version = registry.get(manifest.model)
    if version.sha256 != manifest.model_sha256:
        raise ModelError(
            f"The file of {manifest.model} was changed after this evaluation.", "Evaluate the dataset again."
        )
    return version.fitting(manifest.fit)


def _unchanged(manifest: RunManifest, registry: Registry) -> tuple[ModelVersion, Dataset]:
    version = _version_to_resume(manifest, registry)
    dataset_of(manifest)  # its error for a dataset that is gone
    return version, open_with_content(Path(manifest.dataset), manifest.dataset_sha256, _changed_meanwhile(manifest))


def _changed_meanwhile(manifest: RunManifest) -> DatasetError:
    return changed(manifest.dataset_name, "before its evaluation was finished.", FROM_THE_START)


def _version_to_resume(manifest: RunManifest, registry: Registry) -> ModelVersion:
    version = registry.get(manifest.model).fitting(manifest.fit)
    if run_key(manifest.dataset_sha256, version, dict(manifest.label_map)) != manifest.key:
        raise ModelError(
            f"{manifest.model} was changed before the evaluation was finished, or now computes in another precision.",
            "Evaluate the dataset again, from the start.",
            "model_changed",
        )
    return version
