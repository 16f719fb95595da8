"""make screenshots: the README's pictures, taken from a running dashboard.

They show the sample images only, which may be passed on; the evaluation is of the samples turned, blurred and noisy, so
that there is something to confuse.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from playwright.sync_api import Page, sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.e2e.dashboard_server import ROOT, chromium, running_server

TARGET = ROOT / "docs" / "screenshots"
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
CELLS = "[data-testid=stVegaLiteChart] svg .mark-rect.role-mark path"


def disturbed_samples(path: Path) -> Path:
    """A ZIP of the samples, each turned, mirrored, blurred and noisy in several strengths."""
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((ROOT / "data" / "samples").glob("*/*.png")):
            picture = Image.open(file).convert("RGB")
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


def photograph(page: Page, name: str) -> None:
    page.wait_for_selector(IDLE)
    page.mouse.move(0, 0)
    page.wait_for_timeout(1000)
    page.screenshot(path=TARGET / f"{name}.png")


def take_all(page: Page, archive: Path) -> None:
    page.goto("/")
    page.locator(".st-key-sample-frog button").click()
    page.get_by_text("Evidence for frog (").wait_for()
    photograph(page, "predict")
    page.get_by_text("Explain further").click()
    page.get_by_text("HiResCAM").first.wait_for()
    page.wait_for_timeout(5000)
    photograph(page, "explain")
    page.goto("/evaluate")
    page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(archive)
    page.locator(CELLS).first.wait_for(timeout=120_000)
    photograph(page, "evaluate")
    wrong = [
        cell
        for cell in page.locator(CELLS).all()
        if (label := cell.get_attribute("aria-label") or "") and _names(label)[0] != _names(label)[1]
    ]
    most = max(wrong, key=lambda cell: int((cell.get_attribute("aria-label") or "").split("count: ")[1].split(";")[0]))
    most.click(force=True)
    page.get_by_text("predicted as", exact=False).first.wait_for()
    page.wait_for_timeout(1500)
    photograph(page, "confusion-cell")
    page.goto("/diagnostics")
    page.get_by_text("Everything works").wait_for(timeout=120_000)
    photograph(page, "diagnostics")


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
            take_all(page, archive)
            browser.close()
    print(f"Wrote {', '.join(sorted(p.name for p in TARGET.glob('*.png')))} to {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
