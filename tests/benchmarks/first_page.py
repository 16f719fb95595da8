"""A new user's first seconds, in Chromium: `python -m tests.benchmarks.first_page [ROUNDS]`.

A bare Streamlit page and the dashboard take turns. Each has a new server and an empty browser cache. Measured are the
seconds from `streamlit run` until the page is drawn, and until the answer to a picture that is uploaded at once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.e2e.dashboard_server import ROOT, chromium, running_server

ROUNDS = 5
BARE = 'import streamlit as st\n\nst.title("Bare")\nst.file_uploader("A picture")\n'
PICTURE = next((ROOT / "data" / "samples" / "frog").glob("*.png"))


def opened(browser: Browser, url: str) -> Page:
    """The first page, once its heading and its upload are drawn."""
    page = browser.new_context().new_page()
    page.set_default_timeout(120_000)
    page.goto(url, wait_until="commit")
    page.locator("h1").wait_for()
    page.locator("[data-testid=stFileUploaderDropzone]").wait_for()
    return page


def bare_page_s(browser: Browser, folder: Path) -> float:
    """Seconds until the bare page is drawn."""
    script = folder / "bare.py"
    script.write_text(BARE)
    start = time.perf_counter()
    with running_server(folder / "bare", script) as server:
        page = opened(browser, server.url)
        drawn_s = time.perf_counter() - start
        page.context.close()
    return drawn_s


def dashboard_s(browser: Browser, folder: Path) -> tuple[float, float]:
    """Seconds until the first page is drawn with its samples, and until the first answer."""
    start = time.perf_counter()
    with running_server(folder / "data") as server:
        page = opened(browser, server.url)
        page.locator(".sheet .picture").nth(7).wait_for()
        drawn_s = time.perf_counter() - start
        page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(PICTURE)
        page.get_by_text("Predicted class").wait_for()
        answer_s = time.perf_counter() - start
        page.context.close()
    return drawn_s, answer_s


def import_s() -> float:
    """Seconds that a process with nothing but `import tensorflow` takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Prints the seconds of each round, and then how the medians compare."""
    path = chromium()
    if path is None:
        print("There is no Chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 1
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                rows.append((import_s(), bare_page_s(browser, Path(folder)), *dashboard_s(browser, Path(folder))))
            print(
                "import tensorflow {:.1f} s, bare page {:.1f} s, drawn {:.1f} s, answer {:.1f} s".format(*rows[-1]),
                flush=True,
            )
        browser.close()
    imported, bare, drawn, answer = map(median, zip(*rows, strict=True))
    print(f"Drawn: {drawn - bare:+.1f} s, {drawn / bare:.2f} times the bare page")
    print(f"First answer: {answer - imported:+.1f} s, {answer / imported:.2f} times the import of TensorFlow")
    return 0


if __name__ == "__main__":
    sys.exit(main())
