"""A damaged file beside the rows of an evaluation does not keep its page from being shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services import Services
from tests.run_rows import manifest, ok, table_of


@pytest.mark.parametrize(
    ("name", "missing"),
    [("annotations.json", "tags"), ("attributes.parquet", "further columns"), ("thumbnails.npy", "small pictures")],
)
def test_it_is_told_in_one_line_and_a_button_takes_it_away(
    open_page: Callable[[str], AppTest], dashboard: Services, name: str, missing: str
) -> None:
    folder = dashboard.runs.folder("a")
    folder.save(manifest("a", state="finished"))
    folder.add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    folder.beside.attributes.keep(pa.table({"weather": ["sun", "rain"] * 2}))
    folder.beside.annotate(lambda found: replace(found, note="seen"))
    (folder.path / name).write_bytes(b"damaged")
    at = open_page("evaluate")
    at.query_params["run"] = "a"
    at.run()
    assert not at.exception and not at.error
    [told] = [warning.value.replace("\\", "") for warning in at.warning if "cannot be read" in warning.value]
    assert name in told and missing in told
    assert {"filter-a"} <= {str(each.key) for each in at.multiselect}  # the rest of the page is there
    at.button(key=f"set-aside-a-{name}").click().run()
    assert not at.exception and not [w for w in at.warning if "cannot be read" in w.value]
    assert (folder.path / f"{name}.damaged").read_bytes() == b"damaged" and not folder.beside.faults()
