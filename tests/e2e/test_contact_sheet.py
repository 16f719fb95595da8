"""The contact sheet of an evaluation in a browser: what is ticked is what is selected."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect

from dashboard.core.runs.store import RunStore
from tests.e2e.conftest import wait_for_address
from tests.e2e.dashboard_server import IDLE, Server

pytestmark = pytest.mark.browser

UPLOAD = "[data-testid=stFileUploaderDropzoneInput]"


@pytest.fixture(scope="module")
def run_id(browser, server: Server, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An evaluation of more images than one page shows."""
    path = tmp_path_factory.mktemp("zip") / "turned.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(samples.glob("*/*.png")):
            for angle in range(0, 360, 45):
                buffer = io.BytesIO()
                Image.open(file).rotate(angle).save(buffer, "PNG")
                archive.writestr(f"{file.parent.name}/{file.stem}-{angle}.png", buffer.getvalue())
    page = browser.new_page(base_url=server.url)
    page.goto("/evaluate")
    page.locator(UPLOAD).set_input_files(path)
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    page.close()
    [found] = [m.run_id for m in RunStore(server.data / "runs").list() if m.dataset_name == "turned.zip"]
    return found


@pytest.fixture
def sheet(page, run_id: str):
    page.goto(f"/evaluate?run={run_id}&view=Images&show=status%3Dok")
    page.locator(".sheet input").nth(39).wait_for()
    page.wait_for_selector(IDLE)
    return page


def expect_selected(page, count: int) -> None:
    """The page says so, and as many boxes of the sheet are ticked, as soon as the sheet has drawn what the page says."""
    from playwright.sync_api import expect

    told = page.locator(".st-key-selection").get_by_text(f"{count} selected", exact=True)
    told.wait_for(timeout=20_000)
    page.wait_for_selector(IDLE)
    for ticked in (".sheet input:checked", ".sheet .picture[aria-pressed=true]"):
        expect(page.locator(ticked)).to_have_count(min(count, 40), timeout=20_000)
    assert told.is_visible()


def press(page, name: str) -> None:
    page.locator(".st-key-selection").get_by_role("button", name=name).click()


def turn_to(page, number: int) -> None:
    page.locator("[data-testid=stPagination]").get_by_role("button", name=f"Page {number}", exact=True).click()


def test_the_same_images_can_be_selected_again(sheet) -> None:
    boxes = sheet.locator(".sheet input")
    for _ in range(2):
        boxes.nth(0).click()
        boxes.nth(1).click()
        expect_selected(sheet, 2)
        press(sheet, "Select none")
        expect_selected(sheet, 0)


def test_one_image_of_a_selected_page_can_be_left_out_again(sheet) -> None:
    for _ in range(2):
        press(sheet, "Select this page (40)")
        expect_selected(sheet, 40)
        sheet.locator(".sheet input").nth(3).click()
        expect_selected(sheet, 39)


def test_no_click_is_lost(sheet) -> None:
    boxes = sheet.locator(".sheet input")
    for number in range(6):
        boxes.nth(number).click()
    for number in range(6, 14):  # as slow as the sheet waits before it tells the server
        boxes.nth(number).click()
        sheet.wait_for_timeout(300 + 20 * number)
    expect_selected(sheet, 14)
    boxes.nth(20).click()
    press(sheet, "Select none")
    expect_selected(sheet, 0)


def test_what_was_just_selected_stays_when_the_page_is_turned(sheet) -> None:
    sheet.locator(".sheet input").nth(0).click()
    turn_to(sheet, 2)
    sheet.locator(".st-key-selection").get_by_text("1 selected", exact=True).wait_for()
    sheet.locator(".sheet input:checked").wait_for(state="detached")
    sheet.locator(".sheet input").nth(2).click()
    turn_to(sheet, 1)
    sheet.locator(".st-key-selection").get_by_text("2 selected", exact=True).wait_for()
    sheet.locator(".sheet .cell:first-child input:checked").wait_for()


def test_it_can_be_used_with_the_keyboard_and_a_screen_reader(sheet) -> None:
    sheet.get_by_role("group", name="40 images").wait_for()
    pictures = sheet.locator(".sheet .picture")
    assert len({picture.get_attribute("aria-label") for picture in pictures.all()}) == 40
    pictures.first.focus()
    sheet.keyboard.press("Space")
    expect_selected(sheet, 1)
    sheet.keyboard.press("ArrowRight")
    sheet.keyboard.press("ArrowRight")
    sheet.keyboard.press("Shift+Space")
    expect_selected(sheet, 3)
    assert [each.get_attribute("aria-pressed") for each in pictures.all()[:4]] == ["true"] * 3 + ["false"]


def test_a_click_opens_the_image_and_keeps_the_selection(sheet, run_id: str) -> None:
    sheet.locator(".sheet input").nth(4).click()
    sheet.locator(".sheet .picture").nth(5).click()
    sheet.get_by_role("link", name="Back to evaluation").click()
    sheet.locator(".st-key-selection").get_by_text("1 selected", exact=True).wait_for()
    assert parse_qs(urlsplit(sheet.url).query)["run"] == [run_id]


def test_a_file_that_cannot_be_made_says_why(sheet, server: Server, run_id: str) -> None:
    dataset = Path(RunStore(server.data / "runs").folder(run_id).manifest().dataset)
    press(sheet, "Select this page (40)")
    expect_selected(sheet, 40)
    sheet.wait_for_timeout(500)  # the browser draws the buttons after the script has ended
    with sheet.expect_download() as download:
        press(sheet, "ZIP")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 40
    zip_file = sheet.locator(".st-key-selection").get_by_role("button", name="ZIP")
    contents = dataset.read_bytes()
    try:
        dataset.write_bytes(b"damaged")
        zip_file.click()
        sheet.get_by_text("the file could not be made").wait_for()
        dataset.unlink()
        press(sheet, "Select none")
        press(sheet, "Select this page (40)")
        expect_selected(sheet, 40)
        expect(zip_file).to_be_disabled()
    finally:
        dataset.write_bytes(contents)


def test_a_key_says_whether_an_image_is_right_and_the_focus_stays(sheet) -> None:
    pictures, said = sheet.locator(".sheet .picture"), sheet.locator(".sheet .said")
    pictures.nth(0).focus()
    for key in ("r", "ArrowRight", "w"):  # one after the other, without waiting for the server
        sheet.keyboard.press(key)
    sheet.get_by_text("prediction right", exact=True).wait_for(timeout=20_000)
    sheet.get_by_text("prediction wrong", exact=True).wait_for(timeout=20_000)
    sheet.wait_for_selector(IDLE)
    assert said.nth(0).text_content() == "prediction right" and said.nth(1).text_content() == "prediction wrong"
    assert pictures.nth(1).evaluate("each => each.getRootNode().activeElement === each")
    sheet.reload()
    sheet.get_by_text("prediction wrong", exact=True).wait_for(timeout=60_000)
    pictures.nth(3).hover()
    sheet.keyboard.press("r")
    expect(said.nth(3)).to_have_text("prediction right", timeout=60_000)


def test_a_key_is_about_the_image_under_the_pointer_wherever_the_focus_was_left(page, run_id: str) -> None:
    said = page.locator(".sheet .said")

    def judges(place: int, key: str, words: str) -> None:
        page.locator(".sheet .picture").nth(place).hover()
        page.keyboard.press(key)
        expect(said.nth(place)).to_contain_text(words, timeout=60_000)
        page.wait_for_selector(IDLE)

    page.goto(f"/evaluate?run={run_id}&view=Overview&show=status%3Dok")
    page.locator(".sheet input").first.wait_for()
    page.get_by_role("radio", name="Images", exact=True).click()
    page.locator(".sheet input").nth(39).wait_for()
    page.wait_for_selector(IDLE)
    judges(10, "w", "prediction wrong")
    page.get_by_role("heading", name="Batch evaluation").click(position={"x": 400, "y": 20})
    assert page.evaluate("document.activeElement.localName") == "main"
    judges(11, "r", "prediction right")
    order = page.get_by_role("combobox", name="Sort by")
    order.click()
    page.get_by_role("option", name="As in the dataset").click()
    wait_for_address(page, "**sort=dataset*")
    judges(12, "w", "prediction wrong")
    assert order.input_value() == "As in the dataset"
    page.locator(".sheet .picture").nth(13).click(modifiers=["Control"])
    expect_selected(page, 1)
    judges(14, "r", "prediction right")
    assert said.nth(13).text_content() == ""


def test_a_letter_goes_into_the_box_that_is_typed_in(page, run_id: str) -> None:
    page.goto(f"/evaluate?run={run_id}&view=Images&show=status%3Dok&where=status%3Dok")
    page.locator(".sheet input").nth(39).wait_for()
    page.wait_for_selector(IDLE)
    image = page.locator(".sheet .picture").nth(20)
    at = image.bounding_box()
    order, name = page.get_by_role("combobox", name="Sort by"), page.get_by_role("textbox", name="Name")
    for opener, box in ((order, order), (page.get_by_role("button", name="Subsets"), name)):
        opener.click()
        box.click()
        page.mouse.move(at["x"] + 20, at["y"] + 20)
        page.keyboard.press("w")
        expect(box).to_have_value("w")
        page.keyboard.press("Escape")
    assert page.locator(".sheet .said").nth(20).text_content() == ""


def test_ticks_and_order_are_there_after_a_reload_and_back_passes_over_ticks(page, run_id: str) -> None:
    page.goto("/history")
    page.get_by_role("heading", name="History").wait_for()
    page.goto(f"/evaluate?run={run_id}&show=status%3Dok")
    page.locator(".sheet input").nth(15).wait_for()
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name="As in the dataset").click()
    wait_for_address(page, "**sort=dataset*")
    for place in (0, 2, 4):
        page.locator(".sheet input").nth(place).click()
    page.wait_for_url("**ticked=0%2C2%2C4*")
    expect_selected(page, 3)
    page.reload()
    page.locator(".sheet input").nth(15).wait_for(timeout=60_000)
    expect_selected(page, 3)
    assert [page.locator(".sheet input").nth(place).is_checked() for place in range(5)] == [True, False] * 2 + [True]
    page.go_back()  # to the default order, and not to two ticks
    page.wait_for_url(lambda address: "sort=" not in address)
    page.locator(".st-key-selection").get_by_text("3 selected", exact=True).wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.wait_for_url("**/history*")


