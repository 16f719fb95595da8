"""Damaged runs and deleted runs on the pages."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard.services import Services
from tests.run_rows import manifest, ok, table_of


def keys(at: AppTest) -> list[str]:
    return [str(button.key) for button in at.button]


def test_a_damaged_run_is_one_line_with_a_button_that_deletes_it(
    open_page: Callable[[str], AppTest], dashboard: Services
) -> None:
    for name, text in (("list", "[]"), ("deep", "[" * 100_000)):
        (dashboard.runs.root / name).mkdir(parents=True)
        (dashboard.runs.root / name / "manifest.json").write_text(text)
    (dashboard.runs.root / "zeros").mkdir()
    (dashboard.runs.root / "zeros" / "manifest.json").symlink_to("/dev/zero")
    dashboard.start()  # nothing of it stops the start
    at = open_page("compare")
    assert not at.exception and [key for key in keys(at) if key.startswith("delete-damaged")]
    at = open_page("evaluate")
    assert not at.exception and len([w for w in at.warning if "cannot be read" in w.value]) == 3
    at.button(key="delete-damaged-list").click().run()
    assert not at.exception and len([w for w in at.warning if "cannot be read" in w.value]) == 2
    assert [run.run_id for run in dashboard.runs.bin.list()] == ["list"]


def test_a_deletion_is_undone_and_a_deleted_run_restored(
    open_page: Callable[[str], AppTest], dashboard: Services
) -> None:
    for name in ("a", "b"):
        dashboard.runs.folder(name).save(manifest(name, state="finished"))
        dashboard.runs.folder(name).add_part(0, table_of([ok(i, "cat", "cat") for i in range(4)]))
    at = open_page("evaluate")
    at.query_params["run"] = "a"
    at.run()
    at.button(key="delete").click().run()
    at.button(key="delete-for-good").click().run()
    assert not at.exception and [m.run_id for m in dashboard.runs.list()] == ["b"]
    assert any("7 days left" in text.value for text in at.text)
    at.button(key="undo-deletion").click().run()
    assert not at.exception and len(dashboard.runs.list()) == 2 and "undo-deletion" not in keys(at)
    dashboard.runs.delete("b")
    at.run()
    at.button(key="restore-0-b").click().run()
    assert not at.exception and len(dashboard.runs.list()) == 2
