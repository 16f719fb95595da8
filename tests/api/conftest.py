"""The HTTP API in this process, with the worker that the tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.api.serving import both, mounts
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings
from dashboard.services import Services, services_of
from tests.conftest import encoded, picture


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, tiny_registry: Registry) -> Settings:
    data = tmp_path_factory.mktemp("data")
    for label in ("cat", "dog"):
        for seed in range(3):
            path = data / "samples" / label / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(picture(seed)))
    return Settings(
        data_dir=data,
        models_dir=tiny_registry.root,
        model="tiny@1",
        api_max_body_mb=1,
        api_max_images=8,
        max_upload_mb=2,
    )


@pytest.fixture(scope="module")
def opened(settings: Settings, pool: WorkerPool) -> Services:
    return services_of(settings, pool)


@pytest.fixture(scope="module")
def client(opened: Services, settings: Settings) -> Iterator[TestClient]:
    anyone = settings.model_copy(update={"allow_anyone_who_reaches_this_server_to_use_it": True})
    app = Starlette(routes=mounts(both(lambda: opened, anyone)))
    with TestClient(app, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def stranger(opened: Services, settings: Settings) -> Iterator[TestClient]:
    """A client on another machine."""
    app = Starlette(routes=mounts(both(lambda: opened, settings)))
    with TestClient(app, base_url="http://192.0.2.1:8501", client=("192.0.2.7", 5000)) as client:
        yield client


@pytest.fixture(scope="session")
def image() -> bytes:
    return encoded(picture(7))


@pytest.fixture
def samples(settings: Settings) -> list[Path]:
    return sorted(settings.samples_dir.glob("*/*.png"))