def test_the_page_of_a_list_is_there_after_a_reload_and_back(page, run_id: str) -> None:
    def current() -> str:
        return page.locator("[data-testid=stPagination] [aria-current=page]").inner_text()

    page.goto(f"/evaluate?run={run_id}&show=status%3Dok&view=Images")
    page.locator(".sheet input").nth(39).wait_for()
    page.locator("[data-testid=stPagination]").get_by_role("button", name="Page 2", exact=True).click()
    wait_for_address(page, "**page=2-*")
    page.reload()
    page.locator(".sheet input").first.wait_for(timeout=60_000)
    page.wait_for_selector(IDLE)
    assert current() == "2"
    page.locator(".sheet button, .sheet a").nth(3).click()  # Explain
    page.get_by_role("heading", name="Explain").wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.locator(".sheet input").first.wait_for(timeout=60_000)
    page.wait_for_selector(IDLE)
    assert current() == "2"
    page.get_by_role("combobox", name="Sort by").click()
    page.get_by_role("option", name="As in the dataset").click()
    wait_for_address(page, "**sort=dataset*")
    assert current() == "1" and "page=" not in page.url  # another list begins at its first page


def test_five_pictures_stand_side_by_side_and_two_on_a_phone(sheet, run_id: str) -> None:
    def across() -> int:
        columns = sheet.locator(".sheet").evaluate("each => getComputedStyle(each).gridTemplateColumns")
        return len(columns.split())

    sheet.set_viewport_size({"width": 1440, "height": 900})
    assert across() == 5
    sheet.set_viewport_size({"width": 420, "height": 900})
    assert across() == 2
    sheet.set_viewport_size({"width": 1440, "height": 900})
    sheet.goto(f"/evaluate?run={run_id}&show=status%3Dok")
    sheet.locator(".sheet input").nth(15).wait_for()
    assert across() == 4  # beside the confusion matrix


