"""The view of confidence in a browser: a click on a bin shows its images, and a threshold keeps its digits."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.core.importing.predictions import ImportRequest, import_predictions
from dashboard.core.runs.store import RunStore
from tests.e2e.dashboard_server import Server

pytestmark = pytest.mark.browser

BINS = "[class*=st-key-reliability] svg .mark-rect:not([pointer-events=none]) path"


def test_a_click_on_a_bin_shows_its_images(page, server: Server, tmp_path) -> None:
    confidence = np.repeat([0.55, 0.62, 0.95], [4, 7, 9])
    np.save(tmp_path / "probs.npy", np.stack([confidence, 1 - confidence], axis=1))
    np.save(tmp_path / "labels.npy", np.zeros(20, int))
    request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy")
    run_id = import_predictions(request, RunStore(server.data / "runs")).manifest.run_id
    page.goto(f"/evaluate?run={run_id}&view=Confidence")
    page.locator(BINS).nth(1).click(force=True)
    page.locator("input[value='Confidence > 0.6, confidence \N{LESS-THAN OR EQUAL TO} 0.67 (7)']").wait_for()
    assert "show=confidence%3E0.6&show=confidence%3C%3D0.67" in page.url
    page.get_by_role("button", name="Show 11 below the threshold").click()
    page.locator("input[value='Confidence < 0.9 (11)']").wait_for()
    page.locator(BINS).nth(1).click(force=True)
    page.locator("input[value='Confidence > 0.6, confidence \N{LESS-THAN OR EQUAL TO} 0.67 (7)']").wait_for()
    page.get_by_text("Equal mass", exact=True).click()
    page.get_by_label("Accuracy and mean confidence in 3 bins of confidence, equal mass", exact=True).wait_for()


def test_a_threshold_in_the_address_keeps_all_its_digits(page, server: Server, tmp_path) -> None:
    confidence = np.repeat([0.9991, 0.9993, 0.9995], [4, 7, 9])
    np.save(tmp_path / "probs.npy", np.stack([confidence, 1 - confidence], axis=1))
    np.save(tmp_path / "labels.npy", np.zeros(20, int))
    request = ImportRequest(tmp_path / "probs.npy", labels=tmp_path / "labels.npy")
    run_id = import_predictions(request, RunStore(server.data / "runs")).manifest.run_id
    page.goto(f"/evaluate?run={run_id}&view=Confidence&accept=0.99925000001")
    page.get_by_role("button", name="Show 4 below the threshold").click()
    page.locator("input[value='Confidence < 0.99925000001 (4)']").wait_for()
    assert "accept=0.99925000001" in page.url
    page.get_by_role("spinbutton", name="Exact threshold").fill("0.9994")
    page.get_by_role("spinbutton", name="Exact threshold").press("Enter")
    page.get_by_role("button", name="Show 11 below the threshold").wait_for()
    page.get_by_role("slider").first.press("ArrowLeft")
    page.get_by_role("button", name="Show 0 below the threshold").wait_for()
    assert "accept=0.998" in page.url
