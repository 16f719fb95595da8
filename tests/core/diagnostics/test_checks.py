import pytest

from dashboard.core.diagnostics.checks import Check, Report
from dashboard.core.diagnostics.report_text import report_as_text
from dashboard.schemas.diagnostics import ReportRecord

OK = Check("a", "packages", "ok", "numpy 2.4 (>=2 is required)", "", (("Size", "3 MB"),))
WARNING = Check("b", "storage", "warning", "little disk is free", "Free some.")
ERROR = Check(
    "c", "models", "error", "m@1 is cut off", "Run `git restore models/m/1`, then `python -m dashboard doctor`."
)
SKIPPED = Check("d", "models", "skipped", "m@1 skipped")
NOW = "2026-01-02T03:04:05+00:00"


def report(*checks: Check, off: str = "") -> Report:
    return Report(checks, NOW, off=off)


def test_the_light_is_that_of_the_worst_check() -> None:
    assert report(OK, SKIPPED).status == "ok"
    assert report(OK, WARNING, SKIPPED).status == "warning"
    assert report(OK, ERROR, WARNING).status == "error"


def test_headlines() -> None:
    assert report(OK, SKIPPED).headline == "Everything works"
    assert report(WARNING).headline == "Works, with 1 warning"
    assert report(WARNING, WARNING).headline == "Works, with 2 warnings"
    assert report(ERROR, WARNING).headline == "1 error: m@1 is cut off"
    assert report(ERROR, ERROR).headline == "2 errors, the first: m@1 is cut off"
    long = Check("e", "models", "error", "it guesses; more about that")
    assert report(long).headline == "1 error: it guesses"
    off = report(ERROR, off="New predictions are off: TensorFlow is not installed.")
    assert off.headline == "New predictions are off: TensorFlow is not installed"


def test_commands_are_what_a_shell_takes() -> None:
    assert ERROR.commands == ("git restore models/m/1", "python -m dashboard doctor")
    fix = 'Save it with `model.save("x.keras")`, or run `.venv/bin/python -m pip install "a>=1"`.'
    assert Check("x", "models", "error", "", fix).commands == ('.venv/bin/python -m pip install "a>=1"',)


def test_the_dictionary_has_the_promised_fields_and_no_others() -> None:
    assert ReportRecord.of(report(OK, WARNING)).as_json() == {
        "status": "warning",
        "checks": [
            {"id": "a", "status": "ok", "summary": "numpy 2.4 (>=2 is required)", "fix": ""},
            {"id": "b", "status": "warning", "summary": "little disk is free", "fix": "Free some."},
        ],
    }


@pytest.mark.usefixtures("by_its_name")
def test_commands_name_an_installed_dashboard_as_it_was_started() -> None:
    found = report(ERROR)
    [check] = ReportRecord.of(found).checks
    for text in (check.fix, report_as_text(found)):
        assert "`classifier-dashboard doctor`" in text and "python -m dashboard" not in text
    assert "`python -m dashboard doctor`" in ERROR.fix


def test_the_text_says_all_that_the_checks_say() -> None:
    text = report_as_text(report(OK, WARNING, ERROR, SKIPPED))
    assert text.splitlines()[:2] == ["1 error: m@1 is cut off", f"Checked {NOW}"]
    for check in (OK, WARNING, ERROR, SKIPPED):
        assert f"{check.status:<8} {check.summary}" in text
        assert check.fix in text
    assert "Size: 3 MB" in text
    assert "Workers" not in text  # a group without checks has no title
