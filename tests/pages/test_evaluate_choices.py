"""What the page Batch evaluation asks, chooses and notes, with a small run written out by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.runs.manifest import RunManifest
from dashboard.services import Services
from tests.pages.conftest import show_evaluation
from tests.pages.test_evaluate import Open
from tests.run_rows import failed, manifest, ok, table_of


@pytest.fixture
def run(dashboard: Services) -> RunManifest:
    """Four images with labels, two without, and a damaged one; `smoker` is a column of the dataset."""
    about = manifest(n_images=7, state="finished", unknown_labels=())
    rows = [
        ok(0, "cat", "cat"), ok(1, "cat", "dog"), ok(2, "dog", "dog"), ok(3, "dog", "cat"), ok(4, None, "cat"),
        ok(5, None, "dog"), failed(6),
    ]  # fmt: skip
    dashboard.runs.begin(about, pa.table({"smoker": [True, False] * 3 + [True]})).release()
    dashboard.runs.folder(about.run_id).add_part(0, table_of(rows))
    return about


@pytest.fixture
def page(open_page: Open, run: RunManifest) -> AppTest:
    at = show_evaluation(open_page("evaluate"), run.run_id)
    assert not at.exception
    return at


@pytest.mark.parametrize(
    "column, options, value, condition",
    [
        ("correct", ["Wrong", "Right"], "no", "correct=no"),
        ("smoker", ["No", "Yes"], "yes", "smoker=yes"),
        ("status", ["Evaluated", "Not evaluated"], "failed", "status=failed"),
    ],
)
def test_a_condition_with_few_values_names_each_of_them(
    page: AppTest, run: RunManifest, column: str, options: list[str], value: str, condition: str
) -> None:
    page.selectbox(key=f"column-{run.run_id}").set_value(column).run()
    radio = page.radio(key=f"condition-{run.run_id}-{column}")
    assert radio.options == options
    radio.set_value(value).run()
    page.button(key=f"add-{run.run_id}").click().run()
    assert not page.exception and page.query_params["where"] in (condition, [condition])
