"""The dashboard over the worker that all tests share, with data and models folders of the test's own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.runtime.scriptrunner import script_runner
from streamlit.testing.v1 import AppTest

from dashboard.core.engine.pool import WorkerPool
from dashboard.core.models.registry import Registry
from dashboard.core.settings import Settings
from dashboard.services import Services, services_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def installed_components() -> Iterator[None]:
    """Streamlit reads the metadata of every installed package for every AppTest; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def server_without_tensorflow() -> Iterator[None]:
    """Before each run of a page, Streamlit resets Keras where it is loaded, which takes most of a test's time.

    Only tests load it beside the pages: the server never does.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script_runner, "_clean_problem_modules", lambda: None)
        yield


@pytest.fixture(scope="session")
def all_models(tmp_path_factory: pytest.TempPathFactory, tiny_registry: Registry) -> Path:
    """The models of the project and a tiny one."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(ROOT / "models", folder / "models")
    shutil.copytree(tiny_registry.root / "tiny", folder / "models" / "tiny")
    return folder / "models"


@pytest.fixture
def own_models(tmp_path: Path, all_models: Path) -> Path:
    """These models as files of the test's own. The worker loads them anew, which takes seconds."""
    return Path(shutil.copytree(all_models, tmp_path / "models"))


@pytest.fixture
def models_dir(request: pytest.FixtureRequest, all_models: Path) -> Iterator[Path]:
    """These models, the same files for all tests but those that use `own_models`: the worker keeps them loaded."""
    if "own_models" in request.fixturenames:
        yield request.getfixturevalue("own_models")
        return
    before = states_below(all_models)
    yield all_models
    assert states_below(all_models) == before, "a test that changes a model needs own_models"


def states_below(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.fixture
def dashboard(
    tmp_path: Path,
    models_dir: Path,
    pool: WorkerPool,
    monkeypatch: pytest.MonkeyPatch,
) -> Services:
    """Services over these models; the samples lie in the data folder."""
    shutil.copytree(ROOT / "data" / "samples", tmp_path / "data" / "samples")
    settings = Settings(models_dir=models_dir, data_dir=tmp_path / "data", max_upload_mb=1, chunk_size=8)
    services = services_of(settings, pool)
    monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: services)
    return services


@pytest.fixture
def open_page(dashboard: Services) -> Callable[[str], AppTest]:
    """`open_page("predict")` gives the page within the whole dashboard, run once."""

    def opened(name: str) -> AppTest:
        at = AppTest.from_file(ROOT / "dashboard" / "main.py", default_timeout=60).run()
        return at.switch_page(str(ROOT / "pages" / f"{name}.py")).run()

    return opened


def show_evaluation(at: AppTest, run_id: str) -> AppTest:
    """Batch evaluation with this run, as a link to it opens it."""
    at.query_params["run"] = run_id
    return at.run()


def run_after_more(at: AppTest, dashboard: Services, *run_ids: str) -> AppTest:
    """Runs the page twice after these evaluations were stored once more, so that their titles get an end that tells them apart.

    A browser still sends the titles that were chosen, until the page tells it other ones.
    """
    states = at._tree.get_widget_states()
    for run_id in run_ids:
        _store_again(dashboard, run_id)
    for _ in range(2):
        at._run(states)
        assert not at.exception
    return at


def run_in_browser(at: AppTest, titles: dict[str, str], label: str = "", start: str = "") -> AppTest:
    """Runs the page, after the option that begins with `start` is chosen in the box whose label begins with `label`, if any.

    A browser still sends the titles that were chosen, until the page tells it other ones; `titles` keeps them, by widget.
    """
    if label:
        [box] = [each for each in at.selectbox if each.label.startswith(label)]
        titles[box.proto.id] = next(option for option in box.options if option.startswith(start))
    states = at._tree.get_widget_states()
    for state in states.widgets:
        if state.id in titles:
            state.string_value = titles[state.id]
    at._run(states)
    assert not at.exception
    titles.update({box.proto.id: box.proto.raw_value for box in at.selectbox if box.proto.set_value})
    return at


def _store_again(dashboard: Services, run_id: str) -> None:
    folder = dashboard.runs.folder(run_id)
    copy = dashboard.runs.folder(f"{run_id}-second")
    shutil.copytree(folder.path, copy.path)
    copy.save(replace(folder.manifest(), run_id=copy.run_id))


def text_of(at: AppTest) -> str:
    """All that is written on the page, but for tables."""
    kinds = (at.header, at.text, at.markdown, at.caption, at.error, at.warning, at.info, at.success, at.code)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def alts(at: AppTest) -> list[str]:
    """The alternative texts of all pictures and charts."""
    images = [image.alt for element in at.image for image in element.proto.imgs]
    return [*images, *(chart.proto.alt for chart in at.get("vega_lite_chart"))]


def sheet(at: AppTest) -> list[dict[str, Any]]:
    """The pictures of the first contact sheet that the page shows; none if there is no sheet."""
    return next(iter(sheets(at).values()), [])


def sheets(at: AppTest) -> dict[str, list[dict[str, Any]]]:
    """The pictures of each contact sheet that the page shows, by its name."""
    found = [each.proto for each in at.get("bidi_component") if each.proto.component_name == "contact_sheet"]
    return {shown["name"]: shown["items"] for shown in (json.loads(each.json) for each in found)}


def samples_of(at: AppTest) -> set[str]:
    """The classes of the samples that can be clicked."""
    return {item["text"] for item in sheet(at)}


def click_sample(at: AppTest, name: str) -> AppTest:
    """Clicks a sample, as a browser does. If the samples are folded, opens them first."""
    if not sheet(at):
        [folded] = [key for key in at.session_state._state.filtered_state if key.startswith("samples-")]
        at.session_state[folded] = True
        at.run()
    return click_in_sheet(at, next(item["index"] for item in sheet(at) if item["text"] == name))


def click_in_sheet(at: AppTest, index: int, key: str = "", place: int = 0) -> AppTest:
    """Clicks the picture with this index in a contact sheet, the first one, as a browser does; or presses R or W on it."""
    found = [each.proto for each in at.get("bidi_component") if each.proto.component_name == "contact_sheet"]
    component = found[place]
    items = json.loads(component.json)["items"]
    judged = [{"index": index, "right": key == "R", "sent": 1}] if key else []
    told = {
        "selected": [], "among": [item["index"] for item in items], "sent": 1, "opened": None if key else index,
        "judged": judged,
    }  # fmt: skip
    states = at._tree.get_widget_states()
    payload = json.dumps([{"event": "told", "value": told}])
    states.widgets.add(id=_make_trigger_id(component.id, "events"), json_trigger_value=payload)
    return at._run(states)
