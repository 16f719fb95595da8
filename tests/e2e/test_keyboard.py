"""A whole evaluation by keyboard alone: start it, look at a cell's images, tag one, download the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.core.runs.store import RunStore
from tests.e2e.dashboard_server import Server
from tests.e2e.states import IDLE

pytestmark = pytest.mark.browser

MOST_STOPS = 90
FOCUSED = """() => {
  let at = document.activeElement
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement
  const labels = [...(at.labels ?? [])].map(each => each.innerText)
  const text = [at.getAttribute("aria-label"), ...labels, at.innerText, at.title].filter(Boolean).join(" | ")
  const key = at.closest("[class*=st-key-]")?.className.match(/st-key-([\\w-]+)/)?.[1] ?? ""
  const role = at.getAttribute("role") ?? at.tagName.toLowerCase()
  return `${role} [${key}] ${text}`.replace(/\\s+/g, " ")
}"""


def focused(page) -> str:
    """Role, key and name of what has the focus, such as "button [evaluate] Evaluate"."""
    return page.evaluate(FOCUSED)


def tab_to(page, pattern: str, key: str = "Tab") -> None:
    """Presses Tab until what matches the pattern has the focus."""
    stops = []
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        stops.append(focused(page))
        if re.search(pattern, stops[-1]):
            return
    raise AssertionError(f"{pattern!r} is none of {stops}")


def choose(page, pattern: str, option: str) -> None:
    """Opens the select box that matches, types, and takes the first option that remains."""
    tab_to(page, pattern)
    page.keyboard.press("ArrowDown")
    page.keyboard.type(option)
    page.get_by_role("option", name=option).first.wait_for()
    page.keyboard.press("Enter")
    idle(page)


def idle(page) -> None:
    page.wait_for_timeout(300)
    page.wait_for_selector(IDLE)


def until(page, ready: Callable[[], bool]) -> None:
    for _ in range(100):
        if ready():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not ready, at {focused(page)}")


@pytest.mark.parametrize("address", ["/", "/explain"])
def test_the_samples_are_two_stops_into_the_page(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(IDLE)
    page.get_by_role("button", name="Sample: frog").wait_for()
    page.locator("[data-testid=stFileUploaderDropzone] button:enabled").first.wait_for()
    tab_to(page, r"^a .*Skip to main content")
    page.keyboard.press("Enter")
    until(page, lambda: focused(page).startswith("main"))
    stops = []
    for _ in range(2):
        page.keyboard.press("Tab")
        stops.append(focused(page))
    assert "Upload" in stops[0] and "Sample: " in stops[1]
    for _ in range(20):  # the arrows go from one to the next
        if "frog" not in focused(page):
            page.keyboard.press("ArrowRight")
    assert "Sample: frog" in focused(page)
    page.keyboard.press("Enter")
    page.wait_for_function("document.title.startsWith('sample frog, ')")
    page.get_by_text("frog", exact=True).locator("visible=true").first.wait_for()
    until(page, lambda: focused(page).startswith("main"))  # not the whole document, where the sidebar comes first


def test_the_collapsed_sidebar_of_a_phone_has_no_stops(page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto("/")
    page.get_by_text("No picture at hand").wait_for()
    for state in ("attached", "hidden"):  # "hidden" alone is true as well before there is a collapsed sidebar
        page.locator("[data-testid=stSidebar][data-collapsed=true]").wait_for(state=state)
    idle(page)
    stops = []
    for _ in range(3):
        page.keyboard.press("Tab")
        stops.append(focused(page))
    assert "Skip to main content" in stops[0] and "Expand sidebar" in stops[1] and stops[2].startswith("main")
    page.locator("[data-testid=stExpandSidebarButton] button, button[data-testid=stExpandSidebarButton]").click()
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History").wait_for()


def test_an_evaluation_by_keyboard_alone(page, server: Server) -> None:
    page.goto("/")
    page.wait_for_selector(IDLE)
    tab_to(page, r"^a .*Batch evaluation")
    page.keyboard.press("Enter")
    page.get_by_text("Supported files").first.wait_for()
    idle(page)
    tab_to(page, r"radio .*Upload")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    idle(page)
    choose(page, r"\[library\]", "Sample images")
    tab_to(page, r"^button \[evaluate\]")
    page.keyboard.press("Enter")
    page.get_by_text("Confusion matrix").wait_for()
    idle(page)
    run_id = parse_qs(urlsplit(page.url).query)["run"][0]
    choose(page, rf"^(?!button).*\[images-of-{run_id}\]", "Labelled frog, predicted as frog")
    page.locator(".sheet .picture").first.wait_for()
    tab_to(page, r"Labelled frog, predicted as frog .*png")
    page.keyboard.press("Space")
    page.locator(".st-key-selection").get_by_text("1 selected").wait_for()
    idle(page)
    tab_to(page, rf"^button \[tag-{run_id}\]")
    page.keyboard.press("Enter")
    page.get_by_placeholder("Choose a tag or type a new one").wait_for()
    tab_to(page, rf"^(?!button).*\[tag-name-{run_id}\]")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    idle(page)
    tab_to(page, rf"^button \[tag-add-{run_id}\]")
    page.keyboard.press("Enter")
    store = RunStore(server.data / "runs")
    until(page, lambda: "by keyboard" in store.folder(run_id).beside.annotations().tags)
    page.keyboard.press("Escape")
    idle(page)
    tab_to(page, r"radio \[view\]", "Shift+Tab")
    for _ in range(8):
        if "Report" not in focused(page):
            page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("Files for other programs").wait_for()
    idle(page)
    tab_to(page, r"^button \[download-csv\]")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".csv")
    store.delete(run_id)
