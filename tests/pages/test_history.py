"""The history on the pages: what Predict records, what readers say about it, and the page that lists it."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.access.password import Password
from dashboard.core.access.visitor import OPERATOR, Visitor, with_password
from dashboard.core.database.ids import new_id, now_utc
from dashboard.core.feedback.exporting import write_labels
from dashboard.core.history.history import History
from dashboard.core.labels.class_names import NONE_OF_THESE
from dashboard.services import Services
from dashboard.ui.history.feedback_view import _last_words
from dashboard.ui.visitor import visitors_services
from tests.pages.conftest import ROOT, click_sample, text_of
from tests.recorded import at, entry, pets_zip, stored_run

Open = Callable[[str], AppTest]
HISTORY = str(ROOT / "pages" / "history.py")


@pytest.fixture
def answered(open_page: Open) -> AppTest:
    return click_sample(open_page("predict"), "frog")


def test_an_answer_is_recorded_once(answered: AppTest, dashboard: Services) -> None:
    answered.run()
    dashboard.history.flush(10)
    [entry] = dashboard.history.query().entries
    assert (entry.source, entry.user) == ("page", "") and entry.file == "sample frog" and entry.latency_ms


def test_there_is_no_question_without_an_answer(open_page: Open) -> None:
    at = open_page("predict")
    assert not re.search(r"Is \w+ right\?", text_of(at))


def test_one_click_says_that_it_is_right_and_can_be_changed(answered: AppTest, dashboard: Services) -> None:
    at = answered.button(key="feedback-right").click().run()
    assert "Marked as right" in text_of(at)
    at = at.button(key="feedback-change").click().run()
    at = at.button(key="feedback-wrong").click().run()
    label = at.selectbox(key="feedback-label").options[-1]
    at.selectbox(key="feedback-label").select(label)
    at.text_input(key="feedback-note").input("it has a tail")
    at = at.button(key="feedback-save").click().run()
    assert not at.exception and f"the true label is {label}" in text_of(at)
    [opinion] = dashboard.feedback.opinions()
    assert (opinion.is_right, opinion.true_label, opinion.note) == (False, label, "it has a tail")


def test_a_reload_is_no_new_prediction_but_choosing_the_picture_again_is(
    open_page: Open, answered: AppTest, dashboard: Services
) -> None:
    for page in ("predict", "explain"):
        reloaded = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60)
        reloaded.query_params["picture"] = answered.query_params["picture"]
        reloaded.switch_page(str(ROOT / "pages" / f"{page}.py")).run()
        assert not reloaded.exception and reloaded.session_state["answers"]
    dashboard.history.flush(10)
    assert len(dashboard.history.query().entries) == 1
    click_sample(open_page("predict"), "frog")
    dashboard.history.flush(10)
    assert len(dashboard.history.query().entries) == 2


def test_a_picture_that_is_opened_again_shows_what_was_said_and_counts_once(
    open_page: Open, dashboard: Services
) -> None:
    at = click_sample(open_page("predict"), "frog").button(key="feedback-wrong").click().run()
    at.selectbox(key="feedback-label").select("dog")
    at.button(key="feedback-save").click().run()
    again = click_sample(open_page("predict"), "frog")  # another browser session
    assert "the true label is dog" in text_of(again)
    again.button(key="feedback-change").click().run()
    again.button(key="feedback-right").click().run()
    assert "Marked as right" in text_of(click_sample(open_page("predict"), "frog"))
    said = [row["feedback"] for row in table_of(again.switch_page(HISTORY).run())]
    assert said == ["right"] * 3, "one row for each time that it was opened"
    [opinion] = dashboard.feedback.opinions()
    found = dashboard.feedback.accuracy()
    assert opinion.is_right and found and not found.disputed
    other = click_sample(open_page("predict"), "cat")
    assert "Marked as" not in text_of(other)


def test_what_another_user_said_about_a_picture_is_not_shown_as_ones_own(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: Visitor("ann@x.org"))
    at = click_sample(open_page("predict"), "frog").button(key="feedback-right").click().run()
    assert "everyone shares" not in help_on(at, "Marked as right")
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: Visitor("bob@x.org"))
    at = click_sample(open_page("predict"), "frog")
    assert "Marked as" not in text_of(at)
    at.button(key="feedback-right").click().run()
    assert {each.user for each in dashboard.feedback.opinions()} == {"ann@x.org", "bob@x.org"}


def test_everyone_with_the_password_shares_one_answer_for_each_picture_and_is_told_so(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: with_password("192.0.2.1"))
    at = click_sample(open_page("predict"), "frog")
    assert "everyone shares one answer for each picture" in help_on(at, "Is frog right?")
    at.button(key="feedback-right").click().run()
    monkeypatch.setattr("dashboard.ui.visitor.visitor", lambda: with_password("192.0.2.2"))
    at = click_sample(open_page("predict"), "frog")
    assert "everyone shares one answer for each picture" in help_on(at, "Marked as right")


def help_on(at: AppTest, text: str) -> str:
    """The help beside this text."""
    [found] = [each.proto.help for each in at.markdown if each.value.startswith(text)]
    return str(found)


def table_of(at: AppTest) -> list[dict[str, object]]:
    """The rows of the table that the page shows."""
    [table] = at.dataframe
    return table.value.to_dict("records")


def add(services: Services, count: int, **fields: object) -> None:
    for number in range(count):
        made = entry(bytes([number]))
        services.history.record(replace(made, prediction_id=new_id(now_utc()), time_utc=now_utc(), **fields))
    assert services.history.flush(10)


def test_the_page_says_that_nothing_was_predicted_yet(open_page: Open) -> None:
    at = open_page("history")
    assert not at.exception and "No prediction was made yet" in text_of(at) and not at.dataframe
    assert "DASHBOARD_HISTORY_IMAGES" in text_of(at)


def test_predictions_are_turned_page_by_page(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 30)
    at = open_page("history")
    assert not at.exception and len(table_of(at)) == 25
    at = at.button(key="older").click().run()
    assert len(table_of(at)) == 5 and at.button(key="older").disabled
    at = at.button(key="newer").click().run()
    assert len(table_of(at)) == 25


def test_another_way_to_make_pictures_fit_stands_beside_the_model(open_page: Open, dashboard: Services) -> None:
    active = dashboard.registry.active()
    add(dashboard, 1, model_name=active.name, model_version=active.version, fit=active.preprocessing.fit)
    opened = open_page("history")
    assert [row["model"] for row in table_of(opened)] == [active.ref] and not opened.dataframe[0].proto.row_height
    add(dashboard, 1, model_name=active.name, model_version=active.version, fit="pad")
    opened.run()
    assert [row["model"] for row in table_of(opened)] == [f"{active.ref} (Pad with black)", active.ref]
    assert opened.dataframe[0].proto.row_height > 64  # in lower rows, Streamlit cuts a text


def test_a_filter_in_the_address_is_used(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 1, user="ann")
    add(dashboard, 2, user="bob", label="=dog", source="api")
    at = open_page("predict")
    at.query_params["user"] = "bob"
    at = at.switch_page(HISTORY).run()
    assert not at.exception and [row["user"] for row in table_of(at)] == ["bob", "bob"]
    assert table_of(at)[0]["predicted"] == "'=dog"
    at = at.selectbox(key="source").select("page").run()
    assert "No prediction passes this filter" in text_of(at)


def test_doubtful_predictions_are_found(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 1, user="ann", doubt=True)
    add(dashboard, 1, user="bob", doubt=False)
    at = open_page("history").selectbox(key="doubt").select("Probably").run()
    assert [(row["user"], row["doubt"]) for row in table_of(at)] == [("ann", "probably")]
    link = open_page("predict")
    link.query_params["doubt"] = "Doubtful"  # as it was called in earlier builds
    assert [row["user"] for row in table_of(link.switch_page(HISTORY).run())] == ["ann"]
    assert '"label": "None of these"' in at.dataframe[0].proto.columns and "not searched" not in text_of(at)


def test_an_unusable_database_is_told_and_the_answer_is_still_given(open_page: Open, dashboard: Services) -> None:
    file = dashboard.database.address.file
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"this is no database" * 100)
    at = click_sample(open_page("predict"), "frog")
    assert not at.exception and at.metric
    at = at.button(key="feedback-right").click().run()
    assert not at.exception and "The feedback was not stored." in text_of(at).replace("\\", "")
    at = at.switch_page(HISTORY).run()
    assert not at.exception and "The history cannot be shown." in text_of(at).replace("\\", "")
    assert at.warning


def damage(services: Services, statement: str, *values: object) -> None:
    file = services.database.address.file
    assert file is not None
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement, values)


def test_a_damaged_prediction_is_one_line_and_all_others_are_shown(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 3)
    newest = dashboard.history.query().entries[0].prediction_id
    damage(dashboard, "UPDATE predictions SET time_utc = 'soon' WHERE prediction_id = ?", newest)
    at = open_page("history")
    [line] = [each.value.replace("\\", "") for each in at.warning if "damaged" in each.value]
    assert not at.exception and len(table_of(at)) == 2 and "predictions.time_utc holds 'soon'" in line
    assert "database restore" in text_of(at).replace("\\", "")
    damage(dashboard, "UPDATE predictions SET time_utc = 'soon'")
    at = open_page("history")
    assert not at.exception and not at.dataframe and "No prediction was made yet" not in text_of(at)
    assert len([each for each in at.warning if "damaged" in each.value]) == 3
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert not at.exception and "damaged" not in text_of(at)


def test_an_export_without_damaged_predictions_says_how_many_it_lacks(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_files: list[bytes] = []

    def click_once(
        title: str, make: Callable[[], bytes], *_: object, on_click: Callable[[], None], **__: object
    ) -> None:
        if title == "CSV" and not made_files:
            made_files.append(make())
            on_click()

    monkeypatch.setattr("streamlit.download_button", click_once)
    monkeypatch.setattr("dashboard.ui.download._FETCHED_WITHIN_S", 0)
    add(dashboard, 3)
    *_, oldest = (entry.prediction_id for entry in dashboard.history.query().entries)
    dashboard.feedback.give(oldest, False, "dog", note="barks")
    newest = dashboard.history.query().entries[0].prediction_id
    damage(dashboard, "UPDATE predictions SET time_utc = 'soon' WHERE prediction_id = ?", newest)
    at = open_page("history").run()
    assert not at.exception and len(made_files[0].splitlines()) == 3 and newest.encode() not in made_files[0]
    assert made_files[0].splitlines()[-1].endswith(b",wrong,dog,barks")
    [told] = [each.value.replace("\\", "") for each in at.warning if "left out" in each.value]
    assert told.startswith("CSV: 1 damaged record is left out.") and newest in told and "database restore" in told


def test_damaged_feedback_is_one_line_on_both_lists(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 2)
    for made in dashboard.history.query().entries:
        dashboard.feedback.give(made.prediction_id, True)
    damage(dashboard, "UPDATE feedback SET confidence = 'high' WHERE subject = ?", made.prediction_id)
    at = open_page("history")
    assert [row["feedback"] or "" for row in table_of(at)] == ["right", ""]
    assert "feedback.confidence holds" in text_of(at).replace("\\", "")
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert not at.exception and len(table_of(at)) == 1 and "feedback.confidence holds" in text_of(at).replace("\\", "")
    assert "1 damaged record is left out of the exports." in text_of(at)
    assert write_labels(_last_words(dashboard), io.BytesIO()).written == 1


def test_a_damaged_image_hides_no_prediction(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 1, image=b"an image")
    made = dashboard.history.query().entries[0]
    damage(dashboard, "INSERT INTO images VALUES (?, '2026-01-01 00:00:00', 7)", made.image_sha256)
    at = open_page("history")
    assert not at.exception and len(table_of(at)) == 1 and "cannot be shown" not in text_of(at)


def test_feedback_is_listed_with_its_accuracy_and_its_bias(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 2)
    first, second = dashboard.history.query().entries
    dashboard.feedback.give(first.prediction_id, True)
    dashboard.feedback.give(second.prediction_id, False, "dog", note="=1+1")
    at = open_page("history")
    assert sorted(str(row["feedback"]) for row in table_of(at)) == ["right", "wrong: dog"]
    assert [*at.dataframe[0].value.columns][:3] == ["file", "predicted", "feedback"]  # what fits on a phone
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert not at.exception and [m.value for m in at.metric] == ["50.0%"]
    assert "not the accuracy on all images" in text_of(at) and table_of(at)[0]["note"] == "'=1+1"
    assert [*at.dataframe[0].value.columns][:3] == ["file", "feedback", "true label"]


def test_agreeing_with_the_doubt_of_the_page_is_counted_apart(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 1, doubt=True)
    [made] = dashboard.history.query().entries
    dashboard.feedback.give(made.prediction_id, False, NONE_OF_THESE)
    at = open_page("history")
    assert [row["feedback"] for row in table_of(at)] == ["none of these"]
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert not at.exception and [m.value for m in at.metric] == ["-"]
    assert "Not counted: 1 prediction" in text_of(at)
    assert table_of(at)[0]["feedback"] == "none of these"


def test_what_cannot_be_exported_is_told_beside_the_button(open_page: Open, dashboard: Services) -> None:
    add(dashboard, 2, image=b"the same image")
    first, second = dashboard.history.query().entries
    dashboard.feedback.give(first.prediction_id, True)
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert at.get("download_button")[0].proto.disabled and "DASHBOARD_HISTORY_IMAGES" in text_of(at)
    dashboard.feedback.give(second.prediction_id, False)
    at.run()
    assert "There are different answers about 1 image." in text_of(at)
    assert "different answers about the true label (1 image)." in text_of(at)
    assert "DASHBOARD_HISTORY_IMAGES" not in text_of(at)


def test_images_that_are_not_in_the_zip_are_counted_beside_the_button(
    open_page: Open, dashboard: Services, tmp_path: Path
) -> None:
    add(dashboard, 3)
    for made in dashboard.history.query().entries:
        dashboard.feedback.give(made.prediction_id, True)
    run_id = stored_run(dashboard.runs, pets_zip(tmp_path / "pets.zip"), at(5)).run_id
    for index in (0, 1):
        dashboard.feedback.give(f"{run_id}:{index}", True)
    opened = open_page("predict")
    opened.query_params["list"] = "Feedback"
    opened = opened.switch_page(HISTORY).run()
    assert not opened.get("download_button")[0].proto.disabled
    [said] = [each.value for each in opened.caption if "in the ZIP" in each.value]
    assert said.startswith("3 of 5 images with a true label are not in the ZIP: image not kept (3 images).")
    assert "DASHBOARD_HISTORY_IMAGES" in said


def test_images_without_a_true_label_are_left_out_of_the_exports(
    open_page: Open, dashboard: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(History, "at_hand", lambda history, asked: [True for _ in asked])
    add(dashboard, 2)
    first, second = dashboard.history.query().entries
    dashboard.feedback.give(first.prediction_id, True)
    dashboard.feedback.give(second.prediction_id, False)
    at = open_page("predict")
    at.query_params["list"] = "Feedback"
    at = at.switch_page(HISTORY).run()
    assert "1 image is left out of the exports, because nobody named the true label." in text_of(at)


def test_withdrawn_feedback_is_gone_and_the_audit_log_can_say_so(dashboard: Services) -> None:
    add(dashboard, 1)
    [made] = dashboard.history.query().entries
    dashboard.feedback.give(made.prediction_id, True)
    opinion = dashboard.feedback.give(made.prediction_id, False, "dog")
    other = dashboard.feedback.give(made.prediction_id, True, user="bob")
    assert dashboard.feedback.withdraw(opinion.subject, opinion.user) == 2
    assert dashboard.feedback.opinions() == [other]
    assert dashboard.feedback.last_words([made.prediction_id, "none"]) == {made.prediction_id: other}
    dashboard.note("feedback.deleted", opinion.subject)
    [act] = dashboard.audit.list()
    assert (act.action, act.subject) == ("feedback.deleted", opinion.subject)


def test_the_audit_log_says_who_came_in_with_the_shared_password(dashboard: Services) -> None:
    assert visitors_services().visitor == OPERATOR
    Password(dashboard.settings).set("a long password")
    visitors_services().note("evaluation.deleted", "a run")
    dashboard.seen_by(with_password("192.0.2.7")).note("login", "pages")
    entries = dashboard.audit.list()
    assert [(act.user, act.detail) for act in entries] == [("password", "192.0.2.7"), ("password", "localhost")]
    assert visitors_services().visitor.called == ""  # the history and opinions have no name
