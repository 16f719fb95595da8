"""make screenshots: the README's pictures, taken from a running dashboard.

They show the sample images only, which may be passed on; the evaluation is of the samples turned, blurred and noisy, so
that there is something to confuse.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import Locator, Page, sync_playwright

from tests.e2e.conftest import ARGUMENTS, click_sample
from tests.e2e.dashboard_server import IDLE, ROOT, chromium, running_server

TARGET = ROOT / "docs" / "screenshots"
CELLS = "[data-testid=stVegaLiteChart] svg .mark-rect.role-mark path"


def disturbed_samples(path: Path) -> Path:
    """A ZIP of the samples, each turned, mirrored, blurred and noisy in several strengths."""
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((ROOT / "data" / "samples").glob("*/*.png")):
            picture = Image.open(file).convert("RGB").resize((32, 32))  # blur and noise are strong enough for this size
            variants = {f"turned{angle}": picture.rotate(angle) for angle in (-20, -10, 10, 20, 45)}
            variants["mirrored"] = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            variants |= {f"blur{r}": picture.filter(ImageFilter.GaussianBlur(r)) for r in (0.5, 0.8, 1.1)}
            for sigma in (6, 12, 20):
                noisy = np.asarray(picture, float) + rng.normal(0, sigma, (32, 32, 3))
                variants[f"noise{sigma}"] = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            for name, variant in variants.items():
                buffer = io.BytesIO()
                variant.save(buffer, "PNG")
                archive.writestr(f"{file.parent.name}/{file.stem}-{name}.png", buffer.getvalue())
    return path


def photograph(page: Page, name: str, ready: str = IDLE) -> None:
    page.wait_for_selector(ready)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    page.screenshot(path=TARGET / f"{name}.png")


def take_all(page: Page, archive: Path, data: Path) -> None:
    page.goto("/")
    click_sample(page, "automobile")
    page.get_by_text("Evidence for automobile (").wait_for()
    photograph(page, "predict")
    page.get_by_text("Explain further").click()
    page.get_by_text("HiResCAM").first.wait_for()
    page.wait_for_timeout(5000)
    photograph(page, "explain")
    page.goto("/evaluate")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(archive)
    page.locator(CELLS).first.wait_for(timeout=120_000)
    page.locator(".st-key-findings").wait_for()
    photograph(page, "evaluate")
    run_id = parse_qs(urlsplit(page.url).query)["run"][0]
    _most_confused(page).click(force=True)
    page.wait_for_timeout(1500)
    page.locator(".st-key-images-head").evaluate("head => head.scrollIntoView()")
    photograph(page, "confusion-cell")
    page.goto(f"/evaluate?run={run_id}&view=Confidence")
    page.get_by_text("Accuracy by confidence").wait_for()
    photograph(page, "confidence")
    other = json.loads(command(data, "evaluate", archive, "--model", "cifar10-small", "--json"))["run_id"]
    page.goto(f"/compare?a={run_id}&b={other}")
    page.get_by_text("Both right").wait_for()
    photograph(page, "compare")
    command(data, "report", run_id, "--out", data / "report.html")
    page.goto((data / "report.html").as_uri())
    photograph(page, "report", "svg")
    page.goto("/diagnostics")
    page.get_by_text("Everything works").first.wait_for(timeout=120_000)
    photograph(page, "diagnostics")


def command(data: Path, *arguments: object) -> str:
    """What a command of the dashboard with this data folder prints."""
    words = [sys.executable, "-m", "dashboard", *map(str, arguments)]
    environment = {**os.environ, "DASHBOARD_DATA_DIR": str(data)}
    return subprocess.run(words, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _most_confused(page: Page) -> Locator:
    """The cell with most mistakes."""
    labels = {cell: cell.get_attribute("aria-label") or "" for cell in page.locator(CELLS).all()}
    wrong = [cell for cell, label in labels.items() if "(all)" not in label and len(set(_names(label))) == 2]
    return max(wrong, key=lambda cell: int(labels[cell].split("count: ")[1].split(";")[0]))


def _names(label: str) -> tuple[str, str]:
    fields = dict(part.split(": ", 1) for part in label.split("; ") if ": " in part)
    return fields["Label"], fields["Predicted class"]


def main() -> int:
    path = chromium()
    if path is None:
        print("There is no Chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data") as server:
        archive = disturbed_samples(Path(folder) / "disturbed-samples.zip")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1360, "height": 1080}, base_url=server.url)
            page.set_default_timeout(60_000)
            take_all(page, archive, server.data)
            browser.close()
    print(f"Wrote {', '.join(sorted(p.name for p in TARGET.glob('*.png')))} to {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
