"""The jobs as one visitor sees them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dashboard.core.errors import DatasetError
from dashboard.core.evaluation.job import Job
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.evaluation.opening import cancel_interrupted
from dashboard.core.models.registry import Registry
from dashboard.core.models.version import ModelVersion
from dashboard.core.runs.store import RunStore


class VisitorsJobs:
    """The methods of `JobRunner` that pages and API use, for the visitor of `store`."""

    def __init__(self, runner: JobRunner, store: RunStore) -> None:
        self._runner, self._store = runner, store

    def start(
        self,
        dataset: Path,
        version: ModelVersion,
        label_map: Mapping[str, str] | None = None,
        use_stored: bool = True,
        first_id: int | None = None,
    ) -> Job:
        """Starts a job for the visitor, see `JobRunner.start`. Evaluations that they may not see are not reused."""
        return self._runner.start(dataset, version, label_map, use_stored, first_id, self._store)

    def go_on(self, run_id: str, registry: Registry) -> Job:
        """Resumes a run. Raises DatasetError if there is none, AccessError if the visitor may not."""
        self._store.folder(run_id).check_may_change()
        return self._runner.go_on(run_id, registry)

    def go_on_with_interrupted(self, registry: Registry) -> list[Job]:
        """Resumes every interrupted run, whoever started it; for the start of a server."""
        return self._runner.go_on_with_interrupted(registry)

    def get(self, run_id: str) -> Job | None:
        """The current state of a job; None if there is none that the visitor may see, or if its run has gone on without it."""
        job = self._runner.get(run_id)
        return job if job and self._store.visitor.may_see(job.user) and not self._is_outdated(job) else None

    def _is_outdated(self, job: Job) -> bool:
        """True if the job failed, but the store now says more: the run is back, or somebody has resumed it."""
        if job.state != "failed":
            return False
        try:
            folder = self._store.folder(job.run_id)
            stored = folder.manifest()
        except DatasetError:
            return False
        return stored != job.left or folder.is_under_way(stored)

    def active(self) -> list[Job]:
        """The jobs that have not ended and that the visitor may see, oldest first."""
        return [job for job in self._runner.active() if self._store.visitor.may_see(job.user)]

    def may_change(self, job: Job) -> bool:
        """True if the visitor may stop this job."""
        return self._store.visitor.may_change(job.user)

    def cancel(self, run_id: str) -> None:
        """Cancels a job; the finished chunks are kept. One of another process ends within a few seconds.

        An interrupted run becomes cancelled, so that no server resumes it. Raises as `go_on` does.
        """
        job = self._runner.get(run_id)
        if job is None or not self.may_change(job):
            self._store.folder(run_id).check_may_change()
        if job and job.active:
            self._runner.cancel(run_id)
            return
        folder = self._store.folder((job and job.found) or run_id)
        if job and not folder.path.is_dir():
            return  # the job ended before it had a run
        manifest = folder.manifest()
        if folder.is_under_way(manifest):
            folder.ask_to_stop()
        elif manifest.state == "running":
            folder.check_may_change()  # the job may belong to somebody else than the run that it found
            cancel_interrupted(folder)

    def retry(self) -> None:
        """Resumes paused jobs now."""
        self._runner.retry()
