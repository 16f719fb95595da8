"""Checks for names that look like settings but are none."""

from __future__ import annotations

from dashboard.core.diagnostics.checks import Check, without_full_stop
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.settings import no_such_setting, unknown_settings

GROUP = "settings"


def steps(context: CheckContext) -> list[Step]:
    """One step for all names."""
    return [Step(GROUP, GROUP, "the names of the settings", lambda _: check_settings())]


def check_settings() -> list[Check]:
    """A warning for each name in the environment and in .env that begins like a setting but is none."""
    checks = []
    for name in unknown_settings():
        summary, perhaps = no_such_setting(name)
        fix = f"{perhaps} Rename it or remove it, then restart the dashboard."
        checks.append(Check(f"setting.{name}", GROUP, "warning", without_full_stop(summary), fix))
    return checks or [Check(GROUP, GROUP, "ok", "Every name that begins with DASHBOARD_ is a setting")]
