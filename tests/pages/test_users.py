"""Two users on the pages. Who is logged in is a stand-in here: `visitor` instead of a provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.access.visitor import OPERATOR, Visitor
from dashboard.services import Services
from tests.pages.conftest import ROOT, show_evaluation, text_of
from tests.recorded import entry
from tests.run_rows import manifest


def test_a_user_sees_own_evaluations_and_those_of_nobody(
    open_page: Callable[[str], AppTest], dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id, user in (("r-ann", "ann@x.org"), ("r-bob", "bob@x.org"), ("r-none", "")):
        made = manifest(run_id=run_id, user=user, dataset=f"/data/{run_id}.zip", state="cancelled")
        dashboard.runs.begin(made).release()
    for name, is_admin, seen in (
        ("ann@x.org", False, {"r-ann.zip", "r-none.zip"}),
        ("bob@x.org", False, {"r-bob.zip", "r-none.zip"}),
        ("root@x.org", True, {"r-ann.zip", "r-bob.zip", "r-none.zip"}),
    ):
        who = Visitor(name, is_admin)
        monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda who=who: who)
        at = open_page("evaluate")
        assert set(at.dataframe[0].value["Dataset"]) == seen and ("User" in at.dataframe[0].value) == is_admin
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: Visitor("ann@x.org"))
    for run_id in ("r-bob", "r-gone"):
        at = show_evaluation(open_page("evaluate"), run_id)
        assert f"There is no evaluation '{run_id}', or it is not yours to see." in text_of(at) and not at.exception


def test_an_admin_sees_whose_evaluation_it_is(
    open_page: Callable[[str], AppTest], dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("ann@x.org", "bob@x.org"):
        made = manifest(run_id=f"s-{user[:3]}", user=user, dataset="/data/same.zip", state="cancelled")
        dashboard.runs.begin(made).release()
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: Visitor("root@x.org", is_admin=True))
    at = open_page("evaluate")
    at.text_input(key="search-runs").input("same.zip bob@").run()
    assert at.dataframe[0].value["User"].tolist() == ["bob@x.org"]
    assert ", bob@x.org, " in text_of(show_evaluation(at, "s-bob"))
    for who in (Visitor("bob@x.org"), Visitor("bob@x.org", is_admin=True)):
        monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda who=who: who)
        at = open_page("evaluate")
        at.text_input(key="search-runs").input("bob@").run()
        assert ("None of the" in text_of(at)) == (not who.is_admin)
        assert ("bob@x.org" in text_of(show_evaluation(at, "s-bob"))) == who.is_admin


def test_a_user_sees_own_feedback_and_its_share(
    open_page: Callable[[str], AppTest], dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (user, is_right) in enumerate((("ann@x.org", True), ("root@x.org", False))):
        dashboard.feedback.give(dashboard.history.record(entry(bytes([number]))), is_right, user=user)
    for who, share in ((Visitor("ann@x.org"), "100.0%"), (Visitor("bob@x.org"), None), (OPERATOR, "50.0%")):
        monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda who=who: who)
        at = open_page("predict")
        at.query_params["list"] = "Feedback"
        at = at.switch_page(str(ROOT / "pages" / "history.py")).run()
        assert not at.exception and [each.value for each in at.metric] == ([share] if share else [])
        assert ("You have not said yet" in text_of(at)) == (share is None)
