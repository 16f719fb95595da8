"""The Diagnostics page on its own, over a real worker and a models folder of the test's."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.clock import utc_now
from dashboard.core.diagnostics.checks import Report
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.settings import Settings
from dashboard.services import Services, services_of
from tests.core.colour_model import make_registry, make_samples

PAGE = Path(__file__).resolve().parents[2] / "pages" / "diagnostics.py"


@pytest.fixture
def services(tmp_path: Path, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The page's services, over the worker that all tests share."""
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", max_upload_mb=1)
    make_samples(settings.data_dir / "samples")
    services = services_of(settings, pool)
    monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: services)
    return services


def opened() -> AppTest:
    """The page when its checks are done."""
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    for _ in range(240):
        if not at.button(key="check-again").disabled:
            return at
        time.sleep(0.25)
        at.run()
    raise AssertionError("the checks do not end")


def text_of(at: AppTest) -> str:
    return "\n".join(element.value for element in at.text)


def tables(at: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in at.dataframe)


def test_while_it_checks_it_says_what(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    told, go_on = threading.Event(), threading.Event()

    def slow_checks(*services: object) -> Report:
        services[-1]("Waiting for TensorFlow")  # type: ignore[operator]
        told.set()
        go_on.wait(60)
        return Report((), utc_now())

    monkeypatch.setattr("dashboard.core.diagnostics.diagnosis.run_checks", slow_checks)
    services.diagnosis.start()
    assert told.wait(10)
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert at.button(key="check-again").disabled
    assert text_of(at) == "Waiting for TensorFlow ..."
    assert not at.success
    go_on.set()
    assert opened().success


def test_when_all_works_one_line_says_so_and_the_rest_is_folded(services: Services) -> None:
    make_registry(services.settings.models_dir)
    at = opened()
    assert not at.exception
    assert not at.error
    [line] = [*at.success, *at.warning]  # a warning where this environment's packages are newer than tried
    assert line.value.startswith(("**Everything works", "**Works, with"))
    assert [title.value for title in at.header] == [
        "Python and packages",
        "TensorFlow",
        "Models",
        "Workers",
        "Storage",
    ]
    assert {metric.label: metric.value for metric in at.metric}["Accuracy on samples"] == "100.0%"
    assert at.metric[1].value.endswith(" ms")
    assert at.metric[2].value.endswith(" MiB")
    assert "TensorFlow 2." in tables(at)
    [pid] = [worker.pid for worker in services.engine.workers()]
    assert str(pid) in tables(at)


def test_a_failing_check_carries_its_command(services: Services) -> None:
    make_registry(services.settings.models_dir, "1/255")
    at = opened()
    assert at.error[0].value.startswith("**1 error")
    assert "predicts 'dark' for 100% of the samples" in text_of(at)
    assert any(code.value.endswith("--scale raw") for code in at.code)


def test_a_broken_model_leads_the_page(services: Services) -> None:
    make_registry(services.settings.models_dir).get().file.unlink()
    at = opened()
    assert at.error[0].value.startswith("**Predictions are off")
    assert "colour@1: model.keras is missing" in text_of(at)
    assert {metric.label: metric.value for metric in at.metric}["Accuracy on samples"] == "Not tested"


def test_names_are_never_markup(services: Services) -> None:
    make_registry(services.settings.models_dir, name="**loud** ![x](y)").get().file.unlink()
    at = opened()
    markdown = [element.value for kind in (at.markdown, at.error, at.caption, at.header) for element in kind]
    assert "**loud** ![x](y)@1" in text_of(at)
    assert not any("**loud**" in value or "![x](y)" in value for value in markdown)


def test_going_away_and_coming_back_does_not_check_again(services: Services) -> None:
    make_registry(services.settings.models_dir)
    opened()
    report = services.diagnosis.state.result
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not at.button(key="check-again").disabled
    assert services.diagnosis.state.result is report


def test_check_again_sees_what_has_changed(services: Services) -> None:
    registry = make_registry(services.settings.models_dir)
    at = opened()
    assert not at.error
    registry.get().file.unlink()
    at.button(key="check-again").click().run()
    assert opened().error[0].value.startswith("**Predictions are off")


def test_the_report_can_be_copied_and_downloaded(services: Services) -> None:
    make_registry(services.settings.models_dir)
    at = opened()
    report = at.code[-1].value
    assert "colour@1 is right for 100.0%" in report
    assert "Storage" in report
    assert at.get("download_button")[0].proto.label == "Download report"


def test_the_command_that_adds_a_model(services: Services) -> None:
    """Its options exist: only the file and the names are missing."""
    from typer.testing import CliRunner

    from dashboard.cli.app import app
    from dashboard.ui.diagnostics.add_model import COMMAND

    make_registry(services.settings.models_dir)
    assert COMMAND in [code.value for code in opened().code]
    done = CliRunner().invoke(app, COMMAND.removeprefix("python -m dashboard ").split())
    assert "labels.txt: No such file" in done.output and done.exit_code == 1
