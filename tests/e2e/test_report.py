"""The report in a real browser, from a file, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.core.runs.store import RunStore
from dashboard.reports.writing import write_report
from tests.e2e.test_walkthrough import evaluate
from tests.reports.made_runs import TAG, hostile

pytestmark = pytest.mark.browser

WHITE, DARK = "rgb(255, 255, 255)", "rgb(17, 22, 28)"


class Opened:
    """A report in a page without a network, with everything that the page complained about or asked for."""

    def __init__(self, browser, path: Path, scheme: str, width: int) -> None:
        self.said: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 1000})
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-drawn=yes]", timeout=60_000)

    def requests_beyond(self, path: Path) -> list[str]:
        return [url for url in self.requests if url != path.as_uri() and not url.startswith("data:")]

    def background(self) -> str:
        return self.page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    store = RunStore(folder / "runs")
    [path] = write_report(hostile(store), store, (), folder / "report.html", str)
    return path


@pytest.mark.parametrize(("scheme", "background"), [("light", WHITE), ("dark", DARK)])
@pytest.mark.parametrize("width", [1440, 420])
def test_it_opens_without_a_network_an_error_or_a_request(
    browser, report: Path, scheme: str, background: str, width: int
) -> None:
    opened = Opened(browser, report, scheme, width)
    page = opened.page
    assert opened.said == [] and opened.requests_beyond(report) == []
    assert opened.background() == background
    shown = page.locator(f".chart .{scheme} svg")
    assert shown.count() == 4 and all(chart.is_visible() for chart in shown.all())
    assert page.locator(f".chart .{'dark' if scheme == 'light' else 'light'} svg").first.is_hidden()
    assert page.locator(f"#confusion ~ * .{scheme} .mark-rect path").count() >= 9  # a cell for each pair of classes
    assert page.locator("img").evaluate_all("images => images.every(i => i.naturalWidth === 16)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.context.close()


def test_a_chart_tells_its_figures_as_text(browser, report: Path) -> None:
    opened = Opened(browser, report, "light", 1440)
    opened.page.locator("#confusion ~ * .light .mark-rect path").first.hover(force=True)
    tooltip = opened.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert TAG in tooltip.inner_text() and tooltip.locator("img").count() == 0
    assert opened.said == [] and opened.requests_beyond(report) == []
    opened.context.close()


def test_it_prints_on_white_in_the_dark_too(browser, report: Path) -> None:
    opened = Opened(browser, report, "dark", 1440)
    opened.page.emulate_media(media="print", color_scheme="dark")
    assert opened.background() == WHITE
    assert opened.page.locator(".chart .light svg").first.is_visible()
    assert opened.page.locator(".chart .dark svg").first.is_hidden()
    assert opened.page.locator("nav").is_hidden()
    opened.context.close()


def test_the_page_makes_it(page, browser, samples: Path, tmp_path: Path, make_zip) -> None:
    evaluate(page, make_zip({"cat": 4, "dog": 4}, name="two pets.zip"))
    page.get_by_role("radio", name="Report").click()
    made = {
        suffix: page.expect_download(lambda each, suffix=suffix: each.suggested_filename.endswith(suffix))
        for suffix in ("html", "csv", "json")
    }
    with made["html"] as download, made["csv"], made["json"]:
        for suffix in made:  # one at once after the other, while the first is made
            page.locator(f".st-key-download-{suffix} button").click()
    assert re.match(r"two-pets-cifar10-resnet-\d+-20", download.value.suggested_filename)
    path = tmp_path / "report.html"
    download.value.save_as(path)
    opened = Opened(browser, path, "light", 1440)
    assert "of 8 images are predicted as labelled" in opened.page.locator(".verdict").inner_text()
    assert opened.said == [] and opened.requests_beyond(path) == []
    opened.context.close()
