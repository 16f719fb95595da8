"""The Explain page: real maps by a real worker, of samples, of a picture from Predict, of an image of an evaluation."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.explanations.agreement import summarise
from dashboard.core.explanations.methods import METHODS
from dashboard.core.explanations.records import Verdict
from dashboard.core.models.prediction import Prediction
from dashboard.core.models.registry import Registry
from dashboard.core.runs.images import RunImage
from dashboard.core.runs.manifest import RunManifest
from dashboard.core.runs.run import Run
from dashboard.services import Services
from dashboard.ui import picture_address
from dashboard.ui.words import plain
from tests.conftest import MakeZip, encoded, picture
from tests.evaluating import evaluate
from tests.pages.conftest import (
    alts,
    click_in_sheet,
    click_sample,
    run_after_more,
    samples_of,
    sheet,
    sheets,
    show_evaluation,
    text_of,
)

Open = Callable[[str], AppTest]
TINY = "tiny@1"
INSTANT = [m.name for m in METHODS.values() if m.cost == "instant"]
SLOW = [m.name for m in METHODS.values() if m.cost == "seconds"]


def maps(at: AppTest) -> list[str]:
    return [alt for alt in alts(at) if " heatmap for " in alt]


def badges(at: AppTest) -> list[str]:
    return [m.value for m in at.markdown if "-badge[" in m.value]


def change_tests(at: AppTest, **changes: object) -> None:
    """Changes the results of the tests of all maps that the session has."""
    made = at.session_state["maps"]
    for key, explanation in made.items():
        made[key] = replace(explanation, faithfulness=replace(explanation.faithfulness, **changes))


def view(at: AppTest, name: str) -> AppTest:
    at.session_state["explain-tab"] = name
    at.run()
    assert not at.exception
    return at


@pytest.fixture
def models_dir(tiny_registry: Registry) -> Path:
    """The tiny model only, the same file for all tests: the worker keeps what it has traced of it."""
    return tiny_registry.root


@pytest.fixture
def page(open_page: Open) -> AppTest:
    """The page before a picture is chosen."""
    at = open_page("explain")
    at.session_state["threshold"] = 0  # the tiny model is never sure
    return at


@pytest.fixture
def frog(page: AppTest) -> AppTest:
    """The page about the frog among the samples."""
    click_sample(page, "frog")
    assert not page.exception
    return page


@pytest.fixture
def run(dashboard: Services, make_zip: MakeZip) -> RunManifest:
    """A finished evaluation by the tiny model, of 3 cats and 2 dogs."""
    dataset = make_zip({"cat": 3, "dog": 2})
    return evaluate(dataset, dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)


def of_run(at: AppTest, run_id: str, image: object) -> AppTest:
    at.query_params["run"], at.query_params["image"] = run_id, str(image)
    return at.run()


def open_link(open_page: Open, parameters: Mapping[str, object]) -> AppTest:
    """The page in a new session, opened at an address with these query parameters."""
    at = open_page("predict")
    at.query_params.update(parameters)
    return at.switch_page("../pages/explain.py").run()


def embed(dashboard: Services, run: RunManifest) -> None:
    """What the model sees in the images of a run, kept beside it."""
    jobs = dashboard.embeddings
    jobs.start(dashboard.runs.folder(run.run_id).load(), dashboard.registry.get(TINY))
    end = time.monotonic() + 30
    while jobs.state(run.run_id).active:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert jobs.state(run.run_id).error is None


def test_it_opens_with_samples_and_says_what_it_is_for(page: AppTest) -> None:
    assert not page.exception and not page.metric
    assert "Where does the model look" in text_of(page)
    assert samples_of(page) >= {"airplane", "cat", "truck"}


def titles(at: AppTest) -> list[str]:
    """The methods whose maps are shown, in this order."""
    return [alt.split(" heatmap")[0] for alt in maps(at)]


def scores(at: AppTest) -> list[float]:
    """The scores below the maps, in this order."""
    return [float(c.value.split()[1]) for c in at.caption if re.match(r"Score \S+  \n", c.value)]


def test_quick_methods_stand_side_by_side_each_with_its_verdict(frog: AppTest) -> None:
    assert sorted(titles(frog)) == sorted(METHODS[name].title for name in INSTANT)
    assert len(badges(frog)) == len(INSTANT)
    assert len(scores(frog)) == len(INSTANT) - text_of(frog).count("Empty map")
    assert "as coarse as the map itself, so coarse and fine maps have different limits" in text_of(frog)
    assert scores(frog) == sorted(scores(frog), reverse=True)


def test_one_sentence_says_what_the_maps_say_together(frog: AppTest) -> None:
    made = list(frog.session_state["maps"].values())
    [sentence] = frog.header
    assert sentence.value == summarise(made, of=len(METHODS)).sentence
    assert "4 maps passed the faithfulness test" in sentence.help and "4 more can be made" in sentence.help
    view(frog, "One map")
    assert [s.value for s in frog.header] == [sentence.value]  # it stays in every tab
    frog.selectbox(key="explain-target").select("truck").run()
    assert frog.header[0].value  # of the maps that were made for this class


def test_slow_methods_come_when_asked_for(frog: AppTest) -> None:
    frog.button(key="slow-methods").click().run()
    assert not frog.exception
    assert sorted(titles(frog)) == sorted(method.title for method in METHODS.values())
    assert scores(frog) == sorted(scores(frog), reverse=True)
    assert "slow-methods" not in [b.key for b in frog.button] and "more can be made" not in frog.header[0].help


def test_maps_can_be_downloaded(frog: AppTest) -> None:
    assert [b.proto.label for b in frog.get("download_button")] == ["All maps (ZIP)"]
    view(frog, "One map")
    assert [b.proto.label for b in frog.get("download_button")] == ["Map (PNG)", "Overlay (PNG)"]


def test_prediction_and_maps_are_of_one_model_version(frog: AppTest) -> None:
    [answer] = frog.session_state["answers"].values()
    assert answer.version.ref == TINY and "tiny" in text_of(frog)
    assert [str(m.value) for m in frog.metric] == [answer.predicted_label]
    found = list(frog.session_state["maps"].values())
    assert len(found) == len(INSTANT)
    for explanation in found:
        assert np.array_equal(explanation.prediction.pred_probs, answer.prediction.pred_probs)
        assert explanation.target_class == answer.prediction.class_id


def test_another_class_gives_other_maps(frog: AppTest) -> None:
    frog.selectbox(key="explain-target").select("truck").run()
    assert not frog.exception
    assert all("for truck" in alt for alt in maps(frog))
    [answer] = frog.session_state["answers"].values()
    assert [str(m.value) for m in frog.metric] == [answer.predicted_label]  # the answer stays


def test_one_map_closely_with_its_curves(frog: AppTest) -> None:
    frog.selectbox(key="explain-target").select("truck").run()
    view(frog, "One map")
    assert len(frog.get("vega_lite_chart")) == 3
    assert "Last layer (8x8). Point at a cell" in text_of(frog)
    frog.selectbox(key="explain-method").select("occlusion").run()
    assert not frog.exception and "32x32 cells. Point at a cell" in text_of(frog)
    [large] = maps(frog)
    assert large.startswith("Occlusion heatmap for truck")
    [scores] = [d.value for d in frog.dataframe]
    assert scores["map"].tolist() == ["This map", "Random maps", "Spot in the centre"]
    assert np.isfinite(scores[["score", "insertion", "deletion", "drop"]].to_numpy()).all()


def test_the_weight_check_says_in_words_what_it_found(frog: AppTest) -> None:
    view(frog, "One map")
    assert "Spearman" not in text_of(frog)
    frog.button(key="randomize").click().run()
    assert not frog.exception and "Spearman" in text_of(frog)
    [result] = frog.session_state["randomizations"].values()
    assert ("Yes" in text_of(frog)) == result.passed
    frog.run()
    assert "Spearman" in text_of(frog)  # it stays, without another click


@pytest.mark.parametrize(
    "spearman, badge, told",
    [
        (0.51, "Partly", "stays partly the same"),
        (0.79, "Partly", "stays partly the same"),
        (0.8, "Hardly", "looks almost the same:"),
    ],
)
def test_the_weight_check_says_how_much_of_the_map_stays(frog: AppTest, spearman: float, badge: str, told: str) -> None:
    view(frog, "One map").button(key="randomize").click().run()
    checks = frog.session_state["randomizations"]
    for key, result in checks.items():
        checks[key] = replace(result, spearman=spearman, passed=False)
    frog.run()
    assert not frog.exception and told in text_of(frog) and any(badge in each for each in badges(frog))


@pytest.mark.parametrize("verdict, green", [("better", True), ("mixed", False), ("chance", False)])
def test_the_weight_check_is_green_only_for_a_map_that_passed_the_first_test(
    frog: AppTest, verdict: Verdict, green: bool
) -> None:
    view(frog, "One map")
    change_tests(frog, verdict=verdict)
    frog.button(key="randomize").click().run()
    checks = frog.session_state["randomizations"]
    for key, result in checks.items():
        checks[key] = replace(result, spearman=0.0, passed=True)
    frog.run()
    assert not frog.exception and "A map that can be relied on passes both." in text_of(frog)
    assert any("Yes" in badge and ":green" in badge for badge in badges(frog)) is green
    assert ("Yes, but it did not pass the first test" in text_of(frog)) is not green


@pytest.mark.parametrize("emptied, told", [(0.31, True), (0.29, False)])
def test_a_class_that_an_empty_picture_keeps_is_told(frog: AppTest, emptied: float, told: bool) -> None:
    view(frog, "One map")
    before = next(iter(frog.session_state["maps"].values())).faithfulness.map
    change_tests(frog, map=replace(before, deletion=np.linspace(0.6, emptied, 11)))
    frog.run()
    assert not frog.exception
    assert ("with all pixels removed, it is still 31.0% (whole picture: 60.0%)" in text_of(frog)) is told


def test_a_map_that_failed_stands_beside_the_average_that_decides(frog: AppTest) -> None:
    assert not any("on average" in each.value for each in frog.caption)
    change_tests(frog, verdict="chance")
    frog.run()
    shown = [each.value for each in frog.caption if each.value.startswith("Score ") and "Score:" not in each.value]
    assert shown and all(re.search(r"random maps \S+ on average, up to \S+$", each) for each in shown)


def test_one_method_through_the_layers(frog: AppTest) -> None:
    assert not frog.selectbox(key="explain-layer").disabled
    view(frog, "Layers")
    assert frog.selectbox(key="explain-layer").disabled
    assert [alt.rsplit(" ", 1)[1] for alt in maps(frog)] == ["conv_a", "conv_b"]
    assert "First layer (16x16)" in text_of(frog) and "Last layer (8x8)" in text_of(frog)
    assert not {"occlusion", "smooth-grad"} & set(frog.selectbox(key="explain-layers-method").options)
    assert not badges(frog)
    frog.toggle(key="layers-tested").set_value(True).run()
    assert not frog.exception and len(badges(frog)) == 2


def test_the_method_stays_chosen_where_it_can_be_used(frog: AppTest) -> None:
    view(frog, "One map").selectbox(key="explain-method").select("integrated-gradients").run()
    view(frog, "Layers")
    assert not any("Integrated" in alt for alt in maps(frog))
    assert any("Integrated" in alt for alt in alts(view(frog, "One map")))


def test_two_classes_against_each_other(frog: AppTest) -> None:
    frog.selectbox(key="explain-target").select("truck").run()
    view(frog, "Two classes")
    frog.selectbox(key="rather-than-tiny@1-truck").select("ship").run()
    assert not frog.exception
    assert any("More evidence for truck in orange" in alt and "for ship in purple" in alt for alt in alts(frog))
    assert len(badges(frog)) == 4, "two for the colours, two for the tests of the maps"
    assert "more evidence for truck" in text_of(frog) and "more evidence for ship" in text_of(frog)
    assert "truck" not in frog.selectbox(key="rather-than-tiny@1-truck").options


def test_a_mistake_is_compared_with_what_it_is(page: AppTest, dashboard: Services, run: RunManifest) -> None:
    rows = dashboard.runs.folder(run.run_id).load().evaluated
    ranks = [list(np.argsort(-probs)) for probs in rows["pred_probs"]]
    true_ranks = [ids.index(run.class_names.index(label)) for ids, label in zip(ranks, rows["true_label"], strict=True)]
    place = int(np.argmax(true_ranks))
    assert true_ranks[place] > 1, "neither taken for what it is, nor nearly so"
    row = rows.iloc[place]
    view(of_run(page, run.run_id, row["index"]), "Two classes")
    assert page.selectbox(key=f"rather-than-{TINY}-{row['predicted_label']}").value == row["true_label"]
    page.selectbox(key="explain-target").select(row["true_label"]).run()
    assert page.selectbox(key=f"rather-than-{TINY}-{row['true_label']}").value == row["predicted_label"]


def test_hard_pixels_and_opacity_change_the_drawing_but_make_no_new_map(frog: AppTest) -> None:
    before = [image.url for element in frog.image for image in element.proto.imgs]
    frog.toggle(key="explain-smooth").set_value(False).run()
    frog.slider(key="explain-opacity").set_value(90).run()
    assert not frog.exception
    after = [image.url for element in frog.image for image in element.proto.imgs]
    assert before[0] == after[0] and not set(before[1:]) & set(after[1:])
    assert len(frog.session_state["maps"]) == len(INSTANT)


def test_the_picture_stays_until_another_one_is_wanted(frog: AppTest) -> None:
    frog.run()
    assert maps(frog)
    frog.button(key="another").click().run()
    assert not frog.exception and not frog.metric and "ship" in samples_of(frog)


def test_an_upload(page: AppTest) -> None:
    page.file_uploader(key="explain-upload").upload("![x](y).png", encoded(picture(5))).run()
    assert not page.exception and maps(page)
    assert "![x](y).png" in [t.value for t in page.text]
    assert not any("![x](y)" in m.value for kind in (page.markdown, page.caption) for m in kind)


def test_what_is_no_image_says_so_and_lets_another_be_chosen(page: AppTest) -> None:
    page.file_uploader(key="explain-upload").upload("text.png", b"hello").run()
    assert not page.exception and "The file is text, not an image" in text_of(page)
    assert "text\\.png cannot be explained" in text_of(page) and not page.get("page_link")
    page.button(key="another").click().run()
    assert "frog" in samples_of(page)


def test_predict_hands_its_picture_over(open_page: Open) -> None:
    at = open_page("predict")
    click_sample(at, "ship")
    at.selectbox(key="target").select("truck").run()
    answers = len(at.session_state["answers"])
    at.button(key="explain-further").click().run()
    assert not at.exception
    assert [title.value for title in at.title] == ["Explain"] and maps(at)
    assert all("heatmap for truck" in alt for alt in maps(at))
    assert len(at.session_state["answers"]) == answers  # the same one, not another


def test_a_picture_that_was_handed_over_survives_a_reload(open_page: Open) -> None:
    at = open_page("predict")
    click_sample(at, "ship")
    at.button(key="explain-further").click().run()
    assert "sample ship" in [text.value for text in at.text]
    reloaded = open_page("explain")
    reloaded.query_params["picture"] = at.query_params["picture"]
    reloaded.run()
    assert not reloaded.exception and maps(reloaded) == maps(at)
    assert "sample ship" in [text.value for text in reloaded.text]
    reloaded.button(key="another").click().run()
    assert "picture" not in reloaded.query_params and not reloaded.metric


def test_an_address_of_a_picture_that_has_gone_says_so(page: AppTest) -> None:
    page.query_params["picture"] = "0" * 32
    page.run()
    assert not page.exception and "no longer stored" in text_of(page)
    page.button(key="another").click().run()
    assert "frog" in samples_of(page)


def test_an_image_of_an_evaluation_has_an_address(page: AppTest, run: RunManifest) -> None:
    of_run(page, run.run_id, 3)
    assert not page.exception and maps(page)
    assert "0.png" in [t.value for t in page.text]
    assert any("Labelled dog: differs" in m.value for m in page.markdown)


def test_the_prediction_of_an_evaluation_can_be_called_right_or_wrong(
    page: AppTest, run: RunManifest, dashboard: Services
) -> None:
    of_run(page, run.run_id, 3)
    page.button(key="feedback-right").click().run()
    assert not page.exception and "Marked as right" in text_of(page)
    assert (said := dashboard.feedback.last_words([f"{run.run_id}:3"])) and said[f"{run.run_id}:3"].is_right


def test_the_label_of_the_dataset_is_suggested_as_the_true_one(
    page: AppTest, run: RunManifest, dashboard: Services
) -> None:
    of_run(page, run.run_id, 3)  # labelled dog, predicted as another class
    page.button(key="feedback-wrong").click().run()
    assert page.selectbox(key="feedback-label").value == "dog"
    page.button(key="feedback-save").click().run()
    assert not page.exception and dashboard.feedback.opinions()[0].true_label == "dog"


def test_feedback_given_in_the_grid_is_shown_and_can_be_changed(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    subject = f"{run.run_id}:3"
    dashboard.feedback.give(subject, False)  # as the key W does
    of_run(page, run.run_id, 3)
    assert "Marked as wrong" in text_of(page)
    page.button(key="feedback-change").click().run()
    page.button(key="feedback-right").click().run()
    assert "Marked as right" in text_of(page) and dashboard.feedback.last_words([subject])[subject].is_right
    dashboard.feedback.give(subject, False)
    assert "Marked as wrong" in text_of(page.run())


def test_what_another_user_said_is_no_word_of_the_reader(page: AppTest, dashboard: Services, run: RunManifest) -> None:
    dashboard.feedback.give(f"{run.run_id}:3", False, user="bob")
    of_run(page, run.run_id, 3)
    assert "Marked as" not in text_of(page) and page.button(key="feedback-right")


def test_an_answer_that_is_not_the_evaluations_is_told(
    page: AppTest, run: RunManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the picture is made to fit in another way than when it was evaluated."""
    of_run(page, run.run_id, 3)
    assert not page.warning
    real = picture_address.run_image

    def evaluated_otherwise(of: Run, index: int) -> RunImage:
        image = real(of, index)
        return replace(image, predicted_label="ship" if image.predicted_label == "cat" else "cat")

    monkeypatch.setattr(picture_address, "run_image", evaluated_otherwise)
    page.run()
    assert not page.exception and "The evaluation predicted" in page.warning[0].value
    assert "or the picture in the dataset was replaced" in page.warning[0].value
    assert "right?" not in text_of(page)  # it would not be clear which prediction is meant


