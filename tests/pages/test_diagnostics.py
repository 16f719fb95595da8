"""The Diagnostics page on its own, over a real worker and a models folder of the test's."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.core.diagnostics import storage_checks
from dashboard.core.engine.pool import WorkerPool
from dashboard.core.settings import Settings
from dashboard.services import Services, services_of
from tests.core.colour_model import make_registry, make_samples
from tests.worker.hostile_worker import COMMAND

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


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def text_of(at: AppTest) -> str:
    return "\n".join(element.value for element in at.text)


def worker_of(at: AppTest) -> dict[str, object]:
    """The row of the only worker."""
    [table] = [table.value for table in at.dataframe if "State" in table.value]
    return dict(table.loc[0])


def tables(at: AppTest) -> str:
    return "\n".join(table.value.to_string() for table in at.dataframe)


def test_what_needs_no_tensorflow_is_shown_while_it_is_awaited(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_registry(services.settings.models_dir)
    go_on, answer = threading.Event(), services.inference.tensorflow

    def slow() -> object:
        assert go_on.wait(60)
        return answer()

    monkeypatch.setattr(services.inference, "tensorflow", slow)
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    until(lambda: services.diagnosis.progress[0] >= 5)
    at.run()
    assert at.button(key="check-again").disabled and not at.success
    assert at.info[0].value.startswith("**Checking, ")
    captions = "\n".join(caption.value for caption in at.caption)
    assert "Checking TensorFlow in a worker process" in captions and "Checking whether colour" in captions
    assert "colour@1: model.keras is as model.json describes" in tables(at)
    assert {metric.label: metric.value for metric in at.metric}["Accuracy on samples"] == "Checking ..."
    go_on.set()
    assert not opened().exception


def test_a_data_folder_whose_name_is_no_utf_8_is_shown(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_registry(services.settings.models_dir)
    data = tmp_path / os.fsdecode(b"donn\xe9es")  # Latin-1
    (tmp_path / "data").rename(data)
    other = services_of(services.settings.model_copy(update={"data_dir": data}), services.engine)
    monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: other)
    at = opened()
    assert not at.exception and "The data folder" in tables(at) and "donn\ufffdes can be written to" in tables(at)
    monkeypatch.setattr(storage_checks, "free_mib", lambda folder: 0)
    at.button(key="check-again").click().run()
    at = opened()
    assert not at.exception and "donn\ufffdes/runs" in text_of(at)


def test_a_killed_worker_is_never_below_everything_works(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is over a worker of its own, which is killed while idle and while busy."""
    make_registry(services.settings.models_dir)
    with closing(WorkerPool(1, command=COMMAND)) as own:
        alive = replace(services, engine=own)
        monkeypatch.setattr("dashboard.ui.resources.get_services", lambda: alive)
        until(lambda: own.workers()[0].state == "idle")
        at = opened()
        os.kill(own.workers()[0].pid or 0, signal.SIGKILL)
        until(lambda: own.workers()[0].state != "idle")
        at.run()
        assert not at.success and worker_of(at)["State"] in ("died; it is being replaced", "restarting")
        until(lambda: own.workers()[0].state == "idle")
        task = own.submit("sleep", 60.0)
        until(lambda: own.workers()[0].state == "busy")
        at.run()
        assert worker_of(at)["State"] == "busy: sleep"
        os.kill(own.workers()[0].pid or 0, signal.SIGKILL)
        until(lambda: own.workers()[0].restarts == 2)
        at.run()
        assert not at.success and not at.exception
        shown = worker_of(at)
        assert shown["Restarts"] == 2 and str(shown["Why it last ended"]).startswith(
            "It was killed by SIGKILL while sleep"
        )
        assert "If restarts keep increasing: " in text_of(at)
        task.cancel()


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
        "Settings",
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
    assert at.error[0].value.startswith("**colour@1 is off")
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
    report = services.diagnosis.report()
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not at.button(key="check-again").disabled
    again = services.diagnosis.report()
    assert report and again and again.created_utc == report.created_utc
    assert any(caption.value.startswith("Checked less than a minute ago") for caption in at.caption)
    checks = [table.value for table in at.dataframe if "Status" in table.value]
    assert checks and all(list(table) == ["Status", "Check", "Value"] for table in checks)
    assert all(table["Value"].str.startswith("checked ").any() for table in checks)


def test_a_changed_model_is_checked_again(services: Services) -> None:
    registry = make_registry(services.settings.models_dir)
    at = opened()
    assert not at.error
    registry.get().file.unlink()
    at.run()  # it checks by itself
    assert opened().error[0].value.startswith("**colour@1 is off")


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
    at = opened()
    assert COMMAND in [code.value for code in at.code]
    told = " ".join(markdown.value for markdown in at.markdown)
    assert all(f"--resample {each}" in told for each in ("bilinear", "nearest"))
    done = CliRunner().invoke(app, COMMAND.removeprefix("python -m dashboard ").split())
    assert "labels.txt: No such file" in done.output and done.exit_code == 1
