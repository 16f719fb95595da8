"""From an evaluation's mistake to why: the Explain page in a browser."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import click_sample, wait_for_address
from tests.e2e.dashboard_server import IDLE

pytestmark = pytest.mark.browser

CELLS = "[data-testid=stVegaLiteChart] svg .mark-rect.role-mark path"

SCROLLBARS = """rows => rows.filter(row => getComputedStyle(row).overflowY == "auto" && row.scrollHeight > row.clientHeight).length"""


@pytest.fixture
def upside_down(samples: Path, tmp_path: Path) -> Path:
    """The samples on their heads, so that some are mistaken."""
    path = tmp_path / "upside-down.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(samples.glob("*/*.png")):
            buffer = io.BytesIO()
            Image.open(file).rotate(180).save(buffer, "PNG")
            archive.writestr(f"{file.parent.name}/{file.name}", buffer.getvalue())
    return path


def predicted_class(page) -> str:
    """The class whose evidence the maps show, whether the model is sure of it or not."""
    return page.get_by_alt_text("Grad-CAM heatmap for", exact=False).get_attribute("alt").split()[3]


def test_from_a_mistake_to_its_maps_and_to_what_is_like_it(page, upside_down: Path) -> None:
    page.goto("/evaluate")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(upside_down)
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    page.locator(".st-key-findings").wait_for()
    page.wait_for_selector(IDLE)
    page.get_by_text("Where the model looks in these images").click()
    page.get_by_alt_text("maps over the mean of their images", exact=False).wait_for()
    for number, box in enumerate(page.locator(".sheet input").all()[:2], start=1):
        box.click()
        page.get_by_text(f"{number} selected").wait_for()
        page.wait_for_selector(IDLE)
    page.get_by_alt_text("Mean of 2 maps over the mean of their images").wait_for()
    page.locator(".sheet .picture").first.click()
    page.get_by_alt_text("Grad-CAM heatmap for", exact=False).wait_for()
    page.get_by_text("differs").first.wait_for()
    predicted = predicted_class(page)

    page.reload()  # the address says which image it is
    page.get_by_text("differs").first.wait_for()
    assert predicted_class(page) == predicted

    page.get_by_role("tab", name="One map").click()
    page.get_by_text("The marked pixels removed").wait_for()
    page.locator(CELLS).first.hover(force=True)
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    assert f"Evidence for {predicted}" in tip.inner_text()
    page.wait_for_selector(IDLE)

    page.get_by_role("tab", name="Methods").click()
    page.wait_for_function("() => !location.search.includes('tab=')")
    first = page.url
    page.locator("h1").click()
    page.keyboard.press("n")  # the next image, in place of the button
    page.wait_for_function("before => location.href != before", arg=first)
    expect(page.get_by_role("button", name="Previous")).to_be_enabled()  # it was not, if the first image was open
    page.keyboard.press("p")
    page.wait_for_function("before => location.href == before", arg=first)
    page.wait_for_selector(IDLE)

    page.get_by_role("tab", name="Most similar images").click()
    page.get_by_role("button", name="Find the most similar images").click()
    page.get_by_text("12 most similar").wait_for()
    similar = page.get_by_role("group", name="The most similar images").get_by_role("button", name="similarity 0.")
    similar.nth(11).wait_for()
    page.wait_for_selector(IDLE)
    image = page.url
    similar.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("before => location.href != before", arg=image)
    page.wait_for_selector(IDLE)
    page.get_by_alt_text("The picture").wait_for()
    image = page.url
    similar.first.click()
    page.wait_for_function("before => location.href != before", arg=image)
    page.wait_for_selector(IDLE)
    page.get_by_role("link", name="Back to evaluation").click()
    page.get_by_text("Confusion matrix").wait_for()


def test_predict_leads_to_it_and_nothing_overflows_on_a_phone(page) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto("/")
    click_sample(page, "frog")
    page.get_by_role("button", name="Explain further").click()  # while its map is still tested, so nothing may move
    page.get_by_alt_text("HiResCAM heatmap for frog", exact=False).wait_for()
    for view in ("Methods", "One map", "Layers", "Two classes"):
        page.get_by_role("tab", name=view).click()
        page.wait_for_selector(IDLE)
        page.wait_for_timeout(500)
        widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert widths[0] <= widths[1], view
        assert page.locator("[data-testid=stHorizontalBlock]").evaluate_all(SCROLLBARS) == 0, view


def test_while_the_slower_maps_are_made_there_is_one_control_for_it(page) -> None:
    page.goto("/explain")
    click_sample(page, "truck")
    page.get_by_role("button", name="Make the slower maps too").first.click()
    page.get_by_text(re.compile(r"^Integrated Gradients, 2 of 4$")).wait_for(timeout=60_000)
    assert page.get_by_role("button", name="Making the slower maps").first.is_disabled()
    assert not page.get_by_role("button", name="Make the slower maps too").count()
    assert page.get_by_role("heading", name=re.compile("this picture|point to")).count() == 1  # what is known stays
    assert page.get_by_role("button", name="All maps").count() == 1
    page.get_by_alt_text("Occlusion heatmap for truck", exact=False).wait_for(timeout=120_000)
    expect(page.get_by_role("button", name="Making the slower maps")).to_have_count(0)
    page.wait_for_selector(IDLE)
    found = page.get_by_role("heading", name=re.compile("this picture|point to"))
    sentence = found.inner_text()
    page.reload()  # another session finds them stored
    page.get_by_alt_text("Occlusion heatmap for truck", exact=False).wait_for()
    expect(found).to_have_text(sentence)
    assert not page.get_by_role("button", name=re.compile("slower maps")).count()


def test_back_in_the_browser_finds_the_work_again(page, upside_down: Path) -> None:
    page.goto("/")
    click_sample(page, "frog")
    page.get_by_role("button", name="Explain further").click()
    page.get_by_alt_text("HiResCAM heatmap for frog", exact=False).wait_for()
    page.wait_for_selector(IDLE)
    page.get_by_role("combobox", name="Evidence for").fill("truck")
    page.keyboard.press("Enter")
    page.wait_for_url("**class=truck**")
    page.go_back()
    page.get_by_alt_text("HiResCAM heatmap for frog", exact=False).wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.locator("[data-testid=stMetricValue]").get_by_text("frog").wait_for()
    page.reload()
    page.locator("[data-testid=stMetricValue]").get_by_text("frog").wait_for()
    assert "/?picture=" in page.url

    page.goto("/evaluate")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(upside_down)
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    page.wait_for_selector(IDLE)
    page.get_by_role("radio", name="Images").click()
    wait_for_address(page, "**view=Images**")
    page.locator("[data-testid=stVegaLiteChart]").first.wait_for(state="detached")  # with it go the images beside it
    gallery = page.url
    page.locator(".sheet .picture").first.click()
    page.get_by_alt_text("Grad-CAM heatmap for", exact=False).wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.locator(".sheet .picture").first.wait_for()
    expect(page.get_by_role("radio", name="Images")).to_be_checked()
    assert "view=Images" in page.url and page.url.startswith(gallery.split("view=")[0])


def test_back_leads_to_each_page_as_it_was(page, upside_down: Path) -> None:
    def view() -> str:
        page.wait_for_selector(IDLE)
        return str(
            page.locator("[role=radio][aria-checked=true]", has_text=re.compile("^(Overview|Labels)$")).inner_text()
        )

    page.goto("/evaluate")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(upside_down)
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    page.locator(".st-key-findings").wait_for()
    page.wait_for_selector(IDLE)
    page.locator(".sheet .picture").first.click()
    page.get_by_alt_text("Grad-CAM heatmap for", exact=False).wait_for()
    image = page.url
    page.get_by_role("link", name="Back to evaluation").click()
    page.get_by_text("Confusion matrix").wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.get_by_alt_text("Grad-CAM heatmap for", exact=False).wait_for()
    assert page.url == image
    page.go_back()  # to an address that names no view
    page.get_by_text("Confusion matrix").wait_for()
    assert view() == "Overview"

    page.get_by_role("radio", name="Labels").click()
    wait_for_address(page, "**view=Labels**")
    labels = page.url
    page.get_by_role("link", name="History").click()
    page.get_by_role("heading", name="History").wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.get_by_text("labels may be wrong").first.wait_for()
    assert view() == "Labels" and page.url == labels

    page.goto("/")
    click_sample(page, "frog")
    page.locator("[data-testid=stMetricValue]").get_by_text("frog").wait_for()
    page.wait_for_selector(IDLE)
    predicted = page.url
    page.get_by_role("link", name="Explain", exact=True).click()
    page.get_by_alt_text("HiResCAM heatmap for frog", exact=False).wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.locator("[data-testid=stMetricValue]").get_by_text("frog").wait_for()
    assert page.url == predicted
