"""Creates the services that pages use."""

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
from dashboard.core.images.kept_pictures import KeptPictures
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from dashboard.model_services import ModelServices, model_services_of


@dataclass(frozen=True)
class Services(ModelServices):
    """The services of the dashboard. All threads of a process share them."""

    runs: RunStore
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

    def close(self) -> None:
        """Ends the workers."""
        self.offer.close()
        super().close()


def open_services(settings: Settings) -> Services:
    """The services for these settings. No worker process starts before the first task, or before `Services.start`."""
    return services_of(settings, make_engine(settings, settings.workers, STAGGER_S))


def services_of(settings: Settings, engine: Engine) -> Services:
    """The services with this engine."""
    models = model_services_of(settings, engine)
    runs = RunStore(settings.runs_dir)
    return Services(
        settings,
        engine,
        models.registry,
        models.inference,
        models.explainer,
        runs,
        JobRunner(engine, runs, settings.chunk_size, settings.task_s),
        RunEmbeddings(models.inference, runs),
        diagnosis_task(settings, models.inference, models.registry, engine),
        BackgroundTask("download", lambda task: cifar10_archive.download(settings.downloads_dir, task.advance)),
        KeptPictures(),
        EngineServer(engine, settings),
    )