@pytest.mark.parametrize("run_id, image", [("", 99), ("", "x"), ("../../etc", 0), ("nonesuch", 1)])
def test_an_address_of_nothing_is_refused_in_words(page: AppTest, run: RunManifest, run_id: str, image: object) -> None:
    of_run(page, run_id or run.run_id, image)
    assert not page.exception and "There is nothing to explain" in text_of(page)
    page.button(key="another").click().run()
    assert "frog" in samples_of(page)


def test_an_image_that_has_gone_is_not_replaced_by_another(page: AppTest, run: RunManifest) -> None:
    Path(run.dataset).unlink()
    of_run(page, run.run_id, 0)
    assert not page.exception and not maps(page) and "does not exist" in text_of(page)


def test_a_picture_that_was_replaced_under_its_name_is_not_taken_for_the_evaluated_one(
    page: AppTest, run: RunManifest
) -> None:
    path = Path(run.dataset)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(names):
            archive.writestr(name, encoded(picture(50 + i)))
    of_run(page, run.run_id, 0)
    assert not page.exception and not maps(page) and "is another picture now" in text_of(page)


def test_similar_images_need_an_evaluation_first(frog: AppTest) -> None:
    view(frog, "Most similar images")
    assert "no finished evaluation of tiny" in frog.info[-1].value.replace("\\", "")


