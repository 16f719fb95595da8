"""The answer comes first on Predict, and it is said at once what is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import click_sample
from tests.e2e.dashboard_server import IDLE, Server, running_server

pytestmark = pytest.mark.browser

UPLOAD = "[data-testid=stFileUploaderDropzoneInput]"
ANSWER = "[data-testid=stMetricValue]"
# notes when the status and the answer are first seen, in milliseconds since the upload
WATCH = """() => {
  const seen = window.seen = {}, start = performance.now()
  const look = () => {
    for (const [name, selector] of [["status", ".st-key-waiting"], ["answer", "[data-testid=stMetricValue]"]])
      if (!(name in seen) && document.querySelector(selector)) seen[name] = performance.now() - start
    if (!("said" in seen) && document.querySelector(".st-key-waiting")?.innerText) {
      seen.said = document.querySelector(".st-key-waiting").innerText
    }
  }
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true})
}"""
# clicks until there is a photo: Streamlit takes none before the camera gives a picture
TAKE_PHOTO = """() => {
  const button = document.querySelector("[data-testid=stCameraInputButton]")
  const before = window.photographed
  if (button?.innerText === "Take Photo") { button.click(); window.photographed = true }
  return before && button?.innerText !== "Take Photo"
}"""
# whether each number is inside of the chart
ROOM = """() => {
  const chart = document.querySelector("[data-testid=stVegaLiteChart] svg")
  const numbers = [...(chart?.querySelectorAll(".mark-text.role-mark text") ?? [])]
  const end = chart?.getBoundingClientRect().right
  return numbers.length && numbers.every(each => each.getBoundingClientRect().right <= end)
}"""
FOCUSED = """() => {
  let element = document.activeElement
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement
  return element.getAttribute("aria-label")
}"""


@pytest.mark.parametrize("width", [360, 420, 820, 1024, 1440])
def test_the_bars_have_room_for_their_numbers(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1200})
    page.goto("/")
    click_sample(page, "automobile")
    page.get_by_text("Evidence for automobile (").wait_for()
    page.wait_for_selector(IDLE)
    page.wait_for_function(ROOM)  # the chart is drawn again until it fits


def test_what_is_waited_for_is_said_long_before_the_answer(browser, tmp_path: Path, samples: Path) -> None:
    """On a server that has just started, where TensorFlow has to be imported first."""
    with running_server(tmp_path / "data") as server:
        page = browser.new_page(base_url=server.url)
        page.set_default_timeout(120_000)
        page.goto("/")
        page.locator(UPLOAD).wait_for(state="attached")
        page.wait_for_selector(IDLE)
        page.evaluate(WATCH)
        page.locator(UPLOAD).set_input_files(next((samples / "ship").glob("*.png")))
        page.locator(ANSWER).wait_for()
        seen = page.evaluate("window.seen")
        page.close()
    assert seen["status"] < seen["answer"] / 2, seen
    assert "TensorFlow" in seen["said"] or "model" in seen["said"]


def test_the_answer_is_on_the_first_screen_of_a_phone(page, samples: Path) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    page.goto("/")
    page.get_by_text("Ten classes: airplane").wait_for()
    page.locator(UPLOAD).set_input_files(next((samples / "ship").glob("*.png")))
    page.get_by_alt_text("Grad-CAM heatmap for ship over the picture").wait_for()
    page.wait_for_selector(IDLE)
    box = page.locator(ANSWER).bounding_box()
    assert box["y"] > 0 and box["y"] + box["height"] < 900
    picture = page.get_by_alt_text("The model's input, enlarged").bounding_box()
    assert box["y"] + box["height"] < picture["y"], "the answer comes before the pictures"
    bars = page.locator(".st-key-all-classes").bounding_box()
    heatmap = page.get_by_alt_text("Grad-CAM heatmap for ship over the picture").bounding_box()
    further = page.get_by_role("button", name="Explain further").bounding_box()
    assert picture["y"] < heatmap["y"] < bars["y"] < further["y"], (
        "the bars come after the pictures, before the buttons"
    )
    for box in (picture, heatmap, bars):
        assert box["x"] >= 0 and box["x"] + box["width"] <= 420
    assert not page.locator(".sheet").count(), "the samples are folded"


def test_a_picture_of_none_of_the_classes(page, tmp_path: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    Image.fromarray(datasets.load_sample_image("china.jpg")).save(tmp_path / "pagoda.png")
    page.goto("/")
    page.locator(UPLOAD).set_input_files(tmp_path / "pagoda.png")
    headline = page.get_by_role("heading", name="Probably none of these ten")
    headline.wait_for()
    page.get_by_text("Closest: ").wait_for()
    page.wait_for_selector(IDLE)
    size = "element => parseFloat(getComputedStyle(element).fontSize)"
    others = page.locator("[data-testid=stMain] :is(p, h2, h3, [data-testid=stMetricValue])")
    assert headline.evaluate(size) >= max(other.evaluate(size) for other in others.all())


def test_samples_are_two_tabs_from_the_title_and_one_stop(page) -> None:
    page.goto("/")
    page.locator(".sheet .picture").first.wait_for()
    page.wait_for_selector(IDLE)
    page.locator("h1").evaluate("title => { title.tabIndex = -1; title.focus() }")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Sample: airplane"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "Sample: automobile"
    page.keyboard.press("Tab")
    assert "Sample" not in (page.evaluate(FOCUSED) or "")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    page.locator(ANSWER).get_by_text("automobile").wait_for()


def test_the_word_below_a_sample_acts_like_its_picture(page) -> None:
    page.goto("/")
    page.locator(".sheet .text", has_text="horse").click()
    page.locator(ANSWER).get_by_text("horse").wait_for()
    page.wait_for_selector(IDLE)  # the large samples are gone
    click_sample(page, "frog")
    page.locator(ANSWER).get_by_text("frog").wait_for()


def test_a_photo_of_the_camera_is_predicted(page) -> None:
    page.goto("/")
    page.wait_for_selector(IDLE)
    page.get_by_text("Camera", exact=True).click()
    page.wait_for_function(TAKE_PHOTO, polling=2000)
    page.locator(ANSWER).or_(page.get_by_role("heading", name="Probably none")).first.wait_for()


def test_the_charts_say_nothing_to_the_console(page, server: Server) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("warning", "error") else None)
    page.goto("/")
    click_sample(page, "ship")
    page.locator("[data-testid=stVegaLiteChart] svg").wait_for()
    page.wait_for_selector(IDLE)
    assert [text for text in said if "sort" in text or "WARN" in text] == []


def test_pictures_one_after_another_have_the_map_of_the_last_layer(page, samples: Path, tmp_path: Path) -> None:
    sample = next((samples / "ship").glob("*.png"))
    large, animated = tmp_path / "large.jpg", tmp_path / "animated.gif"
    with Image.open(sample) as ship:
        ship.resize((600, 400)).save(large)
        ship.resize((120, 90)).save(animated, save_all=True, append_images=[ship.resize((120, 90))])
    page.goto("/")
    page.get_by_text("Ten classes: airplane").wait_for()
    for picture in (large, animated, sample, animated, large):
        page.locator(UPLOAD).set_input_files(picture)
        page.get_by_text(picture.name).wait_for()
        page.wait_for_timeout(3000)  # the answer comes, and its map is tested
        assert page.get_by_role("combobox", name="Layer").input_value() == "last layer (4x4)"


def test_a_tall_picture_leaves_room_for_the_rest(page, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((200, 4000)).convert("RGB").save(tmp_path / "tall.png")
    heights = "images => images.map(image => image.getBoundingClientRect().height)"
    for width in (1440, 420):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/")
        page.locator(UPLOAD).set_input_files(tmp_path / "tall.png")
        page.get_by_alt_text("Grad-CAM heatmap for", exact=False).wait_for()
        page.wait_for_selector(IDLE)
        found = page.locator("[data-testid=stMain] [data-testid=stImage] img").evaluate_all(heights)
        assert len(found) == 3 and 100 < max(found) <= 512, found
        page.get_by_role("button", name="Explain further").click()
        page.get_by_alt_text("HiResCAM heatmap for", exact=False).wait_for()
        page.wait_for_selector(IDLE)
        found = page.locator("[data-testid=stMain] [data-testid=stImage] img").evaluate_all(heights)
        assert len(found) >= 5 and found[0] <= 256 and 100 < max(found) <= 512, found


def test_nothing_is_waited_for_any_more_when_the_answer_is_there(page, samples: Path) -> None:
    page.goto("/")
    page.get_by_text("Ten classes: airplane").wait_for()
    for name in ("ship", "frog"):
        page.locator(UPLOAD).set_input_files(next((samples / name).glob("*.png")))
        page.locator(ANSWER).get_by_text(name).wait_for()
        page.wait_for_selector(IDLE)
        assert page.locator("[data-testid=stSkeletonElement]").count() == 0
    page.goto(page.url)
    page.locator(ANSWER).get_by_text("frog").wait_for()
    page.wait_for_selector(IDLE)
    assert page.locator("[data-testid=stSkeletonElement]").count() == 0


def test_an_old_answer_leaves_as_soon_as_another_picture_is_waited_for(
    page, samples: Path, tmp_path: Path, server: Server
) -> None:
    another = tmp_path / "another-frog.png"  # that nobody has asked this server about yet
    with Image.open(next((samples / "frog").glob("*.png"))) as frog:
        frog.resize((48, 48)).save(another)
    page.goto("/")
    page.get_by_text("Ten classes: airplane").wait_for()
    page.locator(UPLOAD).set_input_files(next((samples / "ship").glob("*.png")))
    page.locator(ANSWER).get_by_text("ship").wait_for()
    page.wait_for_selector(IDLE)
    page.evaluate(
        """answer => {
          window.together = 0
          new MutationObserver(() => {
            const waiting = document.querySelector(".st-key-waiting"), old = document.querySelector(answer)
            if (waiting) window.waited = true
            if (waiting && old) window.together += 1
          }).observe(document.body, {childList: true, subtree: true})
        }""",
        ANSWER,
    )
    workers = server.workers()
    for worker in workers:
        worker.suspend()  # so that the page has to wait
    try:
        page.locator(UPLOAD).set_input_files(another)
        page.locator(".st-key-waiting").wait_for()
    finally:
        for worker in workers:
            worker.resume()
    page.locator(ANSWER).get_by_text("frog").wait_for()
    assert page.evaluate("[window.waited, window.together]") == [True, 0]
