"""Every page in every state is quiet, named and accessible: light and dark, on a wide screen and on a phone."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dashboard.core.runs.store import RunStore
from tests.e2e.dashboard_server import Server
from tests.e2e.listening import Listener
from tests.e2e.states import IDLE, STATES, State, open_state

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core is not installed")
pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1440, "height": 1200}, {"width": 420, "height": 900}
# What axe finds in elements that only Streamlit can change: rule, part of the element, reason.
STREAMLITS = (
    ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"', "the frame around the uploader's button, which "
     "has the name and can be focused"),
)  # fmt: skip
COLOURS = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
ALL = {"resultTypes": ["violations"]}


@dataclass(frozen=True)
class Evaluated:
    run: str
    other: str
    accuracy: str


@pytest.fixture(scope="module")
def evaluated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    """Two evaluations of the same images, by two models."""
    from tests.e2e.screenshots import disturbed_samples

    archive = disturbed_samples(tmp_path_factory.mktemp("zip") / "disturbed.zip").read_bytes()
    run, other = (
        asked(server, f"?name=disturbed.zip&model={model}", archive)["id"]
        for model in ("cifar10-resnet", "cifar10-small")
    )
    accuracy, _ = (result(server, each)["accuracy"] for each in (run, other))
    yield Evaluated(run, other, f"{accuracy:.1%}")
    for run_id in (run, other):
        RunStore(server.data / "runs").delete(run_id)


def asked(server: Server, path: str, data: bytes | None = None) -> dict[str, Any]:
    """What the API of the server says about an evaluation."""
    asking = urllib.request.Request(f"{server.url}/api/v1/evaluations{path}", data, {"Content-Type": "application/zip"})
    with urllib.request.urlopen(asking, timeout=60) as answer:
        return json.load(answer)


def result(server: Server, run_id: str) -> dict[str, Any]:
    """The metrics of an evaluation, when it has finished."""
    end = time.monotonic() + 120
    while (found := asked(server, f"/{run_id}"))["state"] in ("waiting", "running") and time.monotonic() < end:
        time.sleep(0.2)
    assert found["state"] == "finished", found
    return found["result"]


def log_of(server: Server) -> str:
    """All that the server has said."""
    return (server.data / "server.log").read_text(errors="replace")


@pytest.fixture(scope="module", autouse=True)
def said_before(server: Server) -> int:
    """Length of the log when the pages are first opened. Before, other tests may have asked for what is impossible."""
    return len(log_of(server))


@pytest.fixture(scope="module")
def tab(browser, server: Server) -> Iterator[tuple[object, Listener]]:
    """One tab for all, which loads Streamlit's own files once."""
    page = browser.new_page(viewport=WIDE, base_url=server.url, color_scheme="light")
    page.set_default_timeout(120_000)
    page.add_init_script(axe.AXE_SCRIPT)
    yield page, Listener(page, server.url)
    page.close()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_quiet_named_and_accessible(tab, evaluated: Evaluated, state: State) -> None:
    page, listener = tab
    listener.complaints.clear()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)
    open_state(page, state, evaluated.run, evaluated.other)
    assert re.fullmatch(state.title.format(dataset="disturbed.zip", accuracy=evaluated.accuracy), page.title())
    faults = {f"{state.name}, light, wide": faults_of(page, ALL)}
    page.set_viewport_size(PHONE)
    faults[f"{state.name}, light, phone"] = faults_of(page, ALL)
    page.emulate_media(color_scheme="dark")
    faults[f"{state.name}, dark, phone"] = faults_of(
        page, COLOURS
    )  # what is not about colours is as in the light theme
    page.set_viewport_size(WIDE)
    faults[f"{state.name}, dark, wide"] = faults_of(page, COLOURS)
    assert {where: found for where, found in faults.items() if found} == {}
    assert listener.complaints == []


def faults_of(page, options: dict[str, object]) -> list[str]:
    """What axe finds on the page as it is now."""
    page.wait_for_timeout(200)
    page.wait_for_selector(IDLE)
    found = page.evaluate("options => axe.run(options)", options)
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
        if not any(fault["id"] == rule and part in node["html"] for rule, part, _ in STREAMLITS)
    ]


def test_axe_sees_faults(browser) -> None:
    page = browser.new_page()
    page.add_init_script(axe.AXE_SCRIPT)
    page.set_content(
        "<html lang=en><title>x</title><main><h1 style='color: #999'>Hello</h1><h3>x</h3><button></button></main>"
    )
    page.wait_for_timeout(100)
    page.evaluate(axe.AXE_SCRIPT)
    found = {fault["id"] for fault in page.evaluate("options => axe.run(options)", ALL)["violations"]}
    page.close()
    assert {"button-name", "color-contrast", "heading-order"} <= found


def test_the_server_says_nothing_either(said_before: int, server: Server) -> None:
    log = log_of(server)[said_before:]
    told = ("WARNING", "Warning", "warning", "Traceback", "ERROR", "Error", "error")
    assert not [word for word in told if word in log], log
