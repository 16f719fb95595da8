"""Damaged runs and deleted runs on the pages."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard.core.files import readable_name
from dashboard.core.runs.folder import RunFolder
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


def test_a_run_in_a_folder_with_an_odd_name_is_one_line_too(
    open_page: Callable[[str], AppTest], dashboard: Services
) -> None:
    names = ["copy\u00a0of run", "r\udcffn", "r\udcfen"]  # the last two are no UTF-8
    for name in names:
        RunFolder(dashboard.runs.root / "made").save(manifest(readable_name(name)))
        (dashboard.runs.root / "made").rename(dashboard.runs.root / name)
    dashboard.runs.folder("good").save(manifest("good"))
    for page in ("compare", "evaluate"):
        at = open_page(page)
        assert not at.exception and not at.error
        assert len([warning for warning in at.warning if "cannot be read" in warning.value]) == 3
    for button in [key for key in keys(at) if key.startswith("delete-damaged")]:
        at.button(key=button).click().run()
    assert not at.exception and {run.run_id for run in dashboard.runs.bin.list()} == {*names}
    at.button(key="undo-deletion").click().run()
    while restore := [key for key in keys(at) if key.startswith("restore-")]:
        at.button(key=restore[0]).click().run()
    assert not at.exception and {run.run_id for run in dashboard.runs.damaged()} == {*names}


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
