"""The Explain page with models of the test's own: other ones, damaged ones, with names that are markup."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.explanations.methods import METHODS
from dashboard.core.files import sha256_of
from dashboard.core.runs.manifest import RunManifest
from dashboard.services import Services
from tests.conftest import MakeZip, encoded, picture
from tests.core.colour_model import make_registry
from tests.evaluating import evaluate
from tests.pages.conftest import alts, click_sample, show_evaluation, text_of

pytestmark = pytest.mark.usefixtures("own_models")

Open = Callable[[str], AppTest]
TINY = "tiny@1"


@pytest.fixture
def run(dashboard: Services, make_zip: MakeZip) -> RunManifest:
    """A finished evaluation by the tiny model, of 3 cats and 2 dogs."""
    dataset = make_zip({"cat": 3, "dog": 2})
    return evaluate(dataset, dashboard.registry.get(TINY), dashboard.engine, dashboard.runs)


@pytest.fixture
def page(open_page: Open) -> AppTest:
    at = open_page("explain")
    at.selectbox(key="model").select(TINY).run()
    return at


def choose_another_model(page: AppTest, dashboard: Services) -> None:
    make_registry(dashboard.settings.models_dir)
    page.run()
    page.selectbox(key="model").select("colour@1").run()


def test_the_maps_of_another_model_than_the_evaluation_say_so(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    choose_another_model(page, dashboard)
    page.query_params["run"], page.query_params["image"] = run.run_id, "0"
    page.run()
    assert not page.exception
    [warning] = page.warning
    assert "The evaluation used tiny@1" in warning.value.replace("\\", "")


def test_an_address_names_the_model_and_an_unknown_one_is_not_replaced(
    page: AppTest, open_page: Open, dashboard: Services
) -> None:
    choose_another_model(page, dashboard)
    page.file_uploader(key="explain-upload").upload("a.png", encoded(picture(1))).run()
    assert page.query_params["model"] == "colour@1"
    for model in ("colour@1", "**nope**@1"):
        at = open_page("predict")
        at.query_params.update({**page.query_params, "model": model})
        at.switch_page("../pages/explain.py").run()
        assert not at.exception and at.selectbox(key="model").value == at.query_params["model"] == model
        assert ("There is no model" in text_of(at)) is (model != "colour@1")
    assert not at.metric and "**nope" not in "".join(m.value for m in (*at.markdown, *at.caption))


def test_a_model_file_that_was_exchanged_under_its_version_is_told(
    page: AppTest, dashboard: Services, run: RunManifest
) -> None:
    page.query_params["run"], page.query_params["image"] = run.run_id, "0"
    page.run()
    assert not page.exception and not page.warning
    folder = dashboard.settings.models_dir / "tiny" / "1"
    with zipfile.ZipFile(folder / "model.keras", "a") as archive:
        archive.comment = b"another file, with the same answers"
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**record, "sha256": sha256_of(folder / "model.keras")}))
    page.run()
    assert not page.exception and "was replaced after the evaluation" in page.warning[0].value


def test_another_way_to_make_pictures_fit_is_told_where_it_matters(
    page: AppTest, dashboard: Services, make_zip: MakeZip
) -> None:
    dataset = make_zip({}, extra={"square.png": encoded(picture(1)), "wide.png": encoded(picture(1, 64, 32))})
    padded = dashboard.registry.get(TINY).fitting("pad")
    run = evaluate(dataset, padded, dashboard.engine, dashboard.runs)
    warnings = []
    for index in "01":
        page.query_params["run"], page.query_params["image"] = run.run_id, index
        page.run()
        assert not page.exception
        warnings.append([warning.value for warning in page.warning])
    assert warnings[0] == [] and "“Pad with black”" in warnings[1][0] and "“Stretch”" in warnings[1][0]
    page.selectbox(key="fit").select("pad").run()
    assert not page.exception and not page.warning


def test_a_model_without_a_convolution_is_explained_by_its_pixels(page: AppTest, dashboard: Services) -> None:
    choose_another_model(page, dashboard)
    page.file_uploader(key="explain-upload").upload("a.png", encoded(picture(1))).run()
    assert not page.exception and "no layer with a grid" in page.info[0].value.replace("\\", "")
    page.button(key="slow-methods").click().run()
    assert len([alt for alt in alts(page) if " heatmap for " in alt]) == len(
        [m for m in METHODS.values() if not m.uses_layer]
    )
    page.session_state["explain-tab"] = "Layers"
    page.run()
    assert "no layer with a grid" in page.info[-1].value.replace("\\", "")


def test_a_damaged_model_gives_no_maps_but_the_cause(page: AppTest, dashboard: Services) -> None:
    file = dashboard.settings.models_dir / "tiny" / "1" / "model.keras"
    file.write_bytes(file.read_bytes()[:1000])
    click_sample(page, "frog")
    assert not page.exception and not page.metric and "checksum does not match" in text_of(page)


def test_names_of_classes_are_never_markup(page: AppTest, dashboard: Services) -> None:
    names = [f"**{c}** ![x](http://example.org/{c}.png)" for c in "abcdefghij"]
    file = dashboard.settings.models_dir / "tiny" / "1" / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "class_names": names}))
    page.run()
    page.file_uploader(key="explain-upload").upload("a.png", encoded(picture(1))).run()
    for name in ("Methods", "One map", "Layers", "Two classes"):
        page.session_state["explain-tab"] = name
        page.run()
        assert not page.exception
        kinds = (page.markdown, page.caption, page.warning, page.info, page.metric, page.header, page.subheader)
        read_as_markdown = [str(element.value) for kind in kinds for element in kind]
        read_as_markdown += [box.label for box in page.selectbox]
        assert any("example" in text for text in read_as_markdown)
        assert not any("![x](" in text for text in read_as_markdown), name


def test_many_maps_by_a_model_that_has_gone_say_so(open_page: Open, dashboard: Services, run: RunManifest) -> None:
    shutil.rmtree(dashboard.settings.models_dir / "tiny")
    at = open_page("evaluate")
    show_evaluation(at, run.run_id)
    at.session_state[f"bulk-{run.run_id}"] = True
    at.run()
    assert not at.exception and "The maps could not be made" in text_of(at)
