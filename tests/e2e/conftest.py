"""A browser and a running dashboard, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.dashboard_server import IDLE, Server, chromium, running_server

ARGUMENTS = [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",  # a camera that shows a test picture
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with api.sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield instance
        instance.close()


@pytest.fixture(scope="session")
def server(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def page(browser, server: Server) -> Iterator[object]:
    opened = browser.new_page(viewport={"width": 1440, "height": 1200}, base_url=server.url)
    opened.set_default_timeout(120_000)  # other tests keep the processors busy
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def samples() -> Path:
    return Path(__file__).resolve().parents[2] / "data" / "samples"


def click_sample(page, name: str) -> None:
    """Clicks a sample on Predict or Explain. If the samples are folded, unfolds them first."""
    picture = page.get_by_role("button", name=f"Sample: {name}")
    folded = page.get_by_text("Samples", exact=True)
    picture.or_(folded).first.wait_for()
    if not picture.count():
        folded.click()
    picture.click()


def wait_for_address(page, address: str) -> None:
    """Waits for an address that a run of the page sets, and for the end of that run.

    The address changes a moment before the page shows that it runs.
    """
    page.wait_for_url(address)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_selector(IDLE)
