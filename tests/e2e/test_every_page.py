"""Every page in every state is quiet, named and accessible: light and dark, on a wide screen and on a phone."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.runs.store import RunStore
from tests.e2e.dashboard_server import Server
from tests.e2e.listening import Listener
from tests.e2e.other_servers import OTHER_SERVERS
from tests.e2e.states import IDLE_IF_STREAMLIT, STATES, State, open_state

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
    third: str
    accuracy: str
    archive: Path


@pytest.fixture(scope="module")
def evaluated(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluated]:
    """Three evaluations of the same images, by two models."""
    from tests.e2e.screenshots import disturbed_samples

    archive = disturbed_samples(tmp_path_factory.mktemp("zip") / "disturbed.zip")
    runs = [
        asked(server, f"?name=disturbed.zip&model={model}", archive.read_bytes())["id"]
        for model in ("cifar10-resnet", "cifar10-small", "cifar10-small&fit=pad")
    ]
    accuracy, *_ = (result(server, each)["accuracy"] for each in runs)
    yield Evaluated(*runs, f"{accuracy:.1%}", archive)
    for run_id in runs:
        RunStore(server.data / "runs").delete(run_id)


@pytest.fixture
def under_way(server: Server, evaluated: Evaluated, tmp_path: Path) -> Iterator[str]:
    """An evaluation that does not go on, because the workers are stopped."""
    another = Path(shutil.copy(evaluated.archive, tmp_path))
    with zipfile.ZipFile(another, "a") as archive:
        archive.writestr("cat/again.png", archive.read(archive.namelist()[0]))
    workers = server.workers()
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    run = asked(server, "?name=disturbed.zip&model=cifar10-small", another.read_bytes())["id"]
    yield run
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    result(server, run)
    RunStore(server.data / "runs").delete(run)


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
def tab_of(
    browser, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[object, Listener]]]:
    """Gives one tab for each server, which loads Streamlit's own files once."""
    with ExitStack() as opened:

        @cache
        def tab(name: str) -> tuple[object, Listener]:
            served = opened.enter_context(OTHER_SERVERS[name](tmp_path_factory.mktemp(name))) if name else server
            page = browser.new_page(viewport=WIDE, base_url=served.url, color_scheme="light")
            opened.callback(page.close)
            page.set_default_timeout(120_000)
            page.add_init_script(axe.AXE_SCRIPT)
            return page, Listener(page, served.url)

        yield tab


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_quiet_named_and_accessible(
    tab_of: Callable[[str], tuple[Any, Listener]],
    evaluated: Evaluated,
    state: State,
    request: pytest.FixtureRequest,
) -> None:
    page, listener = tab_of(state.server)
    evaluations = {"run": evaluated.run, "other": evaluated.other, "third": evaluated.third}
    if "{under_way}" in state.address:
        evaluations["under_way"] = request.getfixturevalue("under_way")
    listener.complaints.clear()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(WIDE)
    open_state(page, state, **evaluations)
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
    about_status = [each for each in listener.complaints if str(state.status) in each]  # two: of browser and listener
    assert len(about_status) == (0 if state.status == 200 else 2) and listener.complaints == about_status


def faults_of(page, options: dict[str, object]) -> list[str]:
    """What axe finds on the page as it is now."""
    page.wait_for_timeout(200)
    page.wait_for_function(IDLE_IF_STREAMLIT)
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