def test_the_most_similar_images_of_an_evaluation(page: AppTest, dashboard: Services, run: RunManifest) -> None:
    of_run(page, run.run_id, 3)
    view(page, "Most similar images")
    page.button(key="embed").click().run()
    end = time.monotonic() + 30
    while "most similar" not in text_of(page):
        assert time.monotonic() < end, text_of(page)
        time.sleep(0.2)
        page.run()
    assert not page.exception
    assert "The 4 most similar" in text_of(page)  # without the image itself
    stored = np.load(dashboard.settings.runs_dir / run.run_id / "embeddings.npy")
    assert len(stored) == 5 and np.isfinite(stored).all()
    [table] = [d.value for d in page.dataframe]
    assert "dog/0.png" not in table["file"].tolist() and table["similarity"].is_monotonic_decreasing
    words = [item["alt"] for item in sheet(page)]
    assert all(file in text for file, text in zip(table["file"], words, strict=True))
    first = sheet(page)[0]["index"]
    click_in_sheet(page, first)
    assert not page.exception and page.query_params["image"] == str(first) and "The 4 most similar" in text_of(page)


def test_a_doubtful_label_is_marked_below_its_picture_and_in_the_table(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    embed(dashboard, run)
    view(of_run(page, run.run_id, 0), "Most similar images")
    differs = next(item for item in sheet(page) if f"predicted as {item['note'].split()[-1]}" not in item["alt"])
    [issues] = page.session_state["label-issues"].values()
    issues.loc[0, "index"] = differs["index"]
    page.run()
    [table] = [d.value for d in page.dataframe]
    notes = [item["note"] for item in sheet(page)]
    assert [f"labelled {label}" for label in table["true_label"]] == notes
    assert any(note.endswith("?") for note in notes) and "A label with a question mark may be wrong:" in text_of(page)


def test_an_uploaded_copy_of_an_image_is_not_compared_with_itself(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    embed(dashboard, run)
    page.file_uploader(key="explain-upload").upload("copy.png", encoded(picture(4))).run()
    view(page, "Most similar images")
    [table] = [d.value for d in page.dataframe]
    assert len(table) == 4 and "dog/1.png" not in table["file"].tolist()
    assert "The 4 most similar" in text_of(page) and "It is left out here." in text_of(page)
    [told] = [t for t in page.text if "most similar" in t.value]
    usual = re.search(r"median of this evaluation is (\S+):", told.help)
    assert usual and table["similarity"].min() <= float(usual[1]) + 0.01


def test_the_evaluation_with_similar_images_stays_when_its_title_changes(
    page: AppTest, dashboard: Services, run: RunManifest, make_zip: MakeZip
) -> None:
    """Two evaluations have the same title once the second is there, so both get another one."""
    evaluate(make_zip({"cat": 1}), dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    click_sample(page, "frog")
    view(page, "Most similar images")
    page.selectbox(key="similar-run").select(run.run_id).run()
    run_after_more(page, dashboard, run.run_id)
    assert len(page.selectbox(key="similar-run").options) == 3
    assert page.selectbox(key="similar-run").value == run.run_id


def test_another_picture_that_looks_alike_stays_among_the_most_similar(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    embed(dashboard, run)
    page.file_uploader(key="explain-upload").upload("copy.bmp", encoded(picture(4), "BMP")).run()
    view(page, "Most similar images")
    [table] = [d.value for d in page.dataframe]
    assert table["file"].iloc[0] == "dog/1.png" and table["similarity"].iloc[0] == pytest.approx(1, abs=1e-4)
    assert "It is left out here." not in text_of(page)


def test_names_of_similar_images_are_no_formulas_for_spreadsheets(
    page: AppTest, dashboard: Services, make_zip: MakeZip
) -> None:
    dataset = make_zip({}, extra={f"=1+{i}.png": encoded(picture(i)) for i in range(3)})
    run = evaluate(dataset, dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    embed(dashboard, run)
    view(of_run(page, run.run_id, 0), "Most similar images")
    [table] = [d.value for d in page.dataframe]
    assert sorted(table["file"]) == ["'=1+1.png", "'=1+2.png"]


def test_what_the_images_of_an_evaluation_look_at_together(open_page: Open, run: RunManifest) -> None:
    at = open_page("evaluate")
    show_evaluation(at, run.run_id)
    assert not any("Mean of" in alt for alt in alts(at))
    at.session_state[f"bulk-{run.run_id}"] = True
    at.run()
    assert not at.exception
    mistakes = [item["alt"] for item in sheet(at)]
    assert mistakes and f"Mean of {len(mistakes)} maps over the mean of their images" in alts(at)
    assert f"All {len(mistakes)}." in text_of(at)
    at.selectbox(key=f"bulk-target-{run.run_id}").select("cat").run()
    assert not at.exception and len(at.session_state["bulk"]) == 2
    at.toggle(key="bulk-tested").set_value(True).run()
    assert not at.exception
    counts = re.findall(rf"(\d+) of {len(mistakes)}: ", text_of(at))
    assert sum(map(int, counts)) == len(mistakes)
    shown = [items for name, items in sheets(at).items() if "with their maps" in name]
    assert [len(items) for items in shown] == list(map(int, counts))
    assert {item["alt"] for items in shown for item in items} == {*mistakes}
    last = shown[-1][-1]
    click_in_sheet(at, last["index"], place=-1)
    assert not at.exception and at.query_params["image"] == str(last["index"])
    assert f" of {len(mistakes)}: " in text_of(at)  # not through all images


def test_selected_images_stay_selected_from_cell_to_cell(
    open_page: Open, dashboard: Services, run: RunManifest
) -> None:
    at = open_page("evaluate")
    show_evaluation(at, run.run_id)
    rows = dashboard.runs.folder(run.run_id).load().evaluated
    first = rows[rows["true_label"] == "cat"].iloc[0]
    other = rows[rows["true_label"] == "dog"].iloc[0]
    for row in (first, other):
        cell = (f"true_label={row['true_label']}", f"predicted_label={row['predicted_label']}")
        at.selectbox(key=f"images-of-{run.run_id}").set_value(cell).run()
        at.session_state[f"selected-{run.run_id}"].add(int(row["index"]))
        at.run()
    assert "2 selected" in text_of(at)
    at.session_state[f"bulk-{run.run_id}"] = True
    at.run()
    assert not at.exception and "The images that you selected" in text_of(at)
    assert "Mean of 2 maps over the mean of their images" in alts(at)
    at.session_state[f"selected-{run.run_id}"].remove(int(other["index"]))
    at.run()
    assert "1 selected" in text_of(at) and "Mean of 1 maps over the mean of their images" in alts(at)
    at.button(key="clear-selection").click().run()
    assert not at.exception and "0 selected" in text_of(at)


def test_a_link_to_one_of_the_selected_images_has_the_list_of_them(open_page: Open, run: RunManifest) -> None:
    at = open_page("evaluate")
    at.query_params.update({"run": run.run_id, "show": "status=ok", "ticked": "4,0,2"})
    at.session_state[f"bulk-{run.run_id}"] = True
    at.run()
    [listed] = [[item["index"] for item in items] for name, items in sheets(at).items() if "with their maps" in name]
    assert {*listed} == {0, 2, 4}
    click_in_sheet(at, listed[0], place=-1)
    reloaded = open_link(open_page, {**at.query_params, "ticked": f"{at.query_params['ticked']},7,x"})
    assert position(reloaded) == position(at) == "1 of 3: selected images"
    for index in listed[1:]:
        reloaded.button(key="next-image").click().run()
        assert not reloaded.exception and reloaded.query_params["image"] == str(index)


def test_images_without_labels_are_shown_by_what_they_were_taken_for(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    dataset = make_zip({}, extra={f"{i}.png": encoded(picture(i)) for i in range(20)})
    manifest = evaluate(dataset, dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    rows = dashboard.runs.folder(manifest.run_id).load().evaluated.sort_values("confidence")
    at = open_page("evaluate")
    show_evaluation(at, manifest.run_id)
    assert not at.exception and "give the images labels" in text_of(at)
    expected = [
        f"No label, predicted as {label} {confidence:.1%}, {file}"
        for label, confidence, file in zip(rows["predicted_label"], rows["confidence"], rows["file"], strict=True)
    ]
    assert [item["alt"] for item in sheet(at)] == expected
    name, count = next(iter(rows["predicted_label"].value_counts().items()))
    at.multiselect(key=f"filter-{manifest.run_id}").set_value([f"predicted_label={name}"]).run()
    assert [item["alt"].split()[4] for item in sheet(at)] == [name] * count
    at.session_state[f"bulk-{manifest.run_id}"] = True
    at.run()
    assert f"Mean of {count} maps over the mean of their images" in alts(at)


def test_maps_of_many_images_leave_out_replaced_pictures(
    open_page: Open, dashboard: Services, make_zip: MakeZip
) -> None:
    files = {f"{i}.png": encoded(picture(i)) for i in range(3)}
    manifest = evaluate(make_zip({}, extra=files), dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    make_zip({}, extra={**files, "1.png": encoded(picture(90))})
    at = open_page("evaluate")
    show_evaluation(at, manifest.run_id)
    at.session_state[f"bulk-{manifest.run_id}"] = True
    at.run()
    assert not at.exception and "Mean of 2 maps over the mean of their images" in alts(at)
    assert "1 image was replaced by another picture since the evaluation, and left out." in text_of(at)


def test_the_next_and_the_previous_image(page: AppTest, run: RunManifest) -> None:
    of_run(page, run.run_id, 0)
    assert page.button(key="previous-image").disabled and "1 of 5: all images" in text_of(page)
    for index in "1234":
        page.button(key="next-image").click().run()
        assert not page.exception and page.query_params["image"] == index
    assert page.button(key="next-image").disabled and maps(page)
    page.button(key="previous-image").click().run()
    assert page.query_params["image"] == "3"


def test_next_and_previous_go_through_the_filtered_images(open_page: Open, run: RunManifest) -> None:
    at = open_link(open_page, {"run": run.run_id, "image": "3", "where": "true_label=dog"})
    assert not at.exception and "1 of 2: labelled dog" in text_of(at)
    assert at.button(key="previous-image").disabled
    at.button(key="next-image").click().run()
    assert at.query_params["image"] == "4" and at.button(key="next-image").disabled
    of_run(at, run.run_id, 1)  # a cat, from elsewhere
    assert "2 of 5: all images" in text_of(at)


def test_a_label_is_doubtful_where_the_view_of_labels_says_so(
    page: AppTest, run: RunManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prediction, "confidence", property(lambda self: 0.99))
    of_run(page, run.run_id, 3)
    [badge] = [m.value for m in page.markdown if "Labelled dog" in m.value]
    assert "Labelled dog: differs" in badge and "red" in badge and "may be wrong" not in badge

    [issues] = page.session_state["label-issues"].values()
    issues.loc[3, "index"] = 3
    page.run()
    [badge] = [m.value for m in page.markdown if "Labelled dog" in m.value]
    assert "the label may be wrong" in badge and "orange" in badge


def test_it_leads_back_to_the_evaluation(page: AppTest, run: RunManifest) -> None:
    of_run(page, run.run_id, 0)
    [link] = [each.proto for each in page.get("page_link") if each.proto.label != "Batch evaluation"]
    assert link.label == "Back to evaluation" and run.run_id in link.query_string


def test_the_evaluation_in_the_address_is_the_one_that_is_shown(
    open_page: Open, dashboard: Services, run: RunManifest, make_zip: MakeZip
) -> None:
    other = evaluate(make_zip({"cat": 3, "dog": 2}), dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    at = open_page("evaluate")
    at.session_state["run_id"] = run.run_id
    at.query_params["run"] = other.run_id
    at.run()
    assert at.query_params["run"] == other.run_id == at.session_state["run_id"]


def test_a_dataset_that_has_other_labels_now_is_asked_about_again(
    open_page: Open, run: RunManifest, make_zip: MakeZip
) -> None:
    at = open_page("evaluate")
    at.query_params["run"] = run.run_id
    at.run()
    make_zip({"cat": 3, "unicorn": 2})  # in its place
    at.button(key="again").click().run()
    assert not at.exception and '"unicorn" (2 images) is not a class of' in text_of(at)


def test_the_address_says_what_is_chosen_and_a_link_shows_it_again(open_page: Open, frog: AppTest) -> None:
    assert set(frog.query_params) == {"picture", "threshold"}
    frog.selectbox(key="fit").select("pad").run()
    frog.selectbox(key="explain-target").select("truck").run()
    frog.selectbox(key="explain-layer").select("conv_a").run()
    view(frog, "One map").selectbox(key="explain-method").select("hires-cam").run()
    chosen = {
        "threshold": "0",
        "fit": "pad",
        "class": "truck",
        "layer": "conv_a",
        "method": "hires-cam",
        "tab": "One map",
    }
    assert {name: value for name, value in frog.query_params.items() if name != "picture"} == chosen
    opened = open_link(open_page, frog.query_params)
    assert not opened.exception and maps(opened) == maps(frog) == [
        "HiResCAM heatmap for truck over the picture; point at a cell for its value"
    ]
    assert opened.query_params == frog.query_params
    assert {opened.selectbox(key=key).value for key in ("fit", "explain-layer")} == {"pad", "conv_a"}
    view(opened, "Layers")
    assert alts(opened)[-1] == "HiResCAM heatmap for truck from layer conv_b"
    assert opened.query_params["method"] == "hires-cam"
    view(opened, "Methods")
    opened.selectbox(key="fit").select("default").run()
    opened.selectbox(key="explain-target").select("the predicted class").run()
    opened.selectbox(key="explain-layer").select("conv_b").run()
    assert set(opened.query_params) == {"picture", "threshold"}


def test_a_link_that_names_what_the_model_does_not_have_says_so(open_page: Open, frog: AppTest) -> None:
    link = {"class": "unicorn", "layer": "conv_z", "method": "x", "tab": "y", "fit": "z"}
    opened = open_link(open_page, {**frog.query_params, **link})
    assert not opened.exception and len(maps(opened)) == len(INSTANT)
    assert [each.value for each in opened.info] == [
        f"The model has no {what}. The default is shown." for what in ("class unicorn", plain("layer conv_z"))
    ]
    assert set(opened.query_params) == {"picture", "threshold"}


def test_an_image_that_cannot_be_read_does_not_end_the_way(
    page: AppTest, dashboard: Services, make_zip: MakeZip
) -> None:
    dataset = make_zip({"cat": 2, "ship": 1}, extra={"dog/text.png": b"hello"})
    run = evaluate(dataset, dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)
    table = dashboard.runs.folder(run.run_id).load().table
    [unreadable] = table.loc[table["status"] == "failed", "index"]
    of_run(page, run.run_id, unreadable)
    assert not page.exception and "is text, not an image" in text_of(page)
    assert f"{unreadable + 1} of 4: all images" in text_of(page)
    page.button(key="previous-image").click().run()
    assert not page.exception and maps(page) and page.query_params["image"] == str(unreadable - 1)


def test_it_shows_the_picture_that_was_predicted_last(frog: AppTest) -> None:
    frog.switch_page("../pages/predict.py")
    frog.query_params.clear()
    frog.run()
    click_sample(frog, "ship")
    predicted = Path(frog.session_state["chosen-picture"][0]).name
    frog.switch_page("../pages/explain.py").run()
    assert not frog.exception and predicted in [text.value for text in frog.text]
    click_another = frog.button(key="another").click().run()
    click_sample(click_another, "frog")
    for page in ("predict", "explain"):  # Predict shows the older picture again
        frog.switch_page(f"../pages/{page}.py").run()
    assert predicted not in [text.value for text in frog.text]


def position(at: AppTest) -> str:
    return next(c.value for c in at.caption if re.match(r"[\d,]+ of [\d,]+: ", c.value))


def test_the_address_holds_the_list_and_the_view_to_return_to(open_page: Open, run: RunManifest) -> None:
    at = open_page("evaluate")
    at.query_params.update({"run": run.run_id, "where": "true_label=cat", "show": "status=ok"})
    at.run()
    at.session_state["view"] = "Images"
    at.run()
    at.selectbox(key="image-order").select("least confident").run()
    listed = [item["index"] for item in sheet(at)]
    click_in_sheet(at, listed[1])
    assert not at.exception and position(at) == "2 of 3: labelled cat"
    reloaded = open_link(open_page, at.query_params)
    assert position(reloaded) == position(at)
    reloaded.button(key="next-image").click().run()
    assert reloaded.query_params == {**at.query_params, "image": str(listed[2])}
    [link] = [each.proto for each in reloaded.get("page_link") if each.proto.label == "Back to evaluation"]
    assert (
        link.query_string
        == f"run={run.run_id}&where=true_label%3Dcat&show=status%3Dok&sort=least+confident&view=Images"
    )


@pytest.mark.parametrize(
    "image, told", [("", "The address names no image of this evaluation."), ("x", "'x' is not the number of an image.")]
)
def test_a_link_without_an_image_says_so_and_leads_to_the_evaluation(
    page: AppTest, run: RunManifest, image: str, told: str
) -> None:
    of_run(page, run.run_id, image)
    assert not page.exception and told in text_of(page)
    assert any(each.proto.label == "Back to evaluation" for each in page.get("page_link"))
