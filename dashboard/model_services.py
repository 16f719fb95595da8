"""Creates the services for models: what `predict` needs, and no more, because every command waits for its imports."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.core.engine.contract import Engine
from dashboard.core.engine.from_settings import make_engine
from dashboard.core.engine.remote_engine import connect
from dashboard.core.explanations.explainer import SLOW_TASK_S, Explainer
from dashboard.core.models.inference import Inference
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings


@dataclass(frozen=True)
class ModelServices:
    """The models, and the workers that compute with them. All threads of a process share them."""

    settings: Settings
    engine: Engine
    registry: Registry
    inference: Inference
    explainer: Explainer

    def __enter__(self) -> ModelServices:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers, or leaves those of the running dashboard."""
        self.engine.close()


def open_model_services(settings: Settings, workers: int | None = None, local: bool = True) -> ModelServices:
    """The services for these settings. All workers start together, at the first task.

    Args:
        workers: number of workers; None: as in the settings.
        local: do not use the workers of a dashboard that runs on this machine with the same data folder.
    """

    def own() -> Engine:
        return make_engine(settings, workers or settings.workers, stagger_s=0)

    return model_services_of(settings, (None if local else connect(settings, own)) or own())


def model_services_of(settings: Settings, engine: Engine) -> ModelServices:
    """The services with this engine."""
    return ModelServices(
        settings,
        engine,
        Registry.of(settings),
        Inference(engine),
        Explainer(engine, max(SLOW_TASK_S, settings.task_s)),
    )
