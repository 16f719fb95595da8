"""Creates the services that pages, command line and API use."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.core.analysis.embeddings import RunEmbeddings
from dashboard.core.background import BackgroundTask
from dashboard.core.datasets import cifar10_archive
from dashboard.core.diagnostics.checks import Report
from dashboard.core.diagnostics.diagnosis import diagnosis_task
from dashboard.core.engine.contract import Engine
from dashboard.core.engine.engine_server import EngineServer
from dashboard.core.engine.from_settings import make_engine
from dashboard.core.engine.pool import STAGGER_S
from dashboard.core.evaluation.jobs import JobRunner
from dashboard.core.explanations.explainer import SLOW_TASK_S, Explainer
from dashboard.core.images.kept_pictures import KeptPictures
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings


@dataclass(frozen=True)
class Services:
    """The services of the dashboard. All threads of a process share them."""

    settings: Settings
    engine: Engine
    registry: Registry
    runs: RunStore
    inference: Inference
    explainer: Explainer
    jobs: JobRunner
    embeddings: RunEmbeddings
    diagnosis: BackgroundTask[Report]
    cifar10: BackgroundTask[object]  # its download
    pictures: KeptPictures
    offer: EngineServer  # of the workers, to the command line

    def start(self) -> None:
        """Starts the workers, offers them to the command line and takes up interrupted evaluations.

        A server calls it once.
        """
        self.engine.start()
        self.offer.start()
        self.jobs.go_on_with_interrupted(self.registry)

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers."""
        self.offer.close()
        self.engine.close()


def open_services(settings: Settings, workers: int | None = None, stagger_s: float = STAGGER_S) -> Services:
    """The services for these settings. No worker process starts before the first task, or before `Services.start`.

    Args:
        workers: number of workers; None: as in the settings.
        stagger_s: seconds between the first starts of two workers.
    """
    return services_of(settings, make_engine(settings, workers or settings.workers, stagger_s))


def services_of(settings: Settings, engine: Engine) -> Services:
    """The services with this engine."""
    registry = Registry.of(settings)
    runs = RunStore(settings.runs_dir)
    inference = Inference(engine)
    return Services(
        settings,
        engine,
        registry,
        runs,
        inference,
        Explainer(engine, max(SLOW_TASK_S, settings.task_s)),
        JobRunner(engine, runs, settings.chunk_size, settings.task_s),
        RunEmbeddings(inference, runs),
        diagnosis_task(settings, inference, registry, engine),
        BackgroundTask("download", lambda task: cifar10_archive.download(settings.downloads_dir, task.advance)),
        KeptPictures(),
        EngineServer(engine, settings),
    )
