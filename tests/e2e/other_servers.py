"""Dashboards that are set up in another way than usual, for tests that look at all pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from dashboard.core.access.password import Password
from dashboard.core.settings import Settings
from tests.e2e.dashboard_server import ROOT, Server, free_port, running_server

PASSWORD = "a long password"


@contextmanager
def locked(folder: Path) -> Iterator[Server]:
    """Asks for a password, and then for a log-in at a provider that cannot be reached."""
    port, secrets = free_port(), folder / "secrets.toml"
    secrets.write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{"x" * 32}"\nclient_id = "me"\n'
        f'client_secret = "s"\nserver_metadata_url = "http://127.0.0.1:{free_port()}/.well-known/openid-configuration"\n'
    )
    Password(Settings(data_dir=folder / "data")).set(PASSWORD)
    with running_server(folder / "data", port=port, options=("--secrets.files", str(secrets))) as server:
        yield server


@contextmanager
def damaged(folder: Path) -> Iterator[Server]:
    """Has a damaged file in the place of each model."""
    shutil.copytree(ROOT / "models", folder / "models")
    for file in (folder / "models").glob("*/*/model.keras"):
        file.write_bytes(file.read_bytes()[:1000])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DASHBOARD_MODELS_DIR", str(folder / "models"))
        with running_server(folder / "data") as server:
            yield server


OTHER_SERVERS: Mapping[str, Callable[[Path], AbstractContextManager[Server]]] = {"locked": locked, "damaged": damaged}
