"""What browser sessions and uploads leave in the server's memory: `python -m tests.benchmarks.sessions [SESSIONS]`.

The sessions are websocket clients that speak Streamlit's protocol: each opens Predict, takes a sample, opens Batch
evaluation, and goes. Then Chromium uploads a large ZIP and keeps its tab open. The memory is what a real server has
resident.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from tests.e2e.conftest import ARGUMENTS
from tests.e2e.dashboard_server import ROOT, Server, chromium, running_server

SESSIONS = 200
WARM_UP = 10  # sessions, after which everything is imported and the caches are full
UPLOAD_MB = 300
FORGOTTEN_S = 125  # Streamlit keeps a session for 120 s after its end
SAMPLE = ROOT / "data" / "samples" / "cat" / "cifar10_00.png"


def large_zip(path: Path, mb: int) -> Path:
    """A dataset of one sample, made large by a file that is not an image."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(SAMPLE, "cat/cat.png")
        with archive.open("notes.txt", "w") as file:
            for _ in range(mb):
                file.write(os.urandom(2**20))
    return path


class Tab:
    """A browser tab with the start page open, as far as the server can tell."""

    def __init__(self, server: Server) -> None:
        self._client = connect(server.url.replace("http", "ws") + "/_stcore/stream", max_size=None)
        self._sent = 0
        first = self.run_script()
        [self._evaluate] = {
            page.page_script_hash
            for message in first
            for page in message.navigation.app_pages
            if page.url_pathname == "evaluate"
        }
        [self._samples] = {
            message.delta.new_element.bidi_component.id
            for message in first
            if message.delta.new_element.bidi_component.component_name == "contact_sheet"
        }

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def run_script(self, page: str = "", opened: int | None = None) -> list[ForwardMsg]:
        """Runs a page's script, with a click on a sample, and returns what the server sends until the run has succeeded.

        `answered_s` is then how long it took until the prediction was there.
        """
        message = BackMsg()
        message.rerun_script.page_script_hash = page
        if opened is not None:
            self._sent += 1
            value = {"selected": [], "among": [], "sent": self._sent, "opened": opened, "judged": []}
            message.rerun_script.widget_states.widgets.add(id=self._samples, json_value="{}")
            message.rerun_script.widget_states.widgets.add(
                id=_make_trigger_id(self._samples, "events"),
                json_trigger_value=json.dumps([{"event": "told", "value": value}]),
            )
        self._client.send(message.SerializeToString())
        start, self.answered_s = time.perf_counter(), math.inf
        received: list[ForwardMsg] = []
        while not (received and _is_end(received[-1])):
            received.append(ForwardMsg.FromString(self._client.recv(120)))
            if received[-1].delta.new_element.metric.label == "Predicted class":
                self.answered_s = min(self.answered_s, time.perf_counter() - start)
        return received

    def take_sample(self, number: int) -> None:
        """Clicks a sample, and waits until the page with its prediction and the tested map is complete."""
        self.run_script(opened=number)
        assert self.answered_s < math.inf

    def open_evaluate(self) -> None:
        """Opens Batch evaluation."""
        self.run_script(self._evaluate)


def _is_end(message: ForwardMsg) -> bool:
    return message.WhichOneof("type") == "script_finished" and not message.script_finished


def one_session(server: Server) -> None:
    """A session from its first page to its end."""
    with Tab(server) as tab:
        tab.take_sample(0)
        tab.open_evaluate()


def after_sessions(server: Server, count: int) -> None:
    """Prints the memory before and after the sessions, and once the server has forgotten them."""
    for _ in range(WARM_UP):
        one_session(server)
    before = server.memory_mb()
    print(f"After {WARM_UP} sessions: {before:.0f} MB", flush=True)
    for _ in range(count):
        one_session(server)
    print(f"After {count} more: {in_comparison(server, before)}", flush=True)
    time.sleep(FORGOTTEN_S)
    one_session(server)  # Streamlit forgets old sessions when a new one ends
    print(f"After {FORGOTTEN_S} s and one more: {in_comparison(server, before)}", flush=True)


def after_upload(browser: Browser, server: Server, folder: Path) -> None:
    """Prints the memory before and after the upload of a large dataset."""
    page = browser.new_page(base_url=server.url)
    page.set_default_timeout(300_000)
    for path in (large_zip(folder / "small.zip", 1), large_zip(folder / "large.zip", UPLOAD_MB)):
        before = server.memory_mb()
        page.goto("/evaluate")
        page.locator("[data-testid=stFileUploaderDropzoneInput]").set_input_files(path)
        page.get_by_text("Confusion matrix").wait_for()
    print(f"Before an upload of {UPLOAD_MB} MB: {before:.0f} MB, after its evaluation {in_comparison(server, before)}")
    page.close()


def in_comparison(server: Server, before_mb: float) -> str:
    """The memory now, with the difference."""
    now = server.memory_mb()
    return f"{now:.0f} MB ({now - before_mb:+.0f} MB, {now / before_mb - 1:+.0%})"


def main() -> int:
    """Measures one server."""
    path = chromium()
    if path is None:
        print("There is no Chromium on this machine: apt-get install chromium", file=sys.stderr)
        return 1
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    with tempfile.TemporaryDirectory() as folder, running_server(Path(folder) / "data") as server:
        after_sessions(server, count)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            after_upload(browser, server, Path(folder))
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
