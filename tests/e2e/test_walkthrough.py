"""The product as its users meet it: a real server, real workers, a real browser."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from dashboard.core.database.database import Database
from dashboard.core.evaluation.opening import begin_run
from dashboard.core.evaluation.plan import plan_run
from dashboard.core.feedback.feedback import Feedback
from dashboard.core.history.history import History
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.core.models.registry import Registry
from dashboard.core.runs.store import RunStore
from dashboard.core.settings import Settings
from tests.compared_runs import probabilities, write_run
from tests.e2e.conftest import click_sample
from tests.e2e.dashboard_server import IDLE, ROOT, Server, running_server
from tests.recorded import entry
from tests.run_rows import Row, table_of

pytestmark = pytest.mark.browser

UPLOAD = "[data-testid=stFileUploaderDropzoneInput]"
CELLS = "[data-testid=stVegaLiteChart] svg .mark-rect.role-mark path"


def open_page(page, path: str = "/") -> None:
    page.goto(path)
    page.wait_for_selector(IDLE)


def choose_sample(page, name: str) -> None:
    click_sample(page, name)
    page.locator("[data-testid=stMetricValue]").get_by_text(name, exact=True).wait_for()
    page.wait_for_selector(IDLE)


def predicted_class(page) -> str:
    return page.locator("[data-testid=stMetricValue]").first.inner_text().strip()


def evaluate(page, archive: Path) -> None:
    open_page(page, "/evaluate")
    page.locator(UPLOAD).set_input_files(archive)
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    page.locator(CELLS).first.wait_for()


def metric(page, label: str) -> str:
    box = page.locator("[data-testid=stMetric]").filter(has=page.get_by_text(label, exact=True))
    return box.locator("[data-testid=stMetricValue]").inner_text().strip()


@pytest.fixture(scope="module")
def samples_zip(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, each in eight sizes and one file that is no image; `plane` stands for airplane."""
    path = tmp_path_factory.mktemp("zip") / "my pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(samples.glob("*/*.png")):
            folder = "Plane" if file.parent.name == "airplane" else file.parent.name.upper()
            picture = Image.open(file)
            for side in range(24, 56, 4):
                buffer = io.BytesIO()
                picture.resize((side, side)).save(buffer, "PNG")
                archive.writestr(f"pictures/{folder}/{file.stem}-{side}.png", buffer.getvalue())
        archive.writestr("pictures/CAT/<img src=x onerror=alert(1)>.png", b"no image at all")
        archive.writestr("__MACOSX/pictures/CAT/._x.png", b"junk")
    return path


def test_predict_a_sample_and_ask_for_another_class(page) -> None:
    open_page(page)
    choose_sample(page, "frog")
    assert predicted_class(page) == "frog"
    page.get_by_text("Evidence for frog (").wait_for()
    overlay = page.get_by_alt_text("Grad-CAM heatmap for frog over the picture").get_attribute("src")
    page.locator(".st-key-target input").click()
    page.get_by_role("option", name="truck").click()
    page.get_by_text("Evidence for truck (").wait_for()
    assert page.get_by_alt_text("Grad-CAM heatmap for truck over the picture").get_attribute("src") != overlay
    assert predicted_class(page) == "frog"


def test_downloads_hold_what_the_page_shows(page) -> None:
    open_page(page)
    choose_sample(page, "ship")
    with page.expect_download() as download:
        page.locator(".st-key-download-result button").click()
    record = json.loads(Path(download.value.path()).read_text())
    assert record["predicted_label"] == predicted_class(page) == "ship"
    assert sum(record["pred_probs"].values()) == pytest.approx(1)
    assert max(max(row) for row in record["explanations"][0]["heatmap"]["values"]) == 1
    with page.expect_download() as download:
        page.locator(".st-key-download-overlay button").click()
    with Image.open(download.value.path()) as overlay:
        assert overlay.format == "PNG"
        assert overlay.size == (512, 512)


def test_a_file_that_is_no_image_is_refused_in_words(page, tmp_path: Path) -> None:
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    fake = tmp_path / "<img src=x onerror=alert(1)>.png"
    fake.write_text("hello")
    open_page(page)
    page.locator(UPLOAD).set_input_files(fake)
    page.get_by_text("The file is text, not an image.").wait_for()
    assert page.get_by_text("Predicted class").count() == 0
    assert alerts == []


def test_evaluate_a_zip_click_a_cell_and_come_back(page, samples_zip: Path) -> None:
    alerts = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    evaluate(page, samples_zip)
    assert metric(page, "Evaluated") == "176"
    assert metric(page, "Not evaluated") == "1"
    accuracy = metric(page, "Accuracy")
    assert page.title() == f"my pictures.zip, {accuracy}"
    cell = page.locator(f"{CELLS}[aria-label*='Label: airplane'][aria-label*='Predicted class: airplane']")
    count = int(cell.get_attribute("aria-label").split("count: ")[1].split(";")[0])
    cell.click(force=True)  # the number lies on top and lets the click through
    chosen = page.locator(f"input[value='Labelled airplane, predicted as airplane ({count})']")
    chosen.wait_for()
    page.wait_for_selector(IDLE)
    images = page.locator(".sheet .picture")
    images.nth(count - 1).wait_for()
    assert images.count() == count
    images.first.focus()  # by keyboard, too
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    page.get_by_text("1 selected").wait_for()
    page.locator(".sheet input").nth(4).click(modifiers=["Shift"])
    page.get_by_text("4 selected").wait_for()

    images.first.click()
    page.get_by_role("link", name="Back to evaluation").click()
    chosen.wait_for()  # where one was before
    page.get_by_text("4 selected").wait_for()

    page.reload()
    chosen.wait_for()
    page.get_by_text("4 selected").wait_for()
    page.get_by_text("Confusion matrix").wait_for()
    assert metric(page, "Accuracy") == accuracy
    page.get_by_role("link", name="Predict").click()
    page.get_by_text("No picture at hand").wait_for()
    page.get_by_role("link", name="Batch evaluation").click()
    page.get_by_text("Confusion matrix").wait_for()
    assert metric(page, "Accuracy") == accuracy
    assert alerts == []


def test_downloaded_predictions_have_a_row_for_every_file(page, samples_zip: Path) -> None:
    evaluate(page, samples_zip)
    page.get_by_role("radio", name="Report").click()
    with page.expect_download() as download:
        page.locator(".st-key-download-csv button").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + 177
    assert sum(",failed," in line for line in lines) == 1


def test_two_evaluations_are_compared_and_the_address_keeps_it(page, server: Server) -> None:
    labels, right = ["cat"] * 30 + ["dog"] * 30, [0] * 30 + [1] * 30
    for name, wrong in (("better", 0), ("worse", 20)):
        predicted = [1] * wrong + right[wrong:]
        write_run(server.data / "runs", name, labels, probabilities(predicted, 2), ("cat", "dog"), model=f"{name}@1")
    open_page(page, "/compare?a=worse&b=better")
    page.get_by_text("B is right more often: 100.0% against 66.7% for A").wait_for()
    shown = {"Images": "Only B is right (20)", "Confusion": "B minus A", "Calibration": "Calibration error (ECE)"}
    for tab, text in shown.items():
        page.get_by_role("tab", name=tab).click()
        page.get_by_text(text).first.wait_for()
        page.wait_for_selector(IDLE)  # within milliseconds, Streamlit would set the tab back to the one of the last run
    page.get_by_role("link", name="Predict").click()
    page.get_by_text("No picture at hand").wait_for()
    page.get_by_role("link", name="Compare").click()
    page.get_by_text("B is right more often").wait_for()
    assert page.url.endswith("/compare?a=worse&b=better")
    for name in ("better", "worse"):
        RunStore(server.data / "runs").delete(name)


def test_a_zip_that_was_cut_off_is_refused(page, samples_zip: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(samples_zip.read_bytes()[: samples_zip.stat().st_size // 2])
    open_page(page, "/evaluate")
    page.locator(UPLOAD).set_input_files(half)
    page.get_by_text("not a complete ZIP file").wait_for()


def test_diagnostics_find_everything_in_order(page) -> None:
    open_page(page, "/diagnostics")
    # the checks appear one by one, and a worker alone may take 120 s to start
    page.get_by_text("Everything works").first.wait_for(timeout=240_000)
    assert page.get_by_role("heading", name="Storage").is_visible()


def test_killed_workers_are_replaced_and_the_page_answers(page, server: Server) -> None:
    open_page(page)
    choose_sample(page, "horse")
    before = server.workers()
    assert before
    for worker in before:
        worker.send_signal(signal.SIGKILL)
    choose_sample(page, "truck")
    page.get_by_text("Evidence for truck (").wait_for()
    assert predicted_class(page) == "truck"


def test_all_columns_of_the_evaluations_are_seen_however_long_the_names_are(page, server: Server) -> None:
    root = server.data / "runs"
    long = "photographs of the animals in the zoo, taken by the camera at the second gate"
    folder = write_run(root, "long", ["cat"], probabilities([0], 2), ("cat", "dog"), dataset=str(root / f"{long}.zip"))
    folder.beside.annotate(lambda annotations: replace(annotations, note=long, verdict="to review"))
    open_page(page, "/evaluate")
    table = page.locator("[data-testid=stDataFrame]").last.locator(".dvn-scroller")
    assert table.evaluate("each => each.scrollWidth <= each.clientWidth")
    RunStore(root).delete("long")


@pytest.mark.parametrize("user", ["", "ann.with.a.long.name@example.com"])
def test_all_columns_of_the_history_are_seen_however_long_the_names_are(browser, tmp_path: Path, user: str) -> None:
    long = "photograph of an animal in the zoo, taken by the camera at the second gate"
    with closing(Database(settings := Settings(data_dir=tmp_path))) as database:
        history = History(database, lambda: RunStore(settings.runs_dir), settings)
        made = entry(b"1", file=f"{long}.png", user=user, fit="center-crop", doubt=True)
        feedback = Feedback(database, history)
        feedback.give(history.record(made), False, NONE_OF_THESE, user=user, note=long)
        assert history.close(10)
    with running_server(tmp_path) as server:
        page = browser.new_page(viewport={"width": 1440, "height": 1200}, base_url=server.url)
        page.set_default_timeout(120_000)
        for shown in ("Predictions", "Feedback"):
            open_page(page, f"/history?list={shown}")
            table = page.locator("[data-testid=stDataFrame]").locator(".dvn-scroller")
            assert table.evaluate("each => each.scrollWidth <= each.clientWidth"), shown
        page.close()


@pytest.mark.parametrize("path", ["/", "/evaluate", "/compare", "/diagnostics"])
def test_nothing_overflows_on_a_phone(page, path: str) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    open_page(page, path)
    page.wait_for_timeout(500)
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1]


def test_the_server_stays_small_and_never_loads_tensorflow(browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        page = browser.new_page(base_url=server.url)
        page.set_default_timeout(120_000)
        open_page(page)
        choose_sample(page, "dog")
        memory_mb = server.memory_mb()
        maps = Path(f"/proc/{server.process.pid}/maps")
        libraries = maps.read_text() if maps.exists() else ""
        page.close()
    assert memory_mb < 250
    if not libraries:
        pytest.skip("this system does not show a process's libraries in /proc")
    assert "numpy" in libraries
    assert "tensorflow" not in libraries


def test_a_large_upload_does_not_stay_in_memory(page, server: Server, samples: Path, tmp_path: Path) -> None:
    memory_mb = []
    for name, size_mb in (("small.zip", 0), ("large.zip", 60)):  # the first upload imports what evaluations need
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for file in samples.glob("cat/*.png"):
                archive.write(file, f"cat/{file.name}")
            archive.writestr("notes.txt", os.urandom(size_mb * 2**20))
        evaluate(page, tmp_path / name)
        memory_mb.append(server.memory_mb())
    assert memory_mb[1] - memory_mb[0] < 30


def test_workers_die_with_a_killed_server(browser, tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        until = time.monotonic() + 30
        while not (workers := server.workers()) and time.monotonic() < until:
            time.sleep(0.2)
        assert workers
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        until = time.monotonic() + 10
        while any(map(_runs, workers)) and time.monotonic() < until:
            time.sleep(0.2)
        assert [worker for worker in workers if _runs(worker)] == []


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # whoever collects orphans may take its time
    except psutil.NoSuchProcess:
        return False


def test_two_thousand_images_survive_a_killed_worker(page, server: Server, shared_dir: Path) -> None:
    open_page(page, "/evaluate")
    page.locator(UPLOAD).set_input_files(shared_dir / "cifar10" / "cifar10-test-2000.zip")
    page.locator(".st-key-progress").wait_for()
    page.get_by_role("link", name="Predict").click()  # the evaluation goes on meanwhile
    page.get_by_text("No picture at hand").wait_for()
    for worker in server.workers()[:1]:
        worker.send_signal(signal.SIGKILL)
    page.get_by_role("link", name="Batch evaluation").click()
    page.get_by_text("Confusion matrix").wait_for(timeout=120_000)
    assert metric(page, "Evaluated") == "2,000"
    assert metric(page, "Not evaluated") == "0"
    cell = page.locator(f"{CELLS}[aria-label*='Label: cat'][aria-label*='Predicted class: dog']")
    count = int(cell.get_attribute("aria-label").split("count: ")[1].split(";")[0])
    cell.click(force=True)
    page.locator(f"input[value='Labelled cat, predicted as dog ({count})']").wait_for()
    page.wait_for_selector(IDLE)
    page.locator(".sheet .picture").nth(count - 1).wait_for()
    assert page.locator(".sheet .picture").count() == count


def test_an_evaluation_of_another_process_is_followed_on_the_page(page, server: Server, samples: Path) -> None:
    store = RunStore(server.data / "runs")
    opened = begin_run(plan_run(samples, Registry(ROOT / "models").get("")), store, 10, "of-another-process")
    labels = ["airplane", "automobile"]

    def add_part(part: int) -> None:
        rows = [Row(10 * part + i, f"{i}.png", labels[part], labels[0], 0.9, None, None, "ok", "") for i in range(10)]
        store.folder("of-another-process").add_part(part, table_of(rows))

    add_part(0)
    open_page(page, "/evaluate?run=of-another-process")
    page.get_by_text("10 of 22 images are done").wait_for()
    page.get_by_text("Another process is evaluating it").wait_for()
    add_part(1)
    page.get_by_text("20 of 22 images are done").wait_for()
    opened.folder.finish(opened.manifest, "finished", 1.0)
    opened.owner.release()
    page.get_by_text("Another process is evaluating it").wait_for(state="detached")
    page.get_by_text("Not finished").wait_for(state="detached")
    store.delete("of-another-process")
