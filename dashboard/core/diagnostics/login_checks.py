"""Checks that users can log in with OpenID Connect, if the secrets of Streamlit have a section [auth]."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboard.core.diagnostics.checks import Check, without_full_stop
from dashboard.core.diagnostics.context import CheckContext, Step
from dashboard.core.errors import DependencyError
from dashboard.core.shell import PACKAGE, install_requirements

GROUP = "login"
_ASK = "dashboard.ui.openid"  # a program of its own, because it needs Streamlit, which reads the secrets
_LIMIT_S = 60.0


def steps(context: CheckContext) -> list[Step]:
    """One step for all providers."""
    quiet = not any(map(_may_have_auth, context.secrets_files))
    return [Step(GROUP, GROUP, "the log-in", _check, quiet=quiet, after=("packages",))]


def _may_have_auth(file: str) -> bool:
    """False if a file of secrets is missing or has no section [auth]."""
    try:
        return b"auth" in Path(file).read_bytes()
    except OSError:
        return Path(file).exists()  # as folders of secrets


def _check(context: CheckContext) -> list[Check]:
    if context.failed("package.streamlit"):
        return [Check(GROUP, GROUP, "skipped", "Log-in skipped: Streamlit cannot be used")]
    return check_login(context.secrets_files)


def check_login(files: Sequence[str] = ()) -> list[Check]:
    """A check for each provider; none if there is no section [auth].

    Args:
        files: of secrets; none: those of Streamlit's settings.

    Raises:
        OSError: the program that asks them cannot be started.
        DependencyError: it ended with an error, which only a broken package explains.
    """
    found = _ask(files)
    if isinstance(found, dict):  # the server does not start then
        return [Check(GROUP, GROUP, "error", without_full_stop(found["message"]), found["fix"])]
    there = " or ".join(file for file in files if Path(file).exists()) or ".streamlit/secrets.toml"
    return [_of_provider(name, url, fault, there) for name, url, fault in found]


def _of_provider(name: str, url: str, fault: str, file: str) -> Check:
    check_id, whom = (f"{GROUP}.{name}", f" with {name}") if name else (GROUP, "")
    if not fault:
        return Check(check_id, GROUP, "ok", f"Users can log in{whom}: {url} answers")
    section = f"auth.{name}" if name else "auth"
    fix = (
        f"Start the provider, see that the network lets this machine reach it, or correct server_metadata_url in the section "
        f"[{section}] of {file} and restart the dashboard."
    )
    return Check(check_id, GROUP, "error", f"Nobody can log in{whom}: {fault}", fix)


def _ask(files: Sequence[str]) -> dict[str, str] | list[list[str]]:
    """What the program prints, see there."""
    places = filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH")))
    done = subprocess.run(
        [sys.executable, "-m", _ASK, *files], stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
        errors="replace", timeout=_LIMIT_S, env={**os.environ, "PYTHONPATH": os.pathsep.join(places)}, check=False,
    )  # fmt: skip
    if done.returncode or not done.stdout:
        reason = done.stderr.strip().rpartition("\n")[2] or f"it ended with code {done.returncode}"
        fix = f"Run `{install_requirements('--force-reinstall')}`, then restart the dashboard."
        raise DependencyError(f"The program that asks the provider failed: {reason}.", fix)
    told: dict[str, str] | list[list[str]] = json.loads(done.stdout.splitlines()[-1])
    return told