@pytest.mark.parametrize("width", [820, 1024, 1280, 1440])
def test_the_matrix_is_wide_enough_and_no_button_is_cut(page, run_id: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto(f"/evaluate?run={run_id}&view=Overview")
    chart = page.locator("[data-testid=stVegaLiteChart]").first
    chart.wait_for()
    page.locator(".st-key-findings button").first.wait_for()
    page.wait_for_selector(IDLE)
    box = chart.bounding_box()
    images = page.locator("[data-testid=stColumn]", has=page.locator(".sheet")).last.bounding_box()
    assert box["width"] >= 380
    assert (images["x"] > box["x"] + box["width"]) == (width >= 1280)
    cut = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)"
    assert page.locator("[data-testid=stMain] button .stMarkdownEllipsis p").evaluate_all(cut) == []


def test_the_filter_of_the_history_is_there_after_back(page, run_id: str) -> None:
    page.goto("/history?source=evaluation")
    rows = page.locator(".dvn-scroller")
    rows.first.wait_for()
    page.wait_for_selector(IDLE)
    rows.first.click(position={"x": 12, "y": 52})
    page.get_by_role("button", name="Open this image").click()
    page.wait_for_url("**/explain?run=*")
    page.get_by_text("HiResCAM").first.wait_for()
    page.wait_for_selector(IDLE)
    page.go_back()
    page.wait_for_url("**/history?*source=evaluation*")
    page.get_by_text("Filter", exact=True).wait_for()
    page.wait_for_selector(IDLE)
    assert "source=evaluation" in page.url and "image=" not in page.url
